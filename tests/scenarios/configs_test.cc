#include "tests/scenarios/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace fedtorch::scenarios {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> Configs() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator("configs")) {
    if (entry.path().extension() == ".yaml") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ConfigTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ConfigTest, RunsAndReadsBackToItsHash) {
  const Scratch scratch;
  const std::string file = "configs/" + GetParam() + ".yaml";
  const Ended validated = Fedrun({"validate", "-c", file, "--format", "json"});
  ASSERT_EQ(validated.code, 0) << validated.errors;
  const auto hash = nlohmann::json::parse(validated.output).at("hash");
  const std::string resolved = scratch.Write(
      "resolved.yaml", Fedrun({"-c", file, "--print-config"}).output);
  const Ended again = Fedrun({"validate", "-c", resolved, "--format", "json"});
  ASSERT_EQ(again.code, 0) << again.errors;
  EXPECT_EQ(nlohmann::json::parse(again.output).at("hash"), hash);
  // The quick start is long for a test; a few of its rounds show the path.
  std::vector<std::string> arguments{
      "-c", file, "-q", "-o", (scratch.path() / "runs").string()};
  if (GetParam() == "quickstart") {
    arguments.emplace_back("federation.rounds=3");
  }
  const Ended ran = Fedrun(arguments);
  EXPECT_EQ(ran.code, 0) << ran.errors;
}

INSTANTIATE_TEST_SUITE_P(EveryFile,
                         ConfigTest,
                         ::testing::ValuesIn(Configs()),
                         [](const auto& config) {
                           std::string name = config.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace fedtorch::scenarios
