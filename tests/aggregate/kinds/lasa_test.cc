#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::Each;
using testing::ElementsAre;
using testing::Pointwise;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

double Deviation(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double sum = 0.0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / n);
}

struct Keys {
  double lambda_n = 2.0;
  double lambda_s = 1.0;
  double sparsity = 0.3;
  bool dense = false;

  std::string Text() const {
    return "{name: lasa, lambda_n: " + std::to_string(lambda_n) +
           ", lambda_s: " + std::to_string(lambda_s) +
           ", sparsity: " + std::to_string(sparsity) +
           ", average: " + (dense ? "dense" : "sparse") + "}";
  }
};

std::vector<double> Slow(const std::vector<std::vector<double>>& rows,
                         std::vector<Block> blocks,
                         const Keys& keys) {
  const std::size_t n = rows.size();
  const std::size_t d = rows[0].size();
  if (blocks.empty()) {
    blocks.push_back({"all", 0, static_cast<std::int64_t>(d), {1, 1}});
  }
  std::vector<double> norms;
  for (const auto& row : rows) {
    norms.push_back(
        std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.)));
  }
  std::vector<std::vector<double>> clipped = rows;
  std::vector<std::vector<double>> sparse;
  for (std::size_t i = 0; i < n; ++i) {
    for (double& value : clipped[i]) {
      value *= std::min(1.0, Median(norms) / norms[i]);
    }
    std::vector<std::size_t> weights;
    for (const Block& block : blocks) {
      if (block.shape.size() < 2) continue;
      for (std::int64_t k = 0; k < block.size; ++k) {
        weights.push_back(static_cast<std::size_t>(block.offset + k));
      }
    }
    std::stable_sort(weights.begin(), weights.end(), [&](auto a, auto b) {
      return std::fabs(rows[i][a]) > std::fabs(rows[i][b]);
    });
    const auto kept = static_cast<std::size_t>(
        (1.0 - keys.sparsity) * static_cast<double>(weights.size()));
    std::vector<double>& thin = sparse.emplace_back(clipped[i]);
    for (std::size_t k = kept; k < weights.size(); ++k) thin[weights[k]] = 0.0;
  }
  std::vector<double> result(d);
  for (const Block& block : blocks) {
    const auto first = static_cast<std::size_t>(block.offset);
    const auto last = static_cast<std::size_t>(block.offset + block.size);
    std::vector<double> lengths;
    std::vector<double> balances;
    for (const auto& row : sparse) {
      double square = 0.0;
      double sign = 0.0;
      double count = 0.0;
      for (std::size_t k = first; k < last; ++k) {
        square += row[k] * row[k];
        sign += row[k] > 0 ? 1 : row[k] < 0 ? -1 : 0;
        count += row[k] != 0;
      }
      lengths.push_back(std::sqrt(square));
      // The form of the authors' code.
      balances.push_back(0.5 * (1 + sign / count * (1 - keys.sparsity)));
    }
    std::vector<std::size_t> kept;
    for (std::size_t i = 0; i < n; ++i) {
      if (std::fabs(lengths[i] - Median(lengths)) / Deviation(lengths) <
              keys.lambda_n &&
          std::fabs(balances[i] - Median(balances)) / Deviation(balances) <
              keys.lambda_s) {
        kept.push_back(i);
      }
    }
    if (kept.empty()) {
      kept.resize(n);
      std::iota(kept.begin(), kept.end(), 0);
    }
    for (const std::size_t i : kept) {
      for (std::size_t k = first; k < last; ++k) {
        result[k] += (keys.dense ? clipped : sparse)[i][k] /
                     static_cast<double>(kept.size());
      }
    }
  }
  return result;
}

std::vector<Block> Layers() {
  return {{"0.dense.weight", 0, 400, {20, 20}},
          {"0.dense.bias", 400, 20, {20}},
          {"2.dense.weight", 420, 160, {20, 8}},
          {"2.dense.bias", 580, 8, {8}}};
}

TEST(Lasa, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const std::int64_t n = 4 + static_cast<std::int64_t>(seed);
    const RandomRows rows = RandomRows::Draw(seed, n, 588, n / 4);
    const std::vector<Block> layers = Layers();
    for (const Keys& keys : {Keys{},
                             Keys{1.0, 1.0, 0.3, true},
                             Keys{0.5, 0.5, 0.7, false},
                             Keys{2.0, 2.0, 0.0, false}}) {
      for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
        const Pipeline lasa = PipelineFrom({}, keys.Text());
        EXPECT_THAT(
            lasa.Aggregate(table, {.blocks = layers}).vector,
            Pointwise(DoubleNear(1e-11), Slow(rows.values, layers, keys)));
        EXPECT_THAT(lasa.Aggregate(table, {}).vector,
                    Pointwise(DoubleNear(1e-11), Slow(rows.values, {}, keys)));
      }
    }
  }
}

TEST(Lasa, ThinsOutWeightsAndAveragesWhatIsLeft) {
  // All rows alike: two of four values stay, or all where asked.
  const std::vector<std::vector<double>> rows(3, {1, -4, 3, 2});
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0.5}", rows).vector,
              ElementsAre(0.0, -4.0, 3.0, 0.0));
  EXPECT_THAT(
      ResultOf("{name: lasa, sparsity: 0.5, average: dense}", rows).vector,
      ElementsAre(1.0, -4.0, 3.0, 2.0));
  // Biases are no weights and stay.
  const std::vector<Block> blocks = {{"w", 0, 3, {3, 1}}, {"b", 3, 1, {1}}};
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0.5}",
                       {{2, -4, 3, 1}, {2, -4, 3, 1}},
                       {.blocks = blocks})
                  .vector,
              ElementsAre(0.0, -4.0, 0.0, 1.0));
  // Of equal weights the first stay: ties do not all fall out.
  EXPECT_THAT(
      ResultOf("{name: lasa, sparsity: 0.5}", {{1, 1, -1, 1}, {1, 1, -1, 1}})
          .vector,
      ElementsAre(1.0, 1.0, 0.0, 0.0));
}

TEST(Lasa, ChoosesClientsAnewForEveryTensor) {
  // Row 4 is too long in the first tensor, row 3 in the second; all rows have
  // the same norm, so nobody is clipped.
  const double s = std::sqrt(2.0);
  const std::vector<std::vector<double>> rows = {
      {1, 1}, {1, 1}, {1, 1}, {0, s}, {s, 0}};
  const std::vector<Block> blocks = {{"a", 0, 1, {1, 1}}, {"b", 1, 1, {1, 1}}};
  const std::string keys = "lambda_s: 9, sparsity: 0, lambda_n: 0.9";
  EXPECT_THAT(
      ResultOf("{name: lasa, " + keys + "}", rows, {.blocks = blocks}).vector,
      ElementsAre(DoubleNear((3 + s) / 4, 1e-12),
                  DoubleNear((3 + s) / 4, 1e-12)));
  // As one tensor all are alike.
  EXPECT_THAT(ResultOf("{name: lasa, " + keys + "}", rows).vector,
              ElementsAre(DoubleNear((3 + s) / 5, 1e-12),
                          DoubleNear((3 + s) / 5, 1e-12)));
}

TEST(Lasa, ChecksTheBalanceOfSigns) {
  // Balances 1, 1, 1, 1, -1: deviation 0.8, row 4 is 2.5 of them off.
  const std::vector<std::vector<double>> rows = {
      {1, 2}, {1, 2}, {2, 1}, {2, 1}, {-1, -2}};
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0}", rows).vector,
              ElementsAre(DoubleNear(1.5, 1e-12), DoubleNear(1.5, 1e-12)));
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0, lambda_s: 2.6}", rows).vector,
              ElementsAre(DoubleNear(1.0, 1e-12), DoubleNear(0.8, 1e-12)));
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0}", rows).kept,
              ElementsAre(0, 1, 2, 3));
}

TEST(Lasa, KeepsAllWhereNobodyPasses) {
  // Balances 1 and -1 have the median 0 and are one deviation off each.
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0}", {{1, 2}, {-2, -1}}).vector,
              ElementsAre(DoubleNear(-0.5, 1e-12), DoubleNear(0.5, 1e-12)));
}

TEST(Lasa, JoinsTheReferenceInputs) {
  for (const auto& rows : {InputA(), InputB(), InputC()}) {
    EXPECT_THAT(ResultOf(Keys{2, 1.5, 0, false}.Text(), rows).vector,
                testing::SizeIs(rows[0].size()));
  }
  // C: row 6 is clipped to 1.0198 and its balance is 0, as that of row 2.
  const std::vector<double> norms = {1,
                                     1.1045361017187261,
                                     .9055385138137417,
                                     1.019803902718557,
                                     1.2,
                                     .806225774829855,
                                     7.0710678118654755};
  EXPECT_NEAR(Median(norms), 1.0198039027, 1e-9);
  EXPECT_THAT(
      ResultOf(Keys{2, 1, 0, false}.Text(), InputC()).vector,
      Pointwise(DoubleNear(1e-11), Slow(InputC(), {}, Keys{2, 1, 0, false})));
}

TEST(Lasa, FillsGapsBetweenTensors) {
  // Coordinates 1 and 3 belong to no tensor and are averaged all the same.
  const std::vector<Block> blocks = {{"a", 0, 1, {1, 1}}, {"b", 2, 1, {1, 1}}};
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0}",
                       {{1, 2, 3, 4}, {1, 2, 3, 4}},
                       {.blocks = blocks})
                  .vector,
              ElementsAre(1.0, 2.0, 3.0, 4.0));
}

TEST(Lasa, GivesTheSameBitsOnAnyNumberOfThreads) {
  const RandomRows rows = RandomRows::Draw(2, 6, 30000, 1);
  std::vector<std::vector<double>> results;
  for (const std::size_t threads : {1U, 4U}) {
    const tbb::global_control control(
        tbb::global_control::max_allowed_parallelism, threads);
    results.push_back(
        PipelineFrom({}, "lasa").Aggregate(rows.Floats(), {}).vector);
  }
  EXPECT_EQ(results[0], results[1]);
}

TEST(Lasa, StandsHugeZeroTinyAndEqualRows) {
  std::vector<float> flat(9 * 30, 0.0F);
  const auto fill = [&](std::size_t row, float value) {
    std::fill_n(
        flat.begin() + static_cast<std::ptrdiff_t>(row * 30), 30, value);
  };
  for (std::size_t row = 0; row < 6; ++row) fill(row, 1.0F);
  fill(6, -1e30F);
  fill(7, 1e20F);
  const Result result =
      PipelineFrom({}, "{name: lasa, sparsity: 0}")
          .Aggregate(UpdateTable::Of(std::span<const float>(flat), 30), {});
  EXPECT_THAT(result.vector, Each(DoubleNear(1.0, 1e-5)));
  EXPECT_THAT(ResultOf("lasa", {{0, 0}, {0, 0}}).vector, Each(0.0));
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0}", {{3, 4}}).vector,
              ElementsAre(3.0, 4.0));
  EXPECT_THAT(ResultOf("{name: lasa, sparsity: 0}",
                       {{1e120, 1e120}, {1e120, 1e120}, {1e-300, 1e-310}})
                  .vector,
              Each(DoubleNear(1e120, 1e110)));
}

}  // namespace
}  // namespace fedtorch::aggregate
