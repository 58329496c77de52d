#include "fedtorch/core/stream.h"
#include "tests/config/experiment_reader.h"
#include "tests/config/random_config.h"
#include "tests/config/reading.h"

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <limits>
#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

struct Resolved {
  std::string yaml;
  std::string json;
  std::string hash;
};

Resolved Resolve(const std::string& text, const Reader& read) {
  Document document = Document::FromText(text, "test.yml");
  Section root = document.Root();
  read(root);
  document.Finish();
  return {document.ResolvedYaml(), document.ResolvedJson(), document.Hash()};
}

void ReadSmall(Section& root) {
  root.Int({.name = "a", .aliases = {"alpha"}}, 1);
  Section output = root.Child({.name = "output"});
  output.Text({.name = "dir"}, "runs");
  Section part = root.Child({.name = "part"});
  part.Real({.name = "rate"}, 0.1);
  part.OptionalReal({.name = "none"});
  part.Texts({.name = "words"}, std::vector<std::string>{"x", "no"});
  root.Child({.name = "empty"});
  root.Child({.name = "runtime"}).AutoInt({.name = "threads"});
  root.Child({.name = "checkpoint"}).Bool({.name = "on"}, false);
  for (Section& item : root.Children({.name = "items"})) {
    item.Int({.name = "k"}, 0);
  }
}

TEST(Resolve, FillsEverythingInReadingOrder) {
  const Resolved resolved = Resolve(
      "# A comment.\nitems: [{}, {k: 2}]\npart: {words: ['1'], rate: 1.50e1}\n"
      "alpha: 7\n",
      ReadSmall);
  EXPECT_EQ(resolved.yaml,
            "a: 7\n"
            "output:\n"
            "  dir: runs\n"
            "part:\n"
            "  rate: 15\n"
            "  none: null\n"
            "  words: [\"1\"]\n"
            "empty: {}\n"
            "runtime:\n"
            "  threads: auto\n"
            "checkpoint:\n"
            "  \"on\": false\n"
            "items:\n"
            "  - k: 0\n"
            "  - k: 2\n");
  EXPECT_EQ(nlohmann::ordered_json::parse(resolved.json).dump(),
            "{\"a\":7,\"output\":{\"dir\":\"runs\"},\"part\":{\"rate\":15,"
            "\"none\":null,\"words\":[\"1\"]},\"empty\":{},\"runtime\":{"
            "\"threads\":\"auto\"},\"checkpoint\":{\"on\":false},\"items\":[{"
            "\"k\":0},{\"k\":2}]}");
}

TEST(Resolve, HashesWhatCanChangeResults) {
  // printf '%s' '{"a":1,"part":{"rate":0.1,"none":null,"words":["x","no"]},
  // "empty":{},"items":[]}' | sha256sum, without the line break.
  const std::string hash = Resolve("", ReadSmall).hash;
  EXPECT_EQ(hash,
            "b48030caf103e5afee4e4ecaa27b933b8a3be3008e4a8c3e5eb937c5521b69af");
  EXPECT_EQ(Resolve("output: {dir: x}\nruntime: {threads: 3}\n"
                    "checkpoint: {on: true}",
                    ReadSmall)
                .hash,
            hash);
  EXPECT_EQ(Resolve("schema_version: 1\nalpha: 1", ReadSmall).hash, hash);
  EXPECT_NE(Resolve("a: 2", ReadSmall).hash, hash);
  EXPECT_NE(Resolve("items: [{}]", ReadSmall).hash, hash);
}

TEST(Resolve, KeepsNumbersToTheBit) {
  const auto read = [](Section& root) {
    root.Reals({.name = "reals"}, std::nullopt);
    root.Ints({.name = "ints"}, std::nullopt);
  };
  const Resolved resolved = Resolve(
      "reals: [0.1, 1e-05, 123456789.123456789, 1e22, -0.0, 5e-324,\n"
      "        1.7976931348623157e308, 0.30000000000000004]\n"
      "ints: [-9223372036854775808, 9223372036854775807, -0]\n",
      read);
  EXPECT_EQ(resolved.yaml,
            "reals: [0.1, 1e-05, 123456789.12345679, 1e+22, -0, 5e-324, "
            "1.7976931348623157e+308, 0.30000000000000004]\n"
            "ints: [-9223372036854775808, 9223372036854775807, 0]\n");
  EXPECT_EQ(Resolve(resolved.yaml, read).yaml, resolved.yaml);
}

TEST(Resolve, KeepsTextToTheByte) {
  std::vector<std::string> words = {"",
                                    " ",
                                    "null",
                                    "~",
                                    "true",
                                    "yes",
                                    "Off",
                                    "1",
                                    "1e3",
                                    "0x1",
                                    "1_0",
                                    ".nan",
                                    "2024-1-1",
                                    "a: b",
                                    "a #b",
                                    "- a",
                                    "[a]",
                                    "{a}",
                                    "'a'",
                                    "\"a\"",
                                    "a\\b",
                                    "a\nb",
                                    "a\tb",
                                    "a\rb",
                                    "\x01\x7f",
                                    "é",
                                    "日本",
                                    "\xC2\x85",
                                    "${a}",
                                    "$${a}",
                                    "$",
                                    "$$",
                                    "${",
                                    "a$${b",
                                    "<<",
                                    "&a",
                                    "*a",
                                    "!a",
                                    "|",
                                    ">",
                                    "%a",
                                    "@",
                                    "a,b",
                                    "a=b",
                                    "a:b",
                                    "a:",
                                    ":",
                                    "?",
                                    "? a",
                                    "-",
                                    "--- a",
                                    "...",
                                    "a'b",
                                    "a ",
                                    "\xE2\x80\xA8",
                                    "\xF0\x9F\x98\x80",
                                    "\xEF\xBB\xBF"};
  core::Stream stream = core::Stream::Named(3, "test/text");
  for (int i = 0; i < 500; ++i) {
    std::string word(stream.Below(8), ' ');
    for (char& c : word) c = static_cast<char>(1 + stream.Below(127));
    words.push_back(word);
  }
  const auto read = [&words](Section& root) {
    EXPECT_EQ(root.Texts({.name = "words"}, words), words);
  };
  const Resolved first = Resolve("", read);
  const auto read_back = [&words](Section& root) {
    EXPECT_EQ(root.Texts({.name = "words"}, std::vector<std::string>{}), words);
  };
  const Resolved second = Resolve(first.yaml, read_back);
  EXPECT_EQ(first.yaml, second.yaml);
  EXPECT_EQ(first.hash, second.hash);
  EXPECT_EQ(nlohmann::json::parse(first.json)["words"], nlohmann::json(words));
}

TEST(Resolve, ReadsBackToTheSameTextAndHash) {
  const Reader read = [](Section& root) { ReadExperiment(root); };
  const RandomConfigs configs(Recorded(read).JsonSchema("test"));
  core::Stream stream = core::Stream::Named(11, "test/random_config");
  int resolved = 0;
  for (int i = 0; i < 600; ++i) {
    const RandomConfig config = configs.Draw(0.0, stream);
    if (!ProblemsIn(config.yaml, read).empty()) continue;
    ++resolved;
    const Resolved first = Resolve(config.yaml, read);
    const Resolved second = Resolve(first.yaml, read);
    ASSERT_EQ(first.yaml, second.yaml) << config.yaml;
    ASSERT_EQ(first.json, second.json) << config.yaml;
    ASSERT_EQ(first.hash, second.hash) << config.yaml;
    // JSON is YAML, too.
    ASSERT_EQ(Resolve(first.json, read).hash, first.hash) << first.json;
  }
  EXPECT_GT(resolved, 300);
}

}  // namespace
}  // namespace fedtorch::config
