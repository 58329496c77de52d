#include "tests/docs/document.h"
#include "tests/docs/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace fedtorch::docs {
namespace {

using nlohmann::json;

// Owns a folder for the runs of a test.
class RunFolder {
 public:
  RunFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "fedtorch-docs-XXXXXX")
            .string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no folder can be made");
    }
    path_ = pattern;
  }
  ~RunFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Trains with the program of the example; returns the hash of the model.
std::string ModelAfter(const std::string& aggregator) {
  const RunFolder folder;
  const std::string summary =
      OutputOf("FEDTORCH_CUSTOM_KIND",
               {"run",
                "--quiet",
                "--format",
                "json",
                "-c",
                (Root() / "configs/median_labels.yaml").string(),
                "-o",
                folder.path().string(),
                "federation.rounds=3",
                "server.aggregator=" + aggregator});
  return json::parse(summary).at("model_sha256").get<std::string>();
}

TEST(CustomKind, TrainsLikeTheMedianThatItIsAtOneHalf) {
  // Nine clients a round: the lower median is the median.
  const std::string median = ModelAfter("{name: median}");
  EXPECT_EQ(ModelAfter("{name: quantile, at: 0.5}"), median);
  EXPECT_EQ(ModelAfter("quantile"), median);
  EXPECT_NE(ModelAfter("{name: quantile, at: 0.25}"), median);
}

TEST(CustomKind, IsListedAfterThoseOfTheTree) {
  std::vector<std::string> names;
  for (const json& kind :
       json::parse(OutputOf("FEDTORCH_CUSTOM_KIND",
                            {"list", "aggregators", "--format", "json"}))) {
    names.push_back(kind.at("name").get<std::string>());
  }
  ASSERT_FALSE(names.empty());
  EXPECT_EQ(names.back(), "quantile");
}

TEST(CustomKind, HasItsKeysInTheSchema) {
  EXPECT_THAT(OutputOf("FEDTORCH_CUSTOM_KIND", {"schema"}),
              testing::HasSubstr("0.5 = lower median"));
}

}  // namespace
}  // namespace fedtorch::docs
