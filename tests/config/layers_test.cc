#include "fedtorch/config/layers.h"

#include "tests/config/reading.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A folder that is empty at the start of each test.
class Layers : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / "fedtorch_layers_test";
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path Write(const std::string& name, const std::string& text) {
    fs::path file = folder_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }

  // Reads files; returns the resolved form, or the problems one a line.
  std::string Read(const std::vector<fs::path>& files,
                   const std::vector<std::string>& overrides = {}) {
    try {
      Document document = Document::FromFiles(files, overrides);
      Section root = document.Root();
      root.Int({.name = "a", .aliases = {"old_a"}}, 0);
      root.Int({.name = "b"}, 0);
      Section client = root.Child({.name = "client"});
      client.Int({.name = "batch_size"}, 32);
      const std::vector<KindFacts> kinds = {
          {"sgd", "", "", [](Section& s) { s.Real({.name = "lr"}, 0.1); }},
          {"adam", "", "", [](Section& s) { s.Real({.name = "lr"}, 0.2); }}};
      auto chosen = client.ChooseKind({.name = "optimizer"}, kinds, "sgd");
      if (chosen.index) kinds[*chosen.index].read(*chosen.section);
      document.Finish();
      return document.ResolvedYaml();
    } catch (const core::ConfigError& error) {
      std::string text;
      for (core::Problem problem : error.problems()) {
        problem.source_line.clear();
        text += problem.ToString() + "\n";
      }
      const std::string prefix = folder_.string() + "/";
      for (auto at = text.find(prefix); at != std::string::npos;
           at = text.find(prefix)) {
        text.erase(at, prefix.size());
      }
      return text;
    }
  }

  static std::string Resolved(int a,
                              int b,
                              int batch_size,
                              const std::string& optimizer,
                              const std::string& lr) {
    return "a: " + std::to_string(a) + "\nb: " + std::to_string(b) +
           "\nclient:\n  batch_size: " + std::to_string(batch_size) +
           "\n  optimizer:\n    name: " + optimizer + "\n    lr: " + lr + "\n";
  }

  fs::path folder_;
};

TEST_F(Layers, LaterFilesWinKeyByKey) {
  const fs::path first = Write(
      "first.yaml", "a: 1\nb: 2\nclient: {batch_size: 8, optimizer: sgd}\n");
  const fs::path second =
      Write("second.yaml", "b: 3\nclient: {optimizer: {lr: 0.5}}\n");
  EXPECT_EQ(Read({first, second}), Resolved(1, 3, 8, "sgd", "0.5"));
  EXPECT_EQ(Read({second, first}), Resolved(1, 2, 8, "sgd", "0.5"));
}

TEST_F(Layers, AnotherKindReplacesTheKeysOfTheFirst) {
  const fs::path first =
      Write("first.yaml", "client: {optimizer: {name: adam, lr: 9}}\n");
  const fs::path second =
      Write("second.yaml", "client: {optimizer: {name: sgd}}\n");
  const fs::path word = Write("word.yaml", "client: {optimizer: sgd}\n");
  const fs::path same = Write("same.yaml", "client: {optimizer: adam}\n");
  EXPECT_EQ(Read({first, second}), Resolved(0, 0, 32, "sgd", "0.1"));
  EXPECT_EQ(Read({first, word}), Resolved(0, 0, 32, "sgd", "0.1"));
  EXPECT_EQ(Read({first, same}), Resolved(0, 0, 32, "adam", "9"));
}

TEST_F(Layers, TheTopLevelIsNoKind) {
  Write("base.yaml", "name: one\nseed: 4\n");
  const fs::path file = Write("main.yaml", "defaults: base\nname: two\n");
  Document document = Document::FromFiles({file});
  Section root = document.Root();
  EXPECT_EQ(root.Text({.name = "name"}, std::nullopt), "two");
  EXPECT_EQ(root.Int({.name = "seed"}, std::nullopt), 4);
  document.Finish();
}

TEST_F(Layers, DefaultsComeBeforeTheFileThatNamesThem) {
  Write("sets/one.yaml", "a: 1\nb: 1\nclient: {batch_size: 1}\n");
  Write("configs/sets/two.yml", "b: 2\nclient: {batch_size: 2}\n");
  Write("whole.conf", "defaults: [sets/one, sets/two.yml]\n");
  const fs::path file =
      Write("main.yaml", "defaults: [whole.conf]\nclient: {batch_size: 3}\n");
  EXPECT_EQ(Read({file}), Resolved(1, 2, 3, "sgd", "0.1"));
}

TEST_F(Layers, DefaultsAreFoundInConfigsAboveTheFile) {
  Write("configs/sets/one.yaml", "a: 1\n");
  const fs::path file =
      Write("experiments/first/main.yaml", "defaults: [sets/one]\n");
  EXPECT_EQ(Read({file}), Resolved(1, 0, 32, "sgd", "0.1"));
}

TEST_F(Layers, PlacesPointAtTheFileThatGaveTheValue) {
  Write("base.yaml",
        "# first line\na: x\nclient:\n  batch_size: y\n  zzzzz: 1\n");
  const fs::path file =
      Write("main.yaml", "b: w\ndefaults: [base]\nclient: {}\n");
  EXPECT_EQ(Read({file}, {"client.optimizer.lr=v"}),
            "main.yaml:1:4: error: b: expected an integer, got 'w'\n"
            "base.yaml:2:4: error: a: expected an integer, got 'x'\n"
            "base.yaml:4:15: error: client.batch_size: expected an integer, "
            "got 'y'\n"
            "base.yaml:5:3: error: client: unknown key 'zzzzz'; known keys: "
            "batch_size, optimizer\n"
            "command line, override #1: client.optimizer.lr=v: error: "
            "client.optimizer.lr: expected a number, got 'v'\n");
}

TEST_F(Layers, ALaterLayerWinsUnderAnyName) {
  Write("base.yaml", "old_a: 1\n");
  const fs::path file = Write("main.yaml", "defaults: base\na: 2\n");
  EXPECT_EQ(Read({file}), Resolved(2, 0, 32, "sgd", "0.1"));
  EXPECT_EQ(Read({file}, {"old_a=3"}), Resolved(3, 0, 32, "sgd", "0.1"));
}

TEST_F(Layers, ReportsMissingFilesAndCircles) {
  EXPECT_EQ(Read({folder_ / "absent.yaml"}),
            "absent.yaml: error: no such file\n");
  EXPECT_THAT(Read({folder_}), HasSubstr("expected a file, found a folder"));
  const fs::path first = Write("first.yaml", "defaults: [second]\n");
  Write("second.yaml", "a: 1\ndefaults: [third, first]\n");
  Write("third.yaml", "a: 1\n");
  EXPECT_EQ(Read({first}),
            "second.yaml:2:19: error: defaults: 'first' names 'first.yaml', "
            "which is being read already; files cannot name each other in a "
            "circle\n");
  const fs::path twice = Write("twice.yaml", "defaults: [third, third]\n");
  EXPECT_EQ(Read({twice}), Resolved(1, 0, 32, "sgd", "0.1"));
}

TEST_F(Layers, ReportsDefaultsThatAreNoFileNames) {
  EXPECT_EQ(Read({Write("a.yaml", "defaults: {base: 1}\n")}),
            "a.yaml:1:1: error: defaults: expected a list of file names, got a "
            "mapping; write [a, b]\n");
  EXPECT_EQ(Read({Write("b.yaml", "defaults: [[x]]\n")}),
            "b.yaml:1:12: error: defaults: expected the name of a file, got a "
            "list\n");
  EXPECT_EQ(Read({Write("c.yaml", "defaults:\n")}),
            Resolved(0, 0, 32, "sgd", "0.1"));
}

TEST_F(Layers, ReportsAFileThatIsNotYaml) {
  Write("base.yaml", "a: [1\n");
  const fs::path file = Write("main.yaml", "defaults: base\n");
  EXPECT_EQ(Read({file}),
            "base.yaml:2:1: error: not YAML: end of sequence flow not found; "
            "inside the list that '[' opens at line 1, column 4\n");
  EXPECT_EQ(Read({Write("latin.yaml", "a: 1\nb: \xE9\n")}),
            "latin.yaml:2: error: expected UTF-8 text, found a byte that is "
            "not; save the file as UTF-8\n");
  EXPECT_EQ(Read({Write("list.yaml", "- a\n")}),
            "list.yaml:1:1: error: (top level): expected a mapping of keys, "
            "got a list\n");
  EXPECT_EQ(Read({Write("two.yaml", "a: 1\n---\nb: 2\n")}),
            "two.yaml:2:1: error: expected the end of the file; a file holds "
            "one YAML document, whose keys begin in the same column\n");
}

TEST_F(Layers, AcceptsAByteOrderMarkAndWindowsLines) {
  EXPECT_EQ(Read({Write("a.yaml",
                        "\xEF\xBB\xBF"
                        "a: 1\r\nb: 2\r\n")}),
            Resolved(1, 2, 32, "sgd", "0.1"));
  EXPECT_EQ(Read({Write("b.yaml",
                        "\xEF\xBB\xBF"
                        "a: x\r\n")}),
            "b.yaml:1:4: error: a: expected an integer, got 'x'\n");
}

TEST_F(Layers, StopsAliasesThatGrowWithoutEnd) {
  std::string text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) text += (j == 0 ? "" : ", ") + alias;
    text += "]\n";
  }
  EXPECT_THAT(Read({Write("a.yaml", text)}),
              HasSubstr("expands to more than 100000 values"));
}

TEST_F(Layers, RefusesNestingThatCouldFillTheStack) {
  EXPECT_THAT(Read({Write("a.yaml", "a: " + std::string(100'000, '['))}),
              HasSubstr("a.yaml:1:"));
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " " +
            std::string(30, '[') +
            (i == 0 ? "1" : "*a" + std::to_string(i - 1)) +
            std::string(30, ']') + "\n";
  }
  EXPECT_THAT(Read({Write("b.yaml", text)}),
              HasSubstr("an alias of more than 64 levels"));
}

TEST_F(Layers, ReadsTheVersionOfTheLayout) {
  EXPECT_EQ(Read({Write("a.yaml", "schema_version: 1\n")}),
            Resolved(0, 0, 32, "sgd", "0.1"));
  EXPECT_THAT(Read({Write("b.yaml", "schema_version: '1'\n")}),
              HasSubstr("b.yaml:1:17: error: schema_version: expected 1"));
}

}  // namespace
}  // namespace fedtorch::config
