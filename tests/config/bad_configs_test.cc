#include "fedtorch/config/document.h"
#include "tests/config/experiment_reader.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

namespace fs = std::filesystem;

fs::path Folder() {
  const char* root = std::getenv("FEDTORCH_SOURCE_DIR");
  return fs::path(root == nullptr ? "." : root) / "tests" / "config" / "bad";
}

// Empty where the folder is missing, which a test below reports.
std::vector<std::string> Stems() {
  std::vector<std::string> stems;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(Folder(), error)) {
    if (entry.path().extension() == ".yml") {
      stems.push_back(entry.path().stem().string());
    }
  }
  std::sort(stems.begin(), stems.end());
  return stems;
}

std::string ReadText(const fs::path& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

// Formats problems one a line, without folders and without source lines.
std::string Format(std::vector<core::Problem> problems) {
  std::string text;
  const std::string folder = Folder().lexically_normal().string() + "/";
  for (core::Problem& problem : problems) {
    problem.source_line.clear();
    std::string line = problem.ToString();
    for (std::size_t at = line.find(folder); at != std::string::npos;
         at = line.find(folder)) {
      line.erase(at, folder.size());
    }
    text += line + "\n";
  }
  return text;
}

class BadConfig : public testing::TestWithParam<std::string> {};

TEST_P(BadConfig, GetsExactlyTheExpectedMessages) {
  const fs::path stem = Folder().lexically_normal() / GetParam();
  const std::string expected = ReadText(stem.string() + ".expected");
  ASSERT_NE(expected, "");
  std::string found;
  try {
    Document document = Document::FromFiles({stem.string() + ".yml"});
    ReadExperiment(document.Root());
    document.Finish();
  } catch (const core::ConfigError& error) {
    found = Format(error.problems());
  }
  EXPECT_EQ(found, expected);
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(BadConfig);
INSTANTIATE_TEST_SUITE_P(AllFiles,
                         BadConfig,
                         testing::ValuesIn(Stems()),
                         [](const auto& config) {
                           return "No" + config.param;
                         });

TEST(BadConfigs, AreForty) { EXPECT_EQ(Stems().size(), 40u); }

}  // namespace
}  // namespace fedtorch::config
