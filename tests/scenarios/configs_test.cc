#include "tests/scenarios/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>

namespace fedtorch::scenarios {
namespace {

namespace fs = std::filesystem;

// Every config of the tree that stands for itself; fragments under
// configs/datasets/ are reached through them.
std::vector<std::string> Configs() {
  std::vector<std::string> files;
  const auto add = [&files](const fs::path& file) {
    if (file.extension() == ".yaml") files.push_back(file.string());
  };
  for (const auto& entry : fs::directory_iterator("configs")) {
    add(entry.path());
  }
  for (const auto& entry : fs::directory_iterator("experiments")) {
    // One without a config measures something else than training.
    if (fs::exists(entry.path() / "base.yaml")) add(entry.path() / "base.yaml");
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Some are long for a test; a few of their rounds show the path.
bool IsLong(const std::string& file) {
  return file == "configs/quickstart.yaml" || file.rfind("experiments", 0) == 0;
}

class ConfigTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ConfigTest, RunsAndReadsBackToItsHash) {
  const Scratch scratch;
  const std::string file = GetParam();
  const Ended validated = Fedrun({"validate", "-c", file, "--format", "json"});
  ASSERT_EQ(validated.code, 0) << validated.errors;
  const auto hash = nlohmann::json::parse(validated.output).at("hash");
  const std::string resolved = scratch.Write(
      "resolved.yaml", Fedrun({"-c", file, "--print-config"}).output);
  const Ended again = Fedrun({"validate", "-c", resolved, "--format", "json"});
  ASSERT_EQ(again.code, 0) << again.errors;
  EXPECT_EQ(nlohmann::json::parse(again.output).at("hash"), hash);
  std::vector<std::string> arguments{
      "-c", file, "-q", "-o", (scratch.path() / "runs").string()};
  if (IsLong(file)) arguments.emplace_back("federation.rounds=2");
  const Ended ran = Fedrun(arguments);
  EXPECT_EQ(ran.code, 0) << ran.errors;
}

INSTANTIATE_TEST_SUITE_P(EveryFile,
                         ConfigTest,
                         ::testing::ValuesIn(Configs()),
                         [](const auto& config) {
                           std::string name = config.param;
                           for (char& letter : name) {
                             if (!std::isalnum(letter)) letter = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace fedtorch::scenarios
