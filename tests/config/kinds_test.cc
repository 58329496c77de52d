#include "tests/config/reading.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A room's kinds, as a room declares them.
struct Rule {
  double trim = 0.0;
};
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::unique_ptr<Rule> (*make)(Section&);
};
constexpr Kind kMean{"mean", "The mean.", "nobody", [](Section&) {
                       return std::make_unique<Rule>();
                     }};
constexpr Kind kTrimmedMean{
    "trimmed_mean", "A trimmed mean.", "Yin 2018", [](Section& section) {
      return std::make_unique<Rule>(Rule{section.Real(
          {.name = "trim"}, std::nullopt, {.min = 0.0, .max = 0.5})});
    }};
constexpr const Kind* kKinds[] = {&kMean, &kTrimmedMean};

std::unique_ptr<Rule> ReadRule(Section& root) {
  return MakeKind(root,
                  {.name = "rule", .help = "The rule."},
                  std::span<const Kind* const>(kKinds),
                  "mean");
}

std::vector<std::string> ProblemsOf(const std::string& text) {
  return ProblemsIn(text, [](Section& root) { ReadRule(root); });
}

TEST(ChooseKind, AcceptsAMappingAWordAndNothing) {
  const auto resolved = [](const std::string& text) {
    return ResolvedFrom(text, [](Section& root) { ReadRule(root); });
  };
  EXPECT_EQ(resolved("rule: {trim: 0.1, name: trimmed_mean}"),
            "rule:\n  name: trimmed_mean\n  trim: 0.1\n");
  EXPECT_EQ(resolved("rule: mean"), "rule:\n  name: mean\n");
  EXPECT_EQ(resolved("rule: {}"), "rule:\n  name: mean\n");
  EXPECT_EQ(resolved(""), "rule:\n  name: mean\n");
}

TEST(ChooseKind, DoesNotJudgeTheKeysOfAnUnknownKind) {
  bool made = true;
  EXPECT_THAT(
      ProblemsIn("rule: {name: trimed_mean, trim: x, f: [1]}",
                 [&](Section& root) { made = ReadRule(root) != nullptr; }),
      ElementsAre("1:14 rule.name: unknown value 'trimed_mean'; did "
                  "you mean 'trimmed_mean'?"));
  EXPECT_FALSE(made);
  EXPECT_THAT(ProblemsOf("rule: krum"),
              ElementsAre("1:7 rule: unknown value 'krum'; known values: mean, "
                          "trimmed_mean"));
}

TEST(ChooseKind, JudgesTheKeysOfAKnownKind) {
  EXPECT_THAT(ProblemsOf("rule: {name: mean, trim: 0.1}"),
              ElementsAre("1:20 rule: unknown key 'trim'; known keys: name"));
  EXPECT_THAT(ProblemsOf("rule: trimmed_mean"),
              ElementsAre("1:1 rule.trim: required key is missing; expected a "
                          "number in [0, 0.5]; write {name: trimmed_mean, "
                          "trim: ...}"));
  EXPECT_THAT(ProblemsOf("rule: null"),
              ElementsAre("1:1 rule: expected one of mean, trimmed_mean, got "
                          "nothing (null)"));
  EXPECT_THAT(ProblemsOf("rule: {name: [mean]}"),
              ElementsAre("1:8 rule.name: expected one of mean, trimmed_mean, "
                          "got a list"));
}

TEST(ChooseKindHere, ReadsTheNameFromAListEntry) {
  const std::vector<KindFacts> kinds = {
      {"clip", "", "", [](Section& s) { s.Real({.name = "norm"}, 1.0); }},
      {"mix", "", "", [](Section&) {}}};
  const auto read = [&](Section& root) {
    for (Section& step : root.Children({.name = "steps"})) {
      const auto index = step.ChooseKindHere(kinds, std::nullopt);
      if (index) kinds[*index].read(step);
    }
  };
  EXPECT_EQ(ResolvedFrom("steps: [mix, {name: clip, norm: 2}, clip]", read),
            "steps:\n  - name: mix\n  - name: clip\n    norm: 2\n"
            "  - name: clip\n    norm: 1\n");
  EXPECT_THAT(ProblemsIn("steps: [{norm: 2}, mxi]", read),
              ElementsAre("1:9 steps.0.name: required key is missing; expected "
                          "one of clip, mix, in the section that begins here",
                          "1:20 steps.1: unknown value 'mxi'; did you mean "
                          "'mix'?"));
}

// While recording, every kind is read once, and what the caller reads after
// the choice counts for all kinds.
TEST(ChooseKind, RecordsEveryKindAndSharedKeys) {
  Document document = Recorded([](Section& root) {
    EXPECT_NE(ReadRule(root), nullptr);
    const std::vector<KindFacts> kinds = {
        {"a", "", "", [](Section& s) { s.Int({.name = "own"}, 1); }},
        {"b", "", "", [](Section&) {}}};
    auto chosen = root.ChooseKind({.name = "part"}, kinds, std::nullopt);
    ASSERT_TRUE(chosen.index.has_value());
    kinds[*chosen.index].read(*chosen.section);
    chosen.section->Int({.name = "shared"}, 2);
  });
  std::vector<std::string> rows;
  for (const KeyFacts& key : document.Facts()) {
    rows.push_back(key.path + "|" + key.kind + "|" + key.fallback);
  }
  EXPECT_THAT(rows,
              ElementsAre("rule||mean",
                          "rule.trim|trimmed_mean|required",
                          "part||required",
                          "part.shared||2",
                          "part.own|a|1"));
}

TEST(ChooseKind, StopsRecordingAPartInsideItself) {
  struct Nested {
    static void Read(Section& root) {
      const std::vector<KindFacts> kinds = {
          {"leaf", "", "", [](Section& s) { s.Int({.name = "k"}, 1); }},
          {"pair", "", "", [](Section& s) { Read(s); }}};
      auto chosen = root.ChooseKind({.name = "part"}, kinds, "leaf");
      if (chosen.index) kinds[*chosen.index].read(*chosen.section);
    }
  };
  EXPECT_EQ(ResolvedFrom("part: {name: pair, part: {name: pair, part: leaf}}",
                         Nested::Read),
            "part:\n  name: pair\n  part:\n    name: pair\n    part:\n"
            "      name: leaf\n      k: 1\n");
  Document document = Recorded(Nested::Read);
  EXPECT_THAT(document.Markdown(), HasSubstr("same kinds as the part around"));
  EXPECT_THAT(document.JsonSchema("t"), HasSubstr("part"));
}

}  // namespace
}  // namespace fedtorch::config
