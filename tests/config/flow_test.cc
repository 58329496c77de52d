#include "fedtorch/config/flow.h"

#include "fedtorch/config/parse.h"
#include "tests/config/reading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace fedtorch::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Value Parsed(const std::string& text) {
  std::vector<core::Problem> problems;
  Value value = ParseFlowValue(text, {}, &problems);
  EXPECT_THAT(problems, IsEmpty()) << text;
  return value;
}

// A second pass over what was written changes nothing.
TEST(Flow, ReadsBackToTheSameText) {
  for (const std::string text : {"3",
                                 "-1e-3",
                                 ".5",
                                 "true",
                                 "null",
                                 "krum",
                                 "\"3\"",
                                 "\"a, b: [c] {d} #e\"",
                                 "[1, [2, x], {}]",
                                 "{name: krum, f: 2, a b: []}"}) {
    EXPECT_EQ(ToFlowYaml(Parsed(text)), text);
  }
  // What stands there after interpolation is not interpolated once more.
  EXPECT_EQ(ToFlowYaml(Value::Scalar("${x}", true, {})), "\"$${x}\"");
  EXPECT_EQ(ToFlowYaml(Parsed("'it''s'")), ToFlowYaml(Parsed("\"it's\"")));
}

TEST(Flow, WritesJson) {
  const Value value = Parsed("{a: .5, b: [x, '1', null, true], c: {d: 1e3}}");
  EXPECT_EQ(
      nlohmann::json::parse(ToFlowJson(value)),
      nlohmann::json::parse(
          R"({"a": 0.5, "b": ["x", "1", null, true], "c": {"d": 1000}})"));
}

constexpr const char* kText =
    "part:\n  free:\n    a.b: [1, {name: x}]\n    c:\n    - word\n";

TEST(FlowLists, KeepValuesAsTheyWereWrittenWithTheirPlaces) {
  EXPECT_THAT(ProblemsIn(kText,
                         [](Section& root) {
                           auto part = root.OptionalChild({.name = "part"});
                           ASSERT_TRUE(part);
                           const auto lists = part->FlowLists({.name = "free"});
                           ASSERT_EQ(lists.size(), 2u);
                           EXPECT_EQ(lists[0].key, "a.b");
                           ASSERT_EQ(lists[0].values.size(), 2u);
                           EXPECT_EQ(lists[0].values[1].text, "{name: x}");
                           EXPECT_EQ(lists[0].values[0].place.line, 3);
                           EXPECT_EQ(lists[0].values[0].place.column, 11);
                           EXPECT_EQ(lists[0].values[0].source_line,
                                     "    a.b: [1, {name: x}]");
                           EXPECT_EQ(lists[1].values[0].text, "word");
                         }),
              IsEmpty());
}

TEST(FlowLists, ReportWhatIsNoListOfValues) {
  const auto read = [](Section& root) { root.FlowLists({.name = "free"}); };
  EXPECT_THAT(ProblemsIn("free: 3\n", read),
              ElementsAre("1:7 free: expected a mapping of keys to lists of "
                          "values, got '3'"));
  EXPECT_THAT(
      ProblemsIn("free: {a: b, c: []}\n", read),
      ElementsAre("1:11 free.a: expected a list of values, got 'b'; "
                  "write [b]",
                  "1:14 free.c: expected at least one value, got none"));
  EXPECT_THAT(ProblemsIn("free: null\n", read), IsEmpty());
}

void ReadPart(Section& root) {
  root.Int({.name = "count"}, 1);
  if (auto part = root.OptionalChild({.name = "part"})) {
    part->FlowLists({.name = "free"});
  }
}

TEST(OptionalChild, IsPartOfTheResolvedConfigOnlyWhenGiven) {
  EXPECT_EQ(ResolvedFrom("", ReadPart), "count: 1\n");
  EXPECT_EQ(ResolvedFrom("part: null\n", ReadPart), "count: 1\n");
  const std::string resolved = ResolvedFrom(kText, ReadPart);
  EXPECT_EQ(resolved,
            "count: 1\npart:\n  free: {a.b: [1, {name: x}], c: [word]}\n");
  EXPECT_EQ(ResolvedFrom(resolved, ReadPart), resolved);
}

TEST(OptionalChild, ATypoIsCorrected) {
  EXPECT_THAT(ProblemsIn("patr: {}\n", ReadPart),
              ElementsAre("1:1 (top level): unknown key 'patr'; did you mean "
                          "'part'?"));
}

TEST(FlowLists, SchemaAcceptsListsOfAnything) {
  const auto schema = nlohmann::json::parse(Recorded(ReadPart).JsonSchema("t"));
  const auto& part = schema.at("properties").at("part");
  EXPECT_EQ(part.at("properties").at("free").at("additionalProperties"),
            nlohmann::json::parse(R"({"type": "array", "minItems": 1})"));
}

}  // namespace
}  // namespace fedtorch::config
