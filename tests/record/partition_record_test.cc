#include "fedtorch/record/partition_record.h"

#include "fedtorch/core/hash.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace fedtorch::record {
namespace {

using Json = nlohmann::json;

// Bytes of 64-bit numbers, least significant first, written by hand.
std::string LittleEndian(const std::vector<std::uint64_t>& values) {
  std::string bytes;
  for (const std::uint64_t value : values) {
    for (int shift = 0; shift < 64; shift += 8) {
      bytes += static_cast<char>(value >> shift & 0xFF);
    }
  }
  return bytes;
}

struct Example {
  partition::Split split;
  partition::ClientSplit sets;
  partition::ClassCounts counts;
  partition::Skew skew;

  Example() {
    split.shards = {.offsets = {0, 3, 3, 5}, .indices = {0, 300, 7, 1, 2}};
    split.unassigned = 4;
    sets.train = {.offsets = {0, 2, 2, 3}, .indices = {0, 300, 1}};
    sets.validation = {.offsets = {0, 0, 0, 0}, .indices = {}};
    sets.test = {.offsets = {0, 1, 1, 2}, .indices = {7, 2}};
    counts = {.num_classes = 10,
              .offsets = {0, 2, 2, 3},
              .entries = {{3, 1}, {9, 2}, {0, 2}}};
    skew.num_clients = 3;
    skew.num_samples = 5;
    skew.tv_to_global = 0.25;
    skew.max_size = 3;
  }
  Json Write() const {
    return Json::parse(PartitionJson({.kind = "dirichlet",
                                      .split = split,
                                      .sets = sets,
                                      .counts = counts,
                                      .skew = skew}));
  }
};

TEST(PartitionJson, ListsEveryClient) {
  const Json json = Example().Write();
  EXPECT_EQ(json["partition"], "dirichlet");
  EXPECT_EQ(json["num_clients"], 3);
  EXPECT_EQ(json["num_samples"], 5);
  EXPECT_EQ(json["unassigned_samples"], 4);
  EXPECT_EQ(json["skew"]["tv_to_global"], 0.25);
  EXPECT_EQ(json["partition_hash"],
            core::Sha256Hex(LittleEndian({0, 3, 3, 5, 0, 300, 7, 1, 2})));
  const Json& first = json["clients"][0];
  EXPECT_EQ(first["client"], 0);
  EXPECT_EQ(first["samples"], 3);
  EXPECT_EQ(first["train"], 2);
  EXPECT_EQ(first["validation"], 0);
  EXPECT_EQ(first["test"], 1);
  EXPECT_EQ(first["classes"], Json::parse(R"({"3": 1, "9": 2})"));
  EXPECT_EQ(first["indices_sha256"],
            core::Sha256Hex(LittleEndian({0, 300, 7})));
  EXPECT_FALSE(first.contains("name"));
  EXPECT_EQ(json["clients"][1]["samples"], 0);
  EXPECT_EQ(json["clients"][1]["classes"], Json::object());
  EXPECT_EQ(json["clients"][1]["indices_sha256"],
            core::Sha256Hex(std::string_view("")));
  EXPECT_EQ(json["clients"].size(), 3U);
}

TEST(PartitionJson, NamesClientsAndTheirNoise) {
  Example example;
  example.split.client_names = {"anna", "b\"c", "d"};
  example.split.feature_noise = {0.0, 0.5, 1.0};
  const Json json = example.Write();
  EXPECT_EQ(json["clients"][1]["name"], "b\"c");
  EXPECT_EQ(json["clients"][1]["feature_noise"], 0.5);
}

TEST(PartitionJson, LeavesOutTheTokensOfTexts) {
  Example example;
  example.counts.num_classes = 20000;
  const Json json = example.Write();
  EXPECT_FALSE(json["clients"][0].contains("classes"));
  EXPECT_EQ(json["note"],
            "counts of classes are left out: more than 1000 classes");
}

}  // namespace
}  // namespace fedtorch::record
