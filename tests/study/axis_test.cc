#include "fedtorch/study/axis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::study {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Message(const std::function<void()>& run) {
  try {
    run();
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(SplitValues, CutsAtOuterCommasOnly) {
  EXPECT_THAT(SplitValues("a,b,c"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(SplitValues("a, {name: b, f: 2}, [1,2]"),
              ElementsAre("a", "{name: b, f: 2}", "[1,2]"));
  EXPECT_THAT(SplitValues("'a,b',\"c\\\",d\",e"),
              ElementsAre("'a,b'", "\"c\\\",d\"", "e"));
  EXPECT_THAT(SplitValues("[[1,2],[3]]"), SizeIs(1));
  EXPECT_THAT(SplitValues("[a, {b: [1, 2]}],c"), SizeIs(2));
}

TEST(SplitValues, NamesWhatStaysOpen) {
  EXPECT_THAT(Message([] { SplitValues("a,{name: b"); }),
              HasSubstr("expected '}' before the end"));
  EXPECT_THAT(Message([] { SplitValues("'a,b"); }), HasSubstr("expected '''"));
}

TEST(RangeValues, IsHalfOpen) {
  EXPECT_THAT(RangeValues("range(4)"), ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(RangeValues("range(2,5)"), ElementsAre("2", "3", "4"));
  EXPECT_THAT(RangeValues("range(0,1,0.25)"),
              ElementsAre("0", "0.25", "0.5", "0.75"));
  EXPECT_THAT(RangeValues("range(5,0,-2)"), ElementsAre("5", "3", "1"));
}

// 0.1 + 0.1 + 0.1 is not 0.3, and (0.3 - 0) / 0.1 is less than 3.
TEST(RangeValues, HidesTheRoundingOfBinaryNumbers) {
  EXPECT_THAT(RangeValues("range(0,0.4,0.1)"),
              ElementsAre("0", "0.1", "0.2", "0.3"));
  EXPECT_THAT(RangeValues("range(0,0.3,0.1)"), ElementsAre("0", "0.1", "0.2"));
  EXPECT_THAT(RangeValues("range(0.7,0.9,0.1)"), ElementsAre("0.7", "0.8"));
}

TEST(RangeValues, RefusesWhatHasNoValuesOrNoEnd) {
  EXPECT_THAT(Message([] { RangeValues("range(3,3)"); }),
              HasSubstr("a range with a value in it"));
  EXPECT_THAT(Message([] { RangeValues("range(0,1,0)"); }),
              HasSubstr("a step that is not 0"));
  EXPECT_THAT(Message([] { RangeValues("range(0,1,x)"); }),
              HasSubstr("expected numbers"));
  EXPECT_THAT(Message([] { RangeValues("range(0,1e9)"); }),
              HasSubstr("at most 100000"));
  EXPECT_THAT(Message([] { RangeValues("range(1,2,3,4)"); }),
              HasSubstr("range(start,stop[,step])"));
}

TEST(AxisOfWord, TellsAxesFromOverrides) {
  EXPECT_FALSE(AxisOfWord("seed=3", 1));
  EXPECT_FALSE(AxisOfWord("model.hidden=[64,32]", 1));
  EXPECT_FALSE(AxisOfWord("server.aggregator={name: krum, f: 2}", 1));
  EXPECT_FALSE(AxisOfWord("~sweep", 1));
  const auto axis = AxisOfWord("model.hidden=[64,32],[16]", 2);
  ASSERT_TRUE(axis);
  EXPECT_EQ(axis->key, "model.hidden");
  ASSERT_THAT(axis->values, SizeIs(2));
  EXPECT_EQ(axis->values[0].text, "[64,32]");
  EXPECT_THAT(axis->values[1].place.file, HasSubstr("word #2"));
  const auto range = AxisOfWord("seed=range(3)", 1);
  ASSERT_TRUE(range);
  EXPECT_THAT(range->values, SizeIs(3));
}

TEST(AxisOfWord, NamesTheWordThatIsWrong) {
  EXPECT_THAT(Message([] { AxisOfWord("lr=1,,2", 4); }),
              HasSubstr("command line, word #4: lr=1,,2: error: expected a "
                        "value between the commas"));
}

TEST(Product, VariesTheLastAxisFastest) {
  const std::vector<Axis> axes{
      {"a", {{"1", {}, ""}, {"2", {}, ""}}},
      {"b", {{"x", {}, ""}, {"y", {}, ""}, {"z", {}, ""}}}};
  EXPECT_THAT(Product(axes),
              ElementsAre(ElementsAre(0, 0),
                          ElementsAre(0, 1),
                          ElementsAre(0, 2),
                          ElementsAre(1, 0),
                          ElementsAre(1, 1),
                          ElementsAre(1, 2)));
  EXPECT_THAT(Product({}), SizeIs(1));
}

}  // namespace
}  // namespace fedtorch::study
