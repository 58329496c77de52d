#include "fedtorch/config/scalar.h"

#include "fedtorch/core/stream.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace fedtorch::config {
namespace {

TEST(ParseInteger, ReadsDecimalIntegersOnly) {
  EXPECT_EQ(ParseInteger("0"), 0);
  EXPECT_EQ(ParseInteger("-17"), -17);
  EXPECT_EQ(ParseInteger("9223372036854775807"),
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(ParseInteger("-9223372036854775808"),
            std::numeric_limits<std::int64_t>::min());
  for (const char* text : {"",
                           "-",
                           "+1",
                           "01",
                           "-01",
                           "00",
                           "0x10",
                           "0o7",
                           "1_000",
                           "1e3",
                           "1.0",
                           "1 ",
                           " 1",
                           "9223372036854775808",
                           "1a",
                           ".nan",
                           "٣"}) {
    EXPECT_EQ(ParseInteger(text), std::nullopt) << text;
  }
}

TEST(ParseReal, ReadsDecimalNumbersOnly) {
  EXPECT_EQ(ParseReal("1"), 1.0);
  EXPECT_EQ(ParseReal("-0.25"), -0.25);
  EXPECT_EQ(ParseReal(".5"), 0.5);
  EXPECT_EQ(ParseReal("5."), 5.0);
  EXPECT_EQ(ParseReal("1e3"), 1000.0);
  EXPECT_EQ(ParseReal("1E-05"), 1e-5);
  EXPECT_EQ(ParseReal("2.5e+2"), 250.0);
  for (const char* text :
       {"",    ".",   "-",     "-.",     "01.5", "+1",   "1e",
        "1e+", "e5",  "0x1p3", "1_0.5",  ".nan", ".inf", "-.inf",
        "inf", "nan", "1e400", "1e-400", "1.5f", "1,5"}) {
    EXPECT_EQ(ParseReal(text), std::nullopt) << text;
  }
}

TEST(FormatReal, IsShortAndReadsBackToTheSameBits) {
  EXPECT_EQ(FormatReal(0.1), "0.1");
  EXPECT_EQ(FormatReal(1.0), "1");
  EXPECT_EQ(FormatReal(1e-5), "1e-05");
  core::Stream stream = core::Stream::Named(1, "test/format_real");
  int finite = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = stream.Bits64();
    double value = 0.0;
    static_assert(sizeof value == sizeof bits);
    std::memcpy(&value, &bits, sizeof value);
    // Subnormals are kept out: from_chars may call them out of range.
    if (!std::isnormal(value)) continue;
    ++finite;
    const auto back = ParseReal(FormatReal(value));
    ASSERT_TRUE(back.has_value()) << FormatReal(value);
    EXPECT_EQ(std::memcmp(&*back, &value, sizeof value), 0);
  }
  EXPECT_GT(finite, 19'000);
}

TEST(ToYaml, QuotesWhatAReaderCouldTakeForSomethingElse) {
  const auto yaml = [](const char* text) {
    return ToYaml(Scalar(std::string(text)));
  };
  for (const char* text :
       {"mean", "multi_krum", "runs/a-b.c", "cuda:0", "two words", "a=b"}) {
    EXPECT_EQ(yaml(text), text);
  }
  for (const char* text :
       {"",     "null", "Null",       "~",     "true", "True", "yes",  "No",
        "on",   "OFF",  "y",          "n",     "1",    "-1",   "1.5",  "0x1",
        ".inf", ".nan", "2024-01-01", "12:30", "- a",  "-",    "a: b", "a:",
        ": a",  " a",   "a ",         "[a",    "{a",   "#a",   "a #b", "&a",
        "*a",   "!a",   "|",          ">",     "'a'",  "%a",   "@a",   "`a`",
        "a,b",  "?",    "<<",         "=",     "é"}) {
    EXPECT_EQ(yaml(text), "\"" + std::string(text) + "\"");
  }
  EXPECT_EQ(yaml("a\"b\\c\n\t"), R"("a\"b\\c\n\t")");
  EXPECT_EQ(yaml("\x01"), R"("\u0001")");
  EXPECT_EQ(yaml("${a}"), R"("$${a}")");
  EXPECT_EQ(yaml("$${a}"), R"("$$${a}")");
}

TEST(FormatRange, NamesBoundsAndTheirKind) {
  EXPECT_EQ(FormatRange(IntRange{}), "");
  EXPECT_EQ(FormatRange(IntRange{.min = 1}), ">= 1");
  EXPECT_EQ(FormatRange(IntRange{.max = 5}), "<= 5");
  EXPECT_EQ(FormatRange(IntRange{.min = 1, .max = 5}), "in [1, 5]");
  EXPECT_EQ(FormatRange(RealRange{.min = 0, .open_min = true}), "> 0");
  EXPECT_EQ(FormatRange(RealRange{.max = 1, .open_max = true}), "< 1");
  EXPECT_EQ(FormatRange(RealRange{.min = 0, .max = 1, .open_min = true}),
            "in (0, 1]");
}

TEST(NeutralValue, LiesInsideTheRange) {
  for (const IntRange range : {IntRange{},
                               IntRange{.min = 1},
                               IntRange{.min = 7},
                               IntRange{.max = -3},
                               IntRange{.min = -9, .max = -3},
                               IntRange{.min = 0, .max = 0}}) {
    EXPECT_TRUE(Contains(range, NeutralValue(range))) << FormatRange(range);
  }
  for (const RealRange range :
       {RealRange{},
        RealRange{.min = 0, .max = 1, .open_max = true},
        RealRange{.min = 0, .max = 1, .open_min = true, .open_max = true},
        RealRange{.min = 5, .open_min = true},
        RealRange{.max = -5, .open_max = true},
        RealRange{.min = 2, .max = 3, .open_min = true, .open_max = true},
        RealRange{.min = 1e9, .open_min = true}}) {
    EXPECT_TRUE(Contains(range, NeutralValue(range))) << FormatRange(range);
  }
}

TEST(Contains, RefusesWhatIsNotFinite) {
  EXPECT_FALSE(Contains(RealRange{}, std::nan("")));
  EXPECT_FALSE(Contains(RealRange{}, std::numeric_limits<double>::infinity()));
}

}  // namespace
}  // namespace fedtorch::config
