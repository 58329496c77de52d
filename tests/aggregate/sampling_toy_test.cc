// Which pairs of sampling and weighting optimise the sample-weighted objective.
//
// One-step FedSGD on ten quadratics of very different sample counts. The
// time-averaged iterate of such a linear recursion solves
// sum_i v_i a_i (x - b_i) = 0, where v_i is the mean weight of client i over
// all cohorts; the test enumerates the cohorts for v_i. With v_i = p_i this is
// the optimum; two of the four usual pairs miss it.

#include "fedtorch/aggregate/weighting.h"
#include "fedtorch/config/document.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/fleet/select/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace fedtorch::aggregate {
namespace {

constexpr std::size_t kClients = 10;
constexpr std::size_t kDimension = 5;
constexpr std::int64_t kCohort = 3;
constexpr std::array<std::int64_t, kClients> kSamples = {
    1, 2, 3, 4, 5, 10, 20, 40, 80, 160};
constexpr std::int64_t kTotal = 325;

using Point = std::array<double, kDimension>;

double Share(std::size_t client) {
  return static_cast<double>(kSamples[client]) / static_cast<double>(kTotal);
}

double Distance(const Point& left, const Point& right) {
  double squares = 0.0;
  for (std::size_t j = 0; j < kDimension; ++j) {
    squares += (left[j] - right[j]) * (left[j] - right[j]);
  }
  return std::sqrt(squares);
}

struct Toy {
  std::array<Point, kClients> curvature;
  std::array<Point, kClients> optimum;

  explicit Toy(std::uint64_t seed) {
    core::Stream stream = core::Stream::Named(seed, "sampling_toy");
    for (std::size_t i = 0; i < kClients; ++i) {
      for (std::size_t j = 0; j < kDimension; ++j) {
        curvature[i][j] = 0.2 + 1.8 * stream.Uniform();
        optimum[i][j] = 3.0 * stream.Normal();
      }
    }
  }

  // Solves sum_i weights_i a_i (x - b_i) = 0.
  Point Solution(const std::array<double, kClients>& weights) const {
    Point point{};
    for (std::size_t j = 0; j < kDimension; ++j) {
      double sum = 0.0;
      double total = 0.0;
      for (std::size_t i = 0; i < kClients; ++i) {
        sum += weights[i] * curvature[i][j] * optimum[i][j];
        total += weights[i] * curvature[i][j];
      }
      point[j] = sum / total;
    }
    return point;
  }

  Point SampleWeightedOptimum() const {
    std::array<double, kClients> shares{};
    for (std::size_t i = 0; i < kClients; ++i) shares[i] = Share(i);
    return Solution(shares);
  }

  // Runs FedSGD and returns the mean of the iterates.
  Point Run(const std::string& selection, Weighting weighting) const;
};

Point Toy::Run(const std::string& selection, Weighting weighting) const {
  auto document =
      config::Document::FromText("selection: " + selection, "toy.yaml");
  auto root = document.Root();
  const auto selector = config::MakeKind(root,
                                         {.name = "selection", .help = ""},
                                         fleet::select::AllKinds(),
                                         std::nullopt);
  std::vector<double> shares;
  for (std::size_t i = 0; i < kClients; ++i) shares.push_back(Share(i));
  constexpr std::int64_t kRounds = 150000;
  constexpr std::int64_t kBurnIn = 15000;
  constexpr double kLr = 0.002;
  Point x{};
  Point mean{};
  for (std::int64_t round = 1; round <= kRounds; ++round) {
    const fleet::select::Input input{
        .seed = 5, .round = round, .cohort_size = kCohort, .shares = shares};
    const fleet::select::Cohort cohort = selector->Select(input);
    std::vector<Weighed> weighed;
    for (std::size_t i = 0; i < cohort.clients.size(); ++i) {
      const auto client = static_cast<std::size_t>(cohort.clients[i]);
      weighed.push_back(
          {.samples = kSamples[client],
           .multiplicity = cohort.multiplicity[i],
           .share = shares[client],
           .expected_count =
               selector->ExpectedCount(input, cohort.clients[i]).value_or(0)});
    }
    const std::vector<double> weights = Weights(weighting, weighed);
    Point step{};
    for (std::size_t i = 0; i < cohort.clients.size(); ++i) {
      const auto client = static_cast<std::size_t>(cohort.clients[i]);
      for (std::size_t j = 0; j < kDimension; ++j) {
        step[j] -= kLr * weights[i] * curvature[client][j] *
                   (x[j] - optimum[client][j]);
      }
    }
    for (std::size_t j = 0; j < kDimension; ++j) {
      x[j] += step[j];
      if (round > kBurnIn) mean[j] += x[j];
    }
  }
  for (double& value : mean) value /= static_cast<double>(kRounds - kBurnIn);
  return mean;
}

// Calls visit(i, j, k) for all ordered triples of different clients.
template <class Visit>
void ForEachTriple(const Visit& visit) {
  for (std::size_t i = 0; i < kClients; ++i) {
    for (std::size_t j = 0; j < kClients; ++j) {
      for (std::size_t k = 0; k < kClients; ++k) {
        if (i != j && j != k && i != k) visit(i, j, k);
      }
    }
  }
}

// Mean weights of uniform cohorts weighted by samples, renormalised.
std::array<double, kClients> RenormalisedWeights() {
  std::array<double, kClients> weights{};
  ForEachTriple([&](std::size_t i, std::size_t j, std::size_t k) {
    const double own = static_cast<double>(kSamples[i]);
    const double others = static_cast<double>(kSamples[j] + kSamples[k]);
    // Of the 720 triples each cohort of client i appears as six, twice with i
    // in front, so three times what is seen here.
    weights[i] += 3.0 * own / (own + others) / 720.0;
  });
  return weights;
}

// Mean weights of cohorts drawn one by one in proportion to the shares left,
// then averaged plainly.
std::array<double, kClients> SuccessiveWeights() {
  std::array<double, kClients> weights{};
  ForEachTriple([&](std::size_t i, std::size_t j, std::size_t k) {
    const double probability = Share(i) * Share(j) / (1.0 - Share(i)) *
                               Share(k) / (1.0 - Share(i) - Share(j));
    for (const std::size_t client : {i, j, k}) {
      weights[client] += probability / 3.0;
    }
  });
  return weights;
}

class SamplingToy : public testing::TestWithParam<std::uint64_t> {};

TEST_P(SamplingToy, UniformSamplingWithRenormalisedSamplesIsBiased) {
  const Toy toy(GetParam());
  const Point end = toy.Run("uniform", Weighting::kSamples);
  EXPECT_LT(Distance(end, toy.Solution(RenormalisedWeights())), 0.05);
  EXPECT_GT(Distance(end, toy.SampleWeightedOptimum()), 0.3);
}

TEST_P(SamplingToy, SamplingBySharesWithAPlainMeanIsUnbiased) {
  const Toy toy(GetParam());
  const Point end = toy.Run("weighted", Weighting::kUniform);
  EXPECT_LT(Distance(end, toy.SampleWeightedOptimum()), 0.05);
  // The unbiased weighting finds the plain mean by itself.
  EXPECT_LT(Distance(end, toy.Run("weighted", Weighting::kUnbiased)), 1e-9);
}

TEST_P(SamplingToy, UniformSamplingWithUnbiasedWeightsIsUnbiased) {
  const Toy toy(GetParam());
  for (const char* selection : {"uniform", "poisson"}) {
    EXPECT_LT(Distance(toy.Run(selection, Weighting::kUnbiased),
                       toy.SampleWeightedOptimum()),
              0.05)
        << selection;
  }
}

TEST_P(SamplingToy, SamplingBySharesWithoutReplacementIsBiased) {
  const Toy toy(GetParam());
  const Point end =
      toy.Run("{name: weighted, replace: false}", Weighting::kUniform);
  EXPECT_LT(Distance(end, toy.Solution(SuccessiveWeights())), 0.05);
  EXPECT_GT(Distance(end, toy.SampleWeightedOptimum()), 0.3);
}

INSTANTIATE_TEST_SUITE_P(Draws, SamplingToy, testing::Values(1, 2));

}  // namespace
}  // namespace fedtorch::aggregate
