#include "tests/config/experiment_reader.h"
#include "tests/config/reading.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

using testing::ElementsAre;

void ReadSmall(Section& root) {
  EXPECT_TRUE(root.recording());
  EXPECT_FALSE(root.Has("a"));
  EXPECT_EQ(root.Int({.name = "a",
                      .help = "The first | key.",
                      .unit = "samples",
                      .aliases = {"alpha", "al"}},
                     std::nullopt,
                     {.min = 5}),
            5);
  root.Fail("a", "nothing is judged while recording");
  Section part = root.Child({.name = "part", .help = "A part."});
  part.Real({.name = "rate"}, 0.5, {.min = 0, .max = 1, .open_max = true});
  part.OptionalText({.name = "path"});
  part.AutoInt({.name = "threads"});
  part.Texts({.name = "words"}, std::vector<std::string>{"x", "1"});
  const std::vector<KindFacts> kinds = {
      {"clip",
       "Clips.",
       "Someone 2020",
       [](Section& s) { s.Real({.name = "norm"}, std::nullopt); }},
      {"none", "Does nothing.", "", [](Section&) {}}};
  for (Section& step : root.Children({.name = "steps", .help = "Steps."})) {
    EXPECT_EQ(step.ChooseKindHere(kinds, "none"), 1u);
  }
  root.Choice({.name = "mode"}, {"fast", "slow"}, "fast");
}

TEST(Recorder, ListsTheFactsOfAllKeys) {
  std::vector<std::string> rows;
  for (const KeyFacts& key : Recorded(ReadSmall).Facts()) {
    std::string choices;
    for (const std::string& choice : key.choices) choices += choice + " ";
    rows.push_back(key.path + " / " + key.type + " / " + key.range + " / " +
                   key.fallback + " / " + choices + "/ " + key.kind);
  }
  EXPECT_THAT(rows,
              ElementsAre("a / integer / >= 5 / required / / ",
                          "part / section /  / {} / / ",
                          "part.rate / number / in [0, 1) / 0.5 / / ",
                          "part.path / text or null /  / null / / ",
                          "part.threads / integer or auto /  / auto / / ",
                          "part.words / list of texts /  / [x, \"1\"] / / ",
                          "steps / list of kinds /  / [] / clip none / ",
                          "steps[].norm / number /  / required / / clip",
                          "mode / choice /  / fast / fast slow / "));
}

TEST(Recorder, WritesTables) {
  EXPECT_EQ(
      Recorded(ReadSmall).Markdown(),
      "### Top level\n\n"
      "| key | type | range | default | unit | meaning |\n"
      "|---|---|---|---|---|---|\n"
      "| `a` | integer | >= 5 | required | samples | The first \\| key. Also "
      "read as `alpha`, `al`. |\n"
      "| `part` | section |  | `{}` |  | A part. |\n"
      "| `steps` | list of kinds |  | `[]` |  | Steps. |\n"
      "| `mode` | choice | `fast`, `slow` | `fast` |  |  |\n\n"
      "### `part`\n\nA part.\n\n"
      "| key | type | range | default | unit | meaning |\n"
      "|---|---|---|---|---|---|\n"
      "| `rate` | number | in [0, 1) | `0.5` |  |  |\n"
      "| `path` | text or null |  | `null` |  |  |\n"
      "| `threads` | integer or auto |  | `auto` |  |  |\n"
      "| `words` | list of texts |  | `[x, \"1\"]` |  |  |\n\n"
      "### `steps[]`\n\nSteps.\n\n"
      "`name`: `clip`, `none`; default `none`.\n\n"
      "#### `steps[]: clip`\n\nClips.\n\nSource: Someone 2020\n\n"
      "| key | type | range | default | unit | meaning |\n"
      "|---|---|---|---|---|---|\n"
      "| `norm` | number |  | required |  |  |\n\n"
      "#### `steps[]: none`\n\nDoes nothing.\n\n");
}

TEST(Recorder, FindsNoProblems) {
  Document document = Recorded([](Section& root) { ReadExperiment(root); });
  EXPECT_TRUE(document.Problems().empty());
  EXPECT_TRUE(document.notes().empty());
  EXPECT_NO_THROW(document.Finish());
}

TEST(Recorder, RefusesTwoKeysOfOneName) {
  const auto read = [](const Key& first, const Key& second) {
    Recorded([&](Section& root) {
      root.Int(first, 0);
      root.Int(second, 0);
    });
  };
  EXPECT_THROW(read({.name = "a", .aliases = {"b"}}, {.name = "b"}), core::Bug);
  EXPECT_THROW(
      read({.name = "a", .aliases = {"c"}}, {.name = "b", .aliases = {"c"}}),
      core::Bug);
  EXPECT_NO_THROW(read({.name = "a", .aliases = {"c"}}, {.name = "b"}));
}

TEST(Recorder, IsNeededForFacts) {
  Document document = Document::FromText("", "test.yml");
  EXPECT_THROW(document.Facts(), core::Bug);
  EXPECT_THROW(document.JsonSchema("x"), core::Bug);
  EXPECT_THROW(document.Markdown(), core::Bug);
}

}  // namespace
}  // namespace fedtorch::config
