#include "fedtorch/core/json_line.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace fedtorch::core {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

TEST(JsonLine, KeepsTheOrderAndTheTypesOfItsMembers) {
  JsonLine line;
  line.Add("event", "round").Add("round", 12).Add("test/accuracy", 0.713);
  line.Add("stopped", false).Add("bytes", std::uint64_t{18446744073709551615U});
  line.Add("absent", std::optional<double>{}).Add("lr", std::optional(1e-5));
  line.Add("name", std::string("a")).Add("least", INT64_MIN);
  EXPECT_EQ(line.ToString(),
            R"({"event":"round","round":12,"test/accuracy":0.713,)"
            R"("stopped":false,"bytes":18446744073709551615,"absent":null,)"
            R"("lr":1e-05,"name":"a","least":-9223372036854775808})");
  EXPECT_EQ(JsonLine().ToString(), "{}");
}

TEST(JsonLine, WritesOneMemberALineWhenIndented) {
  EXPECT_EQ(JsonLine().Add("a", 1).Add("b", kNan).ToIndented(),
            "{\n  \"a\": 1,\n  \"b\": null,\n  \"nonfinite\": [\"b\"]\n}\n");
}

TEST(JsonLine, NamesWhatIsNotFinite) {
  JsonLine line;
  line.Add("train/loss", kNan).Add("round", 3).Add("norm", -kInfinity);
  EXPECT_EQ(line.ToString(),
            R"({"train/loss":null,"round":3,"norm":null,)"
            R"("nonfinite":["train/loss","norm"]})");
}

TEST(JsonLine, RefusesANameTwice) {
  JsonLine line;
  line.Add("round", 1);
  EXPECT_TRUE(line.Contains("round"));
  EXPECT_THROW(line.Add("round", 2), Bug);
  EXPECT_THROW(line.Add("nonfinite", 2), Bug);
}

// The shortest digits that identify the double, typed from its definition.
TEST(JsonNumber, PrintsTheShortestNumberThatIsADouble) {
  EXPECT_EQ(JsonNumber(0.1), "0.1");
  EXPECT_EQ(JsonNumber(3.0), "3.0");
  EXPECT_EQ(JsonNumber(-0.0), "-0.0");
  EXPECT_EQ(JsonNumber(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(JsonNumber(1e-5), "1e-05");
  EXPECT_EQ(JsonNumber(1e22), "1e+22");
  EXPECT_EQ(JsonNumber(5e-324), "5e-324");
  EXPECT_EQ(JsonNumber(std::numeric_limits<double>::max()),
            "1.7976931348623157e+308");
  EXPECT_EQ(JsonNumber(1.0 / 3.0), "0.3333333333333333");
}

TEST(JsonNumber, ReadsBackToTheSameBits) {
  Stream stream = Stream::Named(1, "json numbers");
  int finite = 0;
  for (int i = 0; i < 50000; ++i) {
    const double value = i % 2 == 0 ? std::bit_cast<double>(stream.Bits64())
                                    : stream.Normal() * 1e3;
    if (!std::isfinite(value)) continue;
    ++finite;
    const std::string text = JsonNumber(value);
    // Two independent readers.
    ASSERT_EQ(std::bit_cast<std::uint64_t>(std::strtod(text.c_str(), nullptr)),
              std::bit_cast<std::uint64_t>(value))
        << text;
    const auto json = nlohmann::json::parse(text);
    ASSERT_TRUE(json.is_number_float()) << text;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(json.get<double>()),
              std::bit_cast<std::uint64_t>(value))
        << text;
  }
  EXPECT_GT(finite, 49000);
}

TEST(JsonText, EscapesWhatJsonDemands) {
  EXPECT_EQ(JsonText("say \"hi\" \\ there"), R"("say \"hi\" \\ there")");
  EXPECT_EQ(JsonText("a\nb\tc\rd\be\ff"), R"("a\nb\tc\rd\be\ff")");
  EXPECT_EQ(JsonText(std::string_view("\0\x1f\x7f", 3)),
            "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(JsonText("Zürich 東京 🙂"), "\"Zürich 東京 🙂\"");
}

TEST(JsonText, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(JsonText("a\xffz"), "\"a\xEF\xBF\xBDz\"");
  // A surrogate, an overlong slash and a sequence cut short.
  EXPECT_EQ(JsonText("\xC0\xAF"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonText("\xED\xA0\x80"),
            "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(JsonText("\xE6\x9D"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(JsonText, GivesValidJsonForAnyBytes) {
  Stream stream = Stream::Named(2, "json text");
  for (int i = 0; i < 20000; ++i) {
    std::string bytes;
    const std::uint64_t size = stream.Below(12);
    for (std::uint64_t j = 0; j < size; ++j) {
      bytes += static_cast<char>(stream.Below(256));
    }
    const std::string text = JsonText(bytes);
    const auto json = nlohmann::json::parse(text, nullptr, false);
    ASSERT_FALSE(json.is_discarded()) << text;
    // What was valid to begin with comes back unchanged.
    if (text.find("\xEF\xBF\xBD") == std::string::npos) {
      ASSERT_EQ(json.get<std::string>(), bytes);
    }
  }
}

}  // namespace
}  // namespace fedtorch::core
