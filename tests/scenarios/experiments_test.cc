// Every sweep of experiments/ in its smoke size: generated images and two
// rounds, but each cell as it stands in the file.

#include "tests/scenarios/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <sstream>

namespace fedtorch::scenarios {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<std::string> Sweeps() {
  std::vector<std::string> files;
  for (const auto& folder : fs::directory_iterator("experiments")) {
    if (!fs::exists(folder.path() / "smoke.txt")) continue;
    for (const auto& file : fs::directory_iterator(folder.path())) {
      if (file.path().extension() != ".yaml") continue;
      if (ReadFile(file.path()).find("\nsweep:") == std::string::npos) continue;
      files.push_back(file.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

class SmokeSize : public testing::TestWithParam<std::string> {};

TEST_P(SmokeSize, RunsEveryCellAndReports) {
  const Scratch scratch;
  std::vector<std::string> words{"sweep", "-c", GetParam()};
  std::istringstream lines(
      ReadFile(fs::path(GetParam()).parent_path() / "smoke.txt"));
  std::string line;
  while (std::getline(lines, line)) {
    if (!line.empty()) words.push_back(line);
  }
  const std::string folder = (scratch.path() / "sweep").string();
  words.insert(words.end(), {"--dir", folder, "--quiet"});
  const Ended ended = Fedrun(words);
  EXPECT_EQ(ended.code, 0) << ended.errors << ended.output;
  EXPECT_TRUE(fs::exists(fs::path(folder) / "results.csv"));
  const Ended report = Fedrun({"report", folder});
  EXPECT_EQ(report.code, 0) << report.errors;
  const std::string page = ReadFile(fs::path(folder) / "report.html");
  EXPECT_THAT(page, testing::HasSubstr("<svg"));
  EXPECT_THAT(page, testing::Not(testing::HasSubstr("http://cdn")));
}

INSTANTIATE_TEST_SUITE_P(EverySweep,
                         SmokeSize,
                         testing::ValuesIn(Sweeps()),
                         [](const auto& sweep) {
                           std::string name = sweep.param;
                           for (char& letter : name) {
                             if (!std::isalnum(letter)) letter = '_';
                           }
                           return name;
                         });

}  // namespace
}  // namespace fedtorch::scenarios
