#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"
#include "tests/aggregate/server_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pointwise;
using testing::SizeIs;

// A model of one dense layer, 4 features and 5 classes, that starts at zero.
constexpr std::int64_t kFeatures = 4;
constexpr std::int64_t kClasses = 5;
constexpr std::int64_t kSize = kFeatures * kClasses + kClasses;

std::vector<Block> Layers() {
  return {{"0.dense.weight", 0, 20, {kFeatures, kClasses}},
          {"0.dense.bias", 20, 5, {kClasses}}};
}

Matrix Softmax(std::span<const double> model,
               std::int64_t count,
               std::uint64_t seed) {
  core::Stream stream = core::Stream::Named(seed, "noise");
  Matrix outputs(count, kClasses);
  for (std::int64_t s = 0; s < count; ++s) {
    const auto row = outputs.Row(s);
    for (std::size_t c = 0; c < 5; ++c) row[c] = model[20 + c];
    for (std::size_t k = 0; k < 4; ++k) {
      const double input = stream.Normal();
      for (std::size_t c = 0; c < 5; ++c) row[c] += input * model[5 * k + c];
    }
    double sum = 0.0;
    for (double& value : row) sum += value = std::exp(value);
    for (double& value : row) value /= sum;
  }
  return outputs;
}

FakeServer Server() {
  FakeServer server;
  server.outputs = Softmax;
  return server;
}

// Honest clients move all classes, each a little differently; poisoned ones
// pull class 2 up and hardly touch the others.
std::vector<std::vector<double>> Clients(std::int64_t honest,
                                         std::int64_t poisoned) {
  core::Stream stream = core::Stream::Named(9, "clients");
  std::vector<double> common;
  for (std::int64_t k = 0; k < kSize; ++k) common.push_back(stream.Normal());
  std::vector<std::vector<double>> rows;
  for (std::int64_t i = 0; i < honest + poisoned; ++i) {
    std::vector<double>& row = rows.emplace_back();
    for (std::int64_t k = 0; k < kSize; ++k) {
      const double value = common[static_cast<std::size_t>(k)];
      if (i < honest) {
        row.push_back(std::copysign(1.0, value) + 0.05 * stream.Normal());
      } else {
        row.push_back((k % kClasses == 2 ? 2.0 : 0.02) +
                      0.001 * stream.Normal());
      }
    }
  }
  return rows;
}

std::string Text(const std::string& keys = "") {
  return "{name: deepsight, noise_samples: 50" + keys + "}";
}

TEST(DeepSight, DropsTheClusterOfClientsTrainedTowardsOneClass) {
  FakeServer server = Server();
  const std::vector<Block> layers = Layers();
  const auto rows = Clients(12, 6);
  const Context context{.blocks = layers, .server = &server};
  const Result result = ResultOf(Text(), rows, context);
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  // Honest clients exceed the threshold in all classes, the others in one.
  for (std::size_t i = 0; i < 18; ++i) {
    EXPECT_EQ(result.scores[i], i < 12 ? 5.0 : 1.0);
  }
  // The mean of the admitted, clipped to the median norm of all.
  std::vector<double> norms;
  for (const auto& row : rows) {
    double square = 0.0;
    for (const double value : row) square += value * value;
    norms.push_back(std::sqrt(square));
  }
  std::vector<double> sorted = norms;
  std::sort(sorted.begin(), sorted.end());
  const double median = 0.5 * (sorted[8] + sorted[9]);
  std::vector<double> expected(static_cast<std::size_t>(kSize));
  for (std::size_t i = 0; i < 12; ++i) {
    for (std::size_t k = 0; k < expected.size(); ++k) {
      expected[k] += rows[i][k] * std::min(1.0, median / norms[i]) / 12.0;
    }
  }
  EXPECT_THAT(result.vector, Pointwise(DoubleNear(1e-12), expected));
  // The same from rows of float.
  const RandomRows both(rows);
  EXPECT_EQ(PipelineFrom({}, Text()).Aggregate(both.Floats(), context).kept,
            result.kept);
}

TEST(DeepSight, CountsClassesByNormalisedEnergy) {
  // Energies (|bias| + sum of |weights|) of one client: 10, 4, 5, 0, 1, their
  // squares by the largest 1, .16, .25, 0, .01. More than max(.01, 1/5): two.
  FakeServer server = Server();
  const std::vector<Block> layers = Layers();
  std::vector<double> row(static_cast<std::size_t>(kSize));
  row[0] = -6.0;
  row[5] = 3.0;
  row[20] = 1.0;
  row[1] = 4.0;
  row[2] = -5.0;
  row[24] = -1.0;
  const Context context{.blocks = layers, .server = &server};
  EXPECT_THAT(ResultOf(Text(), {row, row}, context).scores,
              ElementsAre(2.0, 2.0));
  EXPECT_THAT(ResultOf(Text(", threshold: 0.3"), {row, row}, context).scores,
              ElementsAre(1.0, 1.0));
}

TEST(DeepSight, CondemnsAClusterByItsShareOfSuspicious) {
  // All in one cluster (too few for another): 1 of 4 is suspicious.
  FakeServer server = Server();
  const std::vector<Block> layers = Layers();
  const auto rows = Clients(3, 1);
  const Context context{.blocks = layers, .server = &server};
  EXPECT_THAT(ResultOf(Text(), rows, context).kept, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(ResultOf(Text(", tau: 0.26"), rows, context).kept,
              ElementsAre(0, 1, 2, 3));
  // A quarter is not less than a quarter: nobody is left, the model stays.
  const Result none = ResultOf(Text(", tau: 0.25"), rows, context);
  EXPECT_THAT(none.kept, IsEmpty());
  EXPECT_THAT(none.vector, Each(0.0));
}

TEST(DeepSight, AsksForEqualNoiseOfItsOwn) {
  FakeServer server = Server();
  std::vector<std::uint64_t> seeds;
  std::vector<std::int64_t> counts;
  server.outputs = [&](auto update, auto count, auto seed) {
    seeds.push_back(seed);
    counts.push_back(count);
    return Softmax(update, count, seed);
  };
  const std::vector<Block> layers = Layers();
  const auto rows = Clients(3, 0);
  const auto run = [&](std::uint64_t seed, std::int64_t round) {
    seeds.clear();
    ResultOf(
        Text(", noise_sets: 2"),
        rows,
        {.seed = seed, .round = round, .blocks = layers, .server = &server});
    return seeds;
  };
  const auto first = run(1, 1);
  // The old model and three new ones on each of two sets.
  ASSERT_EQ(first.size(), 8U);
  EXPECT_EQ(std::set(first.begin(), first.begin() + 4).size(), 1U);
  EXPECT_EQ(std::set(first.begin(), first.end()).size(), 2U);
  EXPECT_EQ(first, run(1, 1));
  EXPECT_NE(first, run(1, 2));
  EXPECT_NE(first, run(2, 1));
  EXPECT_THAT(counts, Each(50));
}

TEST(DeepSight, TellsClientsApartByOutputsOrBiasesAlone) {
  // 18 clients with one energy a class, but for the first two of the last six,
  // who moved one class only. Two are no cluster of energies. Among all they
  // are few; in a cluster of the last six they are a third, and it falls.
  FakeServer server = Server();
  bool differ = false;
  server.outputs = [&differ](auto update, auto count, auto) {
    Matrix outputs(count, kClasses);
    const bool strange = differ && update[0] > 50.0;
    for (std::int64_t s = 0; s < count; ++s) {
      for (std::int64_t c = 0; c < kClasses; ++c) {
        outputs(s, c) = !strange ? 0.2 : c == 0 ? 0.9 : 0.025;
      }
    }
    return outputs;
  };
  // Coordinate 0 is a hidden weight.
  std::vector<Block> layers = {{"0.dense.weight", 0, 1, {1, 1}}};
  for (Block block : Layers()) {
    block.offset += 1;
    layers.push_back(block);
  }
  std::vector<std::vector<double>> rows(18, std::vector<double>(26, 1.0));
  for (std::size_t i = 12; i < 18; ++i) rows[i][0] = 100.0;
  for (const std::size_t i : {12U, 13U}) rows[i][3] = 1000.0;
  const Context context{.blocks = layers, .server = &server};
  EXPECT_THAT(ResultOf(Text(), rows, context).kept, SizeIs(18));
  differ = true;
  EXPECT_THAT(ResultOf(Text(), rows, context).kept,
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  differ = false;
  for (std::size_t i = 12; i < 18; ++i) {
    for (std::size_t k = 21; k < 26; ++k) rows[i][k] = -1.0;
  }
  EXPECT_THAT(ResultOf(Text(), rows, context).kept,
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(DeepSight, TellsClientsApartByEnergiesAlone) {
  // The last six moved one class, with equal biases and outputs. In one cluster
  // with all others they would be the third that condemns it.
  FakeServer server = Server();
  server.outputs = [](auto, auto count, auto) {
    return Matrix(count, kClasses);
  };
  const std::vector<Block> layers = Layers();
  std::vector<std::vector<double>> rows(18, std::vector<double>(25, 1.0));
  for (std::size_t i = 12; i < 18; ++i) rows[i][2] = 1000.0;
  EXPECT_THAT(
      ResultOf(Text(), rows, {.blocks = layers, .server = &server}).kept,
      ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(DeepSight, NeedsADenseLastLayer) {
  FakeServer server = Server();
  const std::vector<Block> layers = {
      {"0.convolution.weight", 0, 25, {1, 5, 1, 5}}};
  const auto rows = Clients(3, 0);
  EXPECT_THROW(ResultOf(Text(), rows, {.server = &server}), core::RunError);
  EXPECT_THROW(ResultOf(Text(), rows, {.blocks = layers, .server = &server}),
               core::RunError);
  EXPECT_TRUE(PipelineFrom({}, "deepsight").needs_server_data());
}

TEST(DeepSight, WorksWithoutBiases) {
  FakeServer server = Server();
  const std::vector<Block> layers = {{"0.dense.weight", 0, kSize, {5, 5}}};
  EXPECT_THAT(
      ResultOf(Text(), Clients(12, 6), {.blocks = layers, .server = &server})
          .kept,
      ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

TEST(DeepSight, StandsHugeZeroTinyAndEqualRows) {
  FakeServer server = Server();
  const std::vector<Block> layers = Layers();
  const Context context{.blocks = layers, .server = &server};
  std::vector<std::vector<double>> rows(
      12, std::vector<double>(static_cast<std::size_t>(kSize), 1.0));
  for (double& value : rows[3]) value = -1e120;  // outputs are not numbers
  for (double& value : rows[5]) value = 1e30;
  for (double& value : rows[7]) value = 0.0;
  for (double& value : rows[8]) value = 1e-310;
  const Result result = ResultOf(Text(), rows, context);
  for (const double value : result.vector) {
    EXPECT_LE(std::fabs(value), 1.0 + 1e-9);
  }
  const std::vector<std::vector<double>> same(
      7, std::vector<double>(static_cast<std::size_t>(kSize), 2.0));
  EXPECT_THAT(ResultOf(Text(), same, context).vector,
              Each(DoubleNear(2.0, 1e-12)));
  const std::vector<std::vector<double>> one(1, same[0]);
  EXPECT_THAT(ResultOf(Text(), one, context).vector,
              Each(DoubleNear(2.0, 1e-12)));
}

}  // namespace
}  // namespace fedtorch::aggregate
