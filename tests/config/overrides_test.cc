#include "tests/config/reading.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

using testing::ElementsAre;

constexpr const char* kText =
    "a: 1\nlist: [{k: 1}, {k: 2}]\nwords: [x, w]\n"
    "rule: {name: trimmed_mean, trim: 0.1}\n";

void Read(Section& root) {
  root.Int({.name = "a"}, 0);
  root.OptionalText({.name = "text"});
  for (Section& item : root.Children({.name = "list"})) {
    item.Int({.name = "k"}, 0);
    item.OptionalInt({.name = "m"});
  }
  root.Texts({.name = "words"}, std::vector<std::string>{});
  const std::vector<KindFacts> kinds = {
      {"mean", "", "", [](Section&) {}},
      {"trimmed_mean",
       "",
       "",
       [](Section& s) { s.Real({.name = "trim"}, 0.5); }},
      {"krum", "", "", [](Section& s) { s.Int({.name = "f"}, 0); }}};
  auto chosen = root.ChooseKind({.name = "rule"}, kinds, "mean");
  if (chosen.index) kinds[*chosen.index].read(*chosen.section);
}

std::string Resolved(const std::vector<std::string>& overrides) {
  return ResolvedFrom(kText, Read, overrides);
}

std::vector<std::string> Problems(const std::vector<std::string>& overrides) {
  return ProblemsIn(kText, Read, overrides);
}

std::string Expected(const std::string& a,
                     const std::string& text,
                     const std::string& list,
                     const std::string& words,
                     const std::string& rule) {
  return "a: " + a + "\ntext: " + text + "\nlist:\n" + list +
         "words: " + words + "\nrule:\n" + rule;
}

constexpr const char* kList = "  - k: 1\n    m: null\n  - k: 2\n    m: null\n";
constexpr const char* kRule = "  name: trimmed_mean\n  trim: 0.1\n";

TEST(Overrides, SetValuesInFlowSyntax) {
  EXPECT_EQ(Resolved({"a=2", "text=two words", "words=[z, 'w w']"}),
            Expected("2", "two words", kList, "[z, w w]", kRule));
  EXPECT_EQ(Resolved({"text='3'", "words=[]"}),
            Expected("1", "\"3\"", kList, "[]", kRule));
  EXPECT_EQ(Resolved({"text=''"}),
            Expected("1", "\"\"", kList, "[x, w]", kRule));
  EXPECT_EQ(Resolved({"text=null"}),
            Expected("1", "null", kList, "[x, w]", kRule));
  EXPECT_EQ(Resolved({"a=2", "a=3"}),
            Expected("3", "null", kList, "[x, w]", kRule));
}

TEST(Overrides, CountIntoLists) {
  EXPECT_EQ(Resolved({"list.0.k=3", "list.1.m=4", "words.1=z"}),
            Expected("1",
                     "null",
                     "  - k: 3\n    m: null\n  - k: 2\n    m: 4\n",
                     "[x, z]",
                     kRule));
  EXPECT_EQ(
      Resolved({"~list.0", "+words.2=z"}),
      Expected("1", "null", "  - k: 2\n    m: null\n", "[x, w, z]", kRule));
  EXPECT_THAT(
      Problems({"list.2.k=3", "words.x=1"}),
      ElementsAre("#1 list.2.k: expected an index into a list of 2 entries, "
                  "counted from 0, got '2'",
                  "#2 words.x: expected an index into a list of 2 entries, "
                  "counted from 0, got 'x'"));
}

TEST(Overrides, MergeMappingsAndReplaceKinds) {
  EXPECT_EQ(
      Resolved({"rule.trim=0.2"}),
      Expected(
          "1", "null", kList, "[x, w]", "  name: trimmed_mean\n  trim: 0.2\n"));
  EXPECT_EQ(
      Resolved({"rule={trim: 0.3}"}),
      Expected(
          "1", "null", kList, "[x, w]", "  name: trimmed_mean\n  trim: 0.3\n"));
  const std::string krum =
      Expected("1", "null", kList, "[x, w]", "  name: krum\n  f: 2\n");
  EXPECT_EQ(Resolved({"rule={name: krum, f: 2}"}), krum);
  EXPECT_EQ(Resolved({"rule=krum", "rule.f=2"}), krum);
  EXPECT_EQ(Resolved({"rule.name=krum", "rule.f=2"}), krum);
  // What the command line gave before the name stays.
  EXPECT_EQ(Resolved({"rule.f=2", "rule.name=krum"}), krum);
}

TEST(Overrides, AddOnlyWhatIsNotGiven) {
  EXPECT_EQ(Resolved({"+text=new"}),
            Expected("1", "new", kList, "[x, w]", kRule));
  EXPECT_THAT(Problems({"+a=3"}),
              ElementsAre("#1 a: the key is given already; leave out the '+' "
                          "to change it"));
}

TEST(Overrides, DeleteOnlyWhatIsGiven) {
  EXPECT_EQ(Resolved({"~rule", "~words"}),
            Expected("1", "null", kList, "[]", "  name: mean\n"));
  EXPECT_THAT(Problems({"~text", "~list.7"}),
              ElementsAre("#1 text: nothing to delete: the key is not given",
                          "#2 list.7: nothing to delete: the key is not "
                          "given"));
}

TEST(Overrides, ReportTheKeysThatNobodyReads) {
  EXPECT_THAT(Problems({"rule.trimm=3", "wrods=[a]"}),
              ElementsAre("#1 rule: unknown key 'trimm'; did you mean 'trim'?",
                          "#2 (top level): unknown key 'wrods'; did you mean "
                          "'words'?"));
}

TEST(Overrides, ReportEveryOneThatCannotBeParsed) {
  EXPECT_THAT(
      Problems({"a",
                "=1",
                "a..b=1",
                "a b=1",
                "a=",
                "a=1, 2",
                "a=[1",
                "~a=1",
                "defaults=[x]",
                "a=]"}),
      ElementsAre(
          "#1 : expected key.path=value, got 'a'",
          "#2 : expected a path such as client.optimizer.lr before '=', got "
          "''",
          "#3 : expected a path such as client.optimizer.lr before '=', got "
          "'a..b'",
          "#4 : expected a path such as client.optimizer.lr before '=', got "
          "'a b'",
          "#5 : no value after '='; write null for none and '' for empty text",
          "#6 : expected one value, got '1, 2'; write a list as [a, b] and "
          "empty text as ''",
          "#7 : the value '[1' is not YAML in flow syntax; quote text with "
          "special characters",
          "#8 : '~' deletes a key and takes no value; write ~a",
          "#9 : 'defaults' can be given in a file only; name the files on the "
          "command line instead",
          "#10 : the value ']' is not YAML in flow syntax; quote text with "
          "special characters"));
}

TEST(Overrides, KeepTheOrderOfTheCommandLine) {
  std::vector<std::string> overrides(11, "a=x");
  overrides[1] = "list.0.k=y";
  EXPECT_THAT(Problems(overrides),
              ElementsAre("#2 list.0.k: expected an integer, got 'y'",
                          "#11 a: expected an integer, got 'x'"));
}

}  // namespace
}  // namespace fedtorch::config
