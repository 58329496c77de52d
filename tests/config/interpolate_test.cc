#include "tests/config/reading.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

void Read(Section& root) {
  root.OptionalInt({.name = "k"});
  root.OptionalInt({.name = "m"});
  root.OptionalText({.name = "text"});
  root.Ints({.name = "list"}, std::vector<std::int64_t>{});
  root.Ints({.name = "copy"}, std::vector<std::int64_t>{});
  for (const char* name : {"first", "second"}) {
    Section section = root.Child({.name = name});
    section.OptionalInt({.name = "k"});
    section.OptionalText({.name = "text"});
  }
}

// Reads the lines of a resolved form that hold something.
std::string Resolved(const std::string& text,
                     const std::vector<std::string>& overrides = {}) {
  const std::string all = ResolvedFrom(text, Read, overrides);
  std::string kept;
  std::string line;
  for (const char c : all) {
    line += c;
    if (c != '\n') continue;
    if (line.find("null") == std::string::npos &&
        line.find("[]") == std::string::npos && line.back() == '\n' &&
        line[line.size() - 2] != ':') {
      kept += line;
    }
    line.clear();
  }
  return kept;
}

std::vector<std::string> Problems(const std::string& text) {
  return ProblemsIn(text, Read);
}

TEST(Interpolate, KeepsTheTypeOfAWholeValue) {
  EXPECT_EQ(Resolved("k: 3\nm: ${k}"), "k: 3\nm: 3\n");
  EXPECT_EQ(Resolved("first: {k: 4}\nk: ${first.k}"), "k: 4\n  k: 4\n");
  EXPECT_EQ(Resolved("list: [1, 2]\ncopy: ${list}\nk: ${list.1}"),
            "k: 2\nlist: [1, 2]\ncopy: [1, 2]\n");
  EXPECT_EQ(Resolved("first: {k: 4, text: x}\nsecond: ${first}"),
            "  k: 4\n  text: x\n  k: 4\n  text: x\n");
  EXPECT_EQ(Resolved("k: null\nm: ${k}"), "");
  EXPECT_EQ(Resolved("first: {k: \"${m}\"}\nm: 2"), "m: 2\n  k: 2\n");
}

TEST(Interpolate, PutsTextIntoText) {
  EXPECT_EQ(Resolved("k: 3\ntext: runs/${k}-${first.text}\nfirst: {text: b}"),
            "k: 3\ntext: runs/3-b\n  text: b\n");
  EXPECT_EQ(Resolved("text: $5 and $${k} and $$$x"),
            "text: \"$5 and $${k} and $$$x\"\n");
  EXPECT_EQ(Resolved("text: 1${first.k}\nfirst: {k: 0}"),
            "text: \"10\"\n  k: 0\n");
}

TEST(Interpolate, FollowsChainsInAnyOrder) {
  EXPECT_EQ(Resolved("k: ${m}\nm: ${first.k}\nfirst:\n  k: ${second.k}\n"
                     "second: {k: 7}"),
            "k: 7\nm: 7\n  k: 7\n  k: 7\n");
  // A path may lead through a value that is itself a reference.
  EXPECT_EQ(Resolved("k: ${second.k}\nsecond: ${first}\nfirst: {k: 5}"),
            "k: 5\n  k: 5\n  k: 5\n");
}

TEST(Interpolate, HappensAfterOverrides) {
  EXPECT_EQ(Resolved("k: 1\nm: ${k}", {"k=2"}), "k: 2\nm: 2\n");
  EXPECT_EQ(Resolved("k: 1", {"m=${k}", "text=a/${k}"}),
            "k: 1\nm: 1\ntext: a/1\n");
}

TEST(Interpolate, ReadsTheEnvironmentAsWhatTheKeyWants) {
  ASSERT_EQ(setenv("FEDTORCH_TEST_SET", "12", 1), 0);
  ASSERT_EQ(setenv("FEDTORCH_TEST_EMPTY", "", 1), 0);
  unsetenv("FEDTORCH_TEST_UNSET");
  EXPECT_EQ(Resolved("k: ${env:FEDTORCH_TEST_SET}\n"
                     "text: ${env:FEDTORCH_TEST_SET,7}"),
            "k: 12\ntext: \"12\"\n");
  EXPECT_EQ(Resolved("k: ${env:FEDTORCH_TEST_UNSET, 7}\n"
                     "text: a${env:FEDTORCH_TEST_UNSET,b,c}"),
            "k: 7\ntext: \"ab,c\"\n");
  EXPECT_EQ(Resolved("text: ${env:FEDTORCH_TEST_EMPTY,x}"), "");
  EXPECT_EQ(Resolved("k: ${env:FEDTORCH_TEST_UNSET,null}"), "");
  EXPECT_THAT(Problems("k: ${env:FEDTORCH_TEST_UNSET,x}"),
              ElementsAre("1:4 k: expected an integer or null, got 'x'"));
  EXPECT_THAT(Problems("k: ${env:}"),
              ElementsAre("1:4 k: expected ${env:NAME} or ${env:NAME,default}, "
                          "got '${env:}'"));
}

TEST(Interpolate, ReportsCircles) {
  EXPECT_THAT(Problems("k: ${k}"),
              ElementsAre("1:4 k: refers to itself in a circle: '${k}'"));
  EXPECT_THAT(Problems("k: ${m}\nm: ${k}"),
              ElementsAre("1:4 k: refers to itself in a circle: '${m}'",
                          "2:4 m: refers to itself in a circle: '${k}'"));
  EXPECT_THAT(Problems("first:\n  k: ${first}"),
              ElementsAre("2:6 first.k: refers to itself in a circle: "
                          "'${first}'"));
  EXPECT_THAT(Problems("k: ${k.k}"),
              ElementsAre("1:4 k: refers to itself in a circle: '${k.k}'"));
}

TEST(Interpolate, ReportsOneProblemForEachCause) {
  EXPECT_THAT(Problems("k: ${absent}\nm: ${k}"),
              ElementsAre("1:4 k: '${absent}' refers to a key that is not "
                          "given; give 'absent' a value",
                          "2:4 m: '${k}' has no value, because of another "
                          "problem"));
  EXPECT_THAT(Problems("text: a${list}b\nlist: [1]"),
              ElementsAre("1:7 text: '${list}' is a list, which cannot be put "
                          "into text"));
  EXPECT_THAT(Problems("text: a${}\nk: ${a b}"),
              ElementsAre("1:7 text: expected a path such as "
                          "${client.batch_size}, got '${}'",
                          "2:4 k: expected a path such as "
                          "${client.batch_size}, got '${a b}'"));
  EXPECT_THAT(Problems("text: ${a${k}}"),
              ElementsAre("1:7 text: a reference cannot hold another one: "
                          "'${a${k}'"));
}

TEST(Interpolate, StopsWhatGrowsWithoutEnd) {
  std::string lists = "a0: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  std::string texts = "b0: xxxxxxxxxxxxxxxx\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = std::to_string(i - 1);
    lists += "a" + std::to_string(i) + ": ['${a" + before + "}', '${a" +
             before + "}']\n";
    texts +=
        "b" + std::to_string(i) + ": ${b" + before + "}${b" + before + "}\n";
  }
  EXPECT_THAT(Problems(lists),
              testing::Contains(HasSubstr("to more than 100000 values")));
  EXPECT_THAT(Problems(texts),
              testing::Contains(HasSubstr("to more than 1 MiB of text")));
  const auto nested = [](int references) {
    std::string text;
    for (int i = 0; i < references; ++i) {
      text += "d" + std::to_string(i) + ": " + std::string(30, '[') + "'${d" +
              std::to_string(i + 1) + "}'" + std::string(30, ']') + "\n";
    }
    return text + "d" + std::to_string(references) + ": 1\n";
  };
  EXPECT_THAT(Problems(nested(2)), Not(testing::Contains(HasSubstr("levels"))));
  EXPECT_THAT(Problems(nested(4)),
              testing::Contains(HasSubstr("refers to more than 64 levels")));
  EXPECT_THAT(
      Problems(nested(200)),
      testing::Contains(HasSubstr("lead through more than 1000 levels")));
  std::string chain;
  for (int i = 0; i < 5000; ++i) {
    chain += "c" + std::to_string(i) + ": ${c" + std::to_string(i + 1) + "}\n";
  }
  EXPECT_THAT(
      Problems(chain),
      testing::Contains(HasSubstr("a chain of more than 200 references")));
}

}  // namespace
}  // namespace fedtorch::config
