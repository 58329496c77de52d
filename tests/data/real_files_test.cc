// Reads data sets that are not part of the project, where the machine has
// them. The expected numbers were counted by other programs (zcat, awk,
// python3) on the same files.

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"
#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

bool IsThere(const std::string& name) {
  try {
    FindData(name);
    return true;
  } catch (const core::DataError&) {
    return false;
  }
}

/// Loads configs/datasets/<name>.yaml.
Corpus LoadConfig(const std::string& name) {
  const char* root = std::getenv("FEDTORCH_SOURCE_DIR");
  auto document =
      config::Document::FromFiles({std::filesystem::path(root ? root : ".") /
                                   "configs" / "datasets" / (name + ".yaml")});
  auto top = document.Root();
  auto data = top.Child({.name = "data", .help = ""});
  const auto reader = config::MakeKind(
      data, {.name = "dataset", .help = ""}, AllKinds(), std::nullopt);
  document.Finish();
  return reader->Load(1);
}

std::vector<std::int64_t> CountClasses(const Dataset& set) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(set.num_classes));
  for (const std::int64_t target : set.targets) {
    ++counts[static_cast<std::size_t>(target)];
  }
  return counts;
}

std::uint64_t Sum(const std::vector<std::uint8_t>& bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0});
}

TEST(RealFiles, FashionMnist) {
  if (!IsThere("fashion-mnist")) GTEST_SKIP() << "skipped: needs fashion-mnist";
  const Corpus corpus = LoadConfig("fashion_mnist");
  EXPECT_EQ(corpus.train.size(), 60'000);
  EXPECT_EQ(corpus.test->size(), 10'000);
  EXPECT_THAT(CountClasses(corpus.train), Each(6000));
  EXPECT_THAT(CountClasses(*corpus.test), Each(1000));
  EXPECT_EQ(corpus.train.targets[0], 9);
  EXPECT_EQ(corpus.train.class_names[9], "ankle boot");
  EXPECT_EQ(Sum(corpus.train.bytes), 3'431'114'169U);
  EXPECT_EQ(Sum(corpus.test->bytes), 573'469'082U);
  // Mean and deviation from the sums of the values and of their squares.
  const double count = 47'040'000.0;
  const double mean = 3'431'114'169.0 / count;
  const double deviation = std::sqrt(631'470'052'347.0 / count - mean * mean);
  EXPECT_NEAR(corpus.train.mean[0], mean / 255.0, 1e-6);
  EXPECT_NEAR(corpus.train.std[0], deviation / 255.0, 1e-6);
}

TEST(RealFiles, Mnist) {
  if (!IsThere("mnist")) GTEST_SKIP() << "skipped: needs mnist";
  const Corpus corpus = LoadConfig("mnist");
  EXPECT_EQ(corpus.train.size(), 60'000);
  EXPECT_EQ(corpus.test->size(), 10'000);
  EXPECT_THAT(
      CountClasses(corpus.train),
      ElementsAre(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949));
  EXPECT_EQ(Sum(corpus.train.bytes), 1'567'298'545U);
  // The figures that everyone uses for MNIST.
  EXPECT_NEAR(corpus.train.mean[0], 0.1307, 5e-5);
  EXPECT_NEAR(corpus.train.std[0], 0.3081, 5e-5);
}

TEST(RealFiles, QmnistWriters) {
  if (!IsThere("mnist/qmnist-train-labels-idx2-int.gz")) {
    GTEST_SKIP() << "skipped: needs mnist with the labels of QMNIST";
  }
  const Corpus corpus = Load(
      "{name: idx, train_images: mnist/train-images-idx3-ubyte.gz, "
      "train_labels: mnist/qmnist-train-labels-idx2-int.gz, owner_column: 2}");
  EXPECT_THAT(corpus.train.owner_names, SizeIs(539));
  EXPECT_THAT(std::vector<std::int64_t>(corpus.train.targets.begin(),
                                        corpus.train.targets.begin() + 5),
              ElementsAre(5, 0, 4, 1, 9));
  EXPECT_EQ(corpus.train.num_classes, 10);
}

TEST(RealFiles, Adult) {
  if (!IsThere("adult/adult.data.gz")) GTEST_SKIP() << "skipped: needs adult";
  const std::string config =
      "{name: csv, path: adult/adult.data.gz, header: false, target: '14', "
      "categorical: ['1', '3', '5', '6', '7', '8', '9', '13'], missing: ";
  const Corpus dropped = Load(config + "drop_row, owner: '6'}");
  EXPECT_EQ(dropped.train.size(), 32'561 - 2399);
  EXPECT_THAT(dropped.notes,
              ElementsAre(HasSubstr("4262 values are missing in 2399 of 32561 "
                                    "rows (1 1836, 6 1843, 13 583)")));
  EXPECT_THAT(dropped.train.owner_names, SizeIs(14));
  const Corpus filled = Load(config + "mean}");
  EXPECT_EQ(filled.train.size(), 32'561);
  // Six numbers and 8 + 16 + 7 + 14 + 6 + 5 + 2 + 41 categories.
  EXPECT_THAT(filled.train.shape, ElementsAre(105));
  EXPECT_THAT(filled.train.class_names, ElementsAre("<=50K", ">50K"));
  EXPECT_THAT(CountClasses(filled.train), ElementsAre(24'720, 7841));
}

TEST(RealFiles, CreditTaiwan) {
  if (!IsThere("credit_taiwan")) GTEST_SKIP() << "skipped: needs credit_taiwan";
  const Corpus corpus = Load(
      "{name: csv, path: credit_taiwan/UCI_Credit_Card.csv.gz, target: "
      "default.payment.next.month, ignore: [ID], owner: EDUCATION, "
      "categorical: [SEX, MARRIAGE]}");
  EXPECT_EQ(corpus.train.size(), 30'000);
  EXPECT_THAT(CountClasses(corpus.train), ElementsAre(23'364, 6636));
  EXPECT_THAT(corpus.train.owner_names,
              ElementsAre("0", "1", "2", "3", "4", "5", "6"));
  // LIMIT_BAL, 2 of SEX, 4 of MARRIAGE, AGE, ...: the mean age is 35.4855.
  EXPECT_NEAR(corpus.train.mean[7], 35.4855F, 1e-4F);
}

TEST(RealFiles, HeartHospitals) {
  if (!IsThere("heart")) GTEST_SKIP() << "skipped: needs heart";
  const Corpus corpus = Load(
      "{name: csv, paths: [heart/processed.cleveland.data, "
      "heart/processed.hungarian.data, heart/processed.switzerland.data, "
      "heart/processed.va.data], header: false, target: '13', "
      "positive_above: 0, ignore: ['10', '11', '12'], missing: drop_row, "
      "owner: file}");
  EXPECT_EQ(corpus.train.size(), 740);
  std::vector<std::int64_t> sizes(4);
  std::vector<std::int64_t> ill(4);
  for (std::size_t i = 0; i < 740; ++i) {
    const auto owner = static_cast<std::size_t>(corpus.train.owners[i]);
    ++sizes[owner];
    ill[owner] += corpus.train.targets[i];
  }
  EXPECT_THAT(sizes, ElementsAre(303, 261, 46, 130));
  EXPECT_THAT(ill, ElementsAre(139, 98, 45, 101));
}

TEST(RealFiles, Shakespeare) {
  if (!IsThere("shakespeare")) GTEST_SKIP() << "skipped: needs shakespeare";
  const Corpus corpus = LoadConfig("shakespeare");
  EXPECT_THAT(corpus.train.owner_names, SizeIs(1048));
  EXPECT_EQ(corpus.train.size(), 48'444);
  EXPECT_EQ(corpus.test->size(), 4875);
  // 77 characters, the newline among them, and the unknown one.
  EXPECT_EQ(corpus.train.num_classes, 78);
  EXPECT_THAT(corpus.notes.at(0), HasSubstr("292 of 1340 owners"));
}

}  // namespace
}  // namespace fedtorch::data
