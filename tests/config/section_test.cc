#include "fedtorch/config/section.h"

#include "tests/config/reading.h"

#include <gmock/gmock.h>

#include <optional>
#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Section, ReadsEveryTypeOfKey) {
  const std::string text =
      "int: -3\nreal: 2.5e-1\nwhole: 4\nbool: true\ntext: a word\n"
      "quoted: '12'\nchoice: two\nints: [1, 2]\nreals: [1, .5]\n"
      "texts: [a, 'true']\nmaybe: 7\nnothing: null\nautomatic: auto\n"
      "manual: 4\nweighed: auto\nmeasured: 1.5\nempty: []\n";
  EXPECT_THAT(
      ProblemsIn(
          text,
          [](Section& root) {
            EXPECT_EQ(root.Int({.name = "int"}, std::nullopt), -3);
            EXPECT_EQ(root.Real({.name = "real"}, std::nullopt), 0.25);
            EXPECT_EQ(root.Real({.name = "whole"}, std::nullopt), 4.0);
            EXPECT_TRUE(root.Bool({.name = "bool"}, std::nullopt));
            EXPECT_EQ(root.Text({.name = "text"}, std::nullopt), "a word");
            EXPECT_EQ(root.Text({.name = "quoted"}, std::nullopt), "12");
            EXPECT_EQ(
                root.Choice({.name = "choice"}, {"one", "two"}, std::nullopt),
                "two");
            EXPECT_THAT(root.Ints({.name = "ints"}, std::nullopt),
                        ElementsAre(1, 2));
            EXPECT_THAT(root.Reals({.name = "reals"}, std::nullopt),
                        ElementsAre(1.0, 0.5));
            EXPECT_THAT(root.Texts({.name = "texts"}, std::nullopt),
                        ElementsAre("a", "true"));
            EXPECT_EQ(root.OptionalInt({.name = "maybe"}), 7);
            EXPECT_EQ(root.OptionalText({.name = "nothing"}), std::nullopt);
            EXPECT_EQ(root.AutoInt({.name = "automatic"}), std::nullopt);
            EXPECT_EQ(root.AutoInt({.name = "manual"}), 4);
            EXPECT_EQ(root.AutoReal({.name = "weighed"}), std::nullopt);
            EXPECT_EQ(root.AutoReal({.name = "measured"}), 1.5);
            EXPECT_THAT(
                root.Ints({.name = "empty"}, std::vector<std::int64_t>{1}),
                IsEmpty());
          }),
      IsEmpty());
}

TEST(Section, FillsDefaultsOfAbsentKeys) {
  EXPECT_THAT(
      ProblemsIn("",
                 [](Section& root) {
                   EXPECT_EQ(root.Int({.name = "a"}, 5), 5);
                   EXPECT_EQ(root.Real({.name = "b"}, 0.5), 0.5);
                   EXPECT_EQ(root.OptionalReal({.name = "c"}), std::nullopt);
                   Section child = root.Child({.name = "child"});
                   EXPECT_EQ(child.Text({.name = "d"}, "x"), "x");
                   EXPECT_EQ(child.path(), "child");
                   EXPECT_THAT(root.Children({.name = "list"}), IsEmpty());
                 }),
      IsEmpty());
}

TEST(Section, ReturnsNeutralValuesForMissingKeys) {
  EXPECT_THAT(
      ProblemsIn(
          "a:\n  x: 1\n",
          [](Section& root) {
            Section a = root.Child({.name = "a"});
            a.Int({.name = "x"}, 0);
            EXPECT_EQ(a.Int({.name = "n"}, std::nullopt, {.min = 4}), 4);
            EXPECT_EQ(a.Choice({.name = "c"}, {"p", "q"}, std::nullopt), "p");
            EXPECT_EQ(root.Text({.name = "t"}, std::nullopt), "");
          }),
      ElementsAre("test.yml t: required key is missing; expected text",
                  "1:1 a.n: required key is missing; expected an integer >= 4, "
                  "in the section that begins here",
                  "1:1 a.c: required key is missing; expected one of p, q, in "
                  "the section that begins here"));
}

TEST(Section, ReturnsTheDefaultForABadValue) {
  EXPECT_THAT(ProblemsIn("a: x\nb: 0\n",
                         [](Section& root) {
                           EXPECT_EQ(root.Int({.name = "a"}, 3), 3);
                           EXPECT_EQ(root.Int({.name = "b"}, 3, {.min = 1}), 3);
                         }),
              ElementsAre("1:4 a: expected an integer, got 'x'",
                          "2:4 b: expected an integer >= 1, got '0'"));
}

TEST(Section, RefusesADefaultOutsideTheRange) {
  const auto read = [](Section& root) {
    const auto clients = root.Int({.name = "clients"}, std::nullopt);
    root.Int({.name = "cohort"}, 10, {.min = 1, .max = clients});
  };
  EXPECT_THAT(ProblemsIn("clients: 20", read), IsEmpty());
  EXPECT_THAT(
      ProblemsIn("clients: 5", read),
      ElementsAre("test.yml cohort: expected an integer in [1, 5], and the "
                  "default 10 is not; set this key"));
}

TEST(Section, TellsWhatTheUserGave) {
  ProblemsIn("a: 1\nb: null\nold: 2\n", [](Section& root) {
    EXPECT_TRUE(root.Has("a"));
    EXPECT_FALSE(root.Has("b"));
    EXPECT_FALSE(root.Has("new"));
    root.Int({.name = "new", .aliases = {"old"}}, 0);
    EXPECT_TRUE(root.Has("new"));
    EXPECT_FALSE(root.Has("c"));
  });
}

TEST(Section, PutsFailuresAtTheKeyOrTheSection) {
  EXPECT_THAT(ProblemsIn("s:\n  a: 1\n  wrong: x\n",
                         [](Section& root) {
                           Section s = root.Child({.name = "s"});
                           s.Int({.name = "a"}, 0);
                           s.Int({.name = "wrong"}, 0);
                           s.Int({.name = "b"}, 0);
                           s.Fail("a", "not with b");
                           s.Fail("b", "not with a");
                           s.Fail("wrong", "is wrong already");
                         }),
              ElementsAre("1:1 s.b: not with a",
                          "2:6 s.a: not with b",
                          "3:10 s.wrong: expected an integer, got 'x'"));
}

TEST(Section, KeepsAllFailuresOfAKeyThatIsRightByItself) {
  EXPECT_THAT(ProblemsIn("words: [a, b]\nbad: [1, x]\n",
                         [](Section& root) {
                           root.Texts({.name = "words"}, std::nullopt);
                           root.Ints({.name = "bad"}, std::nullopt);
                           root.Fail("words", "a is not known");
                           root.Fail("words", "b is not known");
                           root.Fail("bad", "is too short");
                         }),
              ElementsAre("1:1 words: a is not known",
                          "1:1 words: b is not known",
                          "2:10 bad.1: expected an integer, got 'x'"));
}

TEST(Section, ReadsAliasesAndNotesThemOnce) {
  Document document =
      Document::FromText("federation: {comm_round: 7}", "test.yml");
  Section root = document.Root();
  for (int i = 0; i < 2; ++i) {
    Section federation = root.Child({.name = "federation"});
    EXPECT_EQ(federation.Int({.name = "rounds", .aliases = {"comm_round"}},
                             std::nullopt),
              7);
  }
  document.Finish();
  EXPECT_THAT(document.notes(),
              ElementsAre("comm_round is read as federation.rounds"));
  EXPECT_EQ(document.ResolvedYaml(), "federation:\n  rounds: 7\n");
}

TEST(Section, IsOneWhenOpenedTwice) {
  const auto read = [](Section& root) {
    root.Child({.name = "s"}).Int({.name = "a"}, 1);
    root.Child({.name = "s"}).Int({.name = "b"}, 2);
    for (int i = 0; i < 2; ++i) {
      for (Section& item : root.Children({.name = "list"})) {
        item.Int({.name = "c"}, 3);
      }
    }
  };
  EXPECT_EQ(ResolvedFrom("s: {b: 5}\nlist: [{}, {c: 4}]", read),
            "s:\n  a: 1\n  b: 5\nlist:\n  - c: 3\n  - c: 4\n");
}

TEST(Section, OpensListsOfMappings) {
  EXPECT_THAT(
      ProblemsIn("list:\n- {a: 1}\n- {a: x}\n- b\n-\nempty:\n",
                 [](Section& root) {
                   std::vector<std::string> paths;
                   for (Section& item : root.Children({.name = "list"})) {
                     paths.push_back(item.path());
                     item.Int({.name = "a"}, 0);
                   }
                   EXPECT_THAT(
                       paths,
                       ElementsAre("list.0", "list.1", "list.2", "list.3"));
                   EXPECT_THAT(root.Children({.name = "empty"}), IsEmpty());
                 }),
      ElementsAre("3:7 list.1.a: expected an integer, got 'x'",
                  "4:3 list.2: expected a mapping of keys, got 'b'"));
}

TEST(Document, OrdersProblemsByPlaceWithTheCommandLineLast) {
  EXPECT_THAT(
      ProblemsIn("c: x\na: y\n",
                 [](Section& root) {
                   root.Int({.name = "o"}, 0);
                   root.Int({.name = "a"}, 0);
                   root.Int({.name = "c"}, 0);
                 },
                 {"o=z", "unknown=1"}),
      ElementsAre("1:4 c: expected an integer, got 'x'",
                  "2:4 a: expected an integer, got 'y'",
                  "#1 o: expected an integer, got 'z'",
                  "#2 (top level): unknown key 'unknown'; known keys: o, a, "
                  "c"));
}

TEST(Document, ShowsTheLineUnderTheProblem) {
  try {
    Document document =
        Document::FromText("name: 'ünïcode'\nlist: [é, \"ä\", 3]\t\r\n", "x");
    Section root = document.Root();
    root.Text({.name = "name"}, "");
    root.Texts({.name = "list"}, std::vector<std::string>{});
    document.Finish();
    FAIL();
  } catch (const core::ConfigError& error) {
    EXPECT_EQ(std::string(error.what()),
              "x:2:16: error: list.2: expected text, got '3'; put text in "
              "quotes\n"
              "    list: [é, \"ä\", 3]\n"
              "                   ^");
  }
}

}  // namespace
}  // namespace fedtorch::config
