#include "fedtorch/aggregate/weighting.h"

#include "fedtorch/core/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Weights, OfSamplesAreSharesOfTheCohort) {
  const std::vector<Weighed> updates = {
      {.samples = 10}, {.samples = 30}, {.samples = 60}};
  EXPECT_THAT(Weights(Weighting::kSamples, updates),
              ElementsAre(0.1, 0.3, 0.6));
}

TEST(Weights, OfSamplesCountRepeatedDraws) {
  // 10 * 2 and 30 * 1 of 50.
  const std::vector<Weighed> updates = {{.samples = 10, .multiplicity = 2},
                                        {.samples = 30}};
  EXPECT_THAT(Weights(Weighting::kSamples, updates), ElementsAre(0.4, 0.6));
}

TEST(Weights, OfSamplesKnowNoScale) {
  std::vector<Weighed> updates = {
      {.samples = 7}, {.samples = 11}, {.samples = 13}};
  const auto before = Weights(Weighting::kSamples, updates);
  for (Weighed& update : updates) update.samples *= 4;
  EXPECT_EQ(Weights(Weighting::kSamples, updates), before);
}

TEST(Weights, UniformCountDraws) {
  const std::vector<Weighed> updates = {{.samples = 1, .multiplicity = 3},
                                        {.samples = 1000}};
  EXPECT_THAT(Weights(Weighting::kUniform, updates), ElementsAre(0.75, 0.25));
}

TEST(Weights, UnbiasedDivideByTheExpectedCount) {
  // Uniform sampling, S of N = 2 of 8: (N / S) p_i, and no renormalisation.
  const std::vector<Weighed> updates = {
      {.share = 0.5, .expected_count = 0.25},
      {.share = 0.125, .expected_count = 0.25}};
  EXPECT_THAT(Weights(Weighting::kUnbiased, updates), ElementsAre(2.0, 0.5));
}

TEST(Weights, UnbiasedAreThePlainMeanUnderSamplingByShares) {
  // E[multiplicity] = S p_i with S = 4, so that p_i cancels: draws / S.
  const std::vector<Weighed> updates = {
      {.multiplicity = 3, .share = 0.7, .expected_count = 4 * 0.7},
      {.multiplicity = 1, .share = 0.1, .expected_count = 4 * 0.1}};
  EXPECT_THAT(Weights(Weighting::kUnbiased, updates),
              ElementsAre(DoubleEq(0.75), DoubleEq(0.25)));
}

TEST(Weights, UnbiasedSumToTheFullMeanOverAllCohorts) {
  // All 10 cohorts of 2 among 5 are equally likely under uniform sampling;
  // the mean over them of sum_i w_i x_i must be sum_i p_i x_i.
  const std::vector<double> shares = {0.05, 0.1, 0.15, 0.3, 0.4};
  const std::vector<double> values = {3.0, -1.0, 4.0, 1.5, -9.0};
  double mean = 0.0;
  double renormalised = 0.0;
  for (std::size_t i = 0; i < 5; ++i) {
    for (std::size_t j = i + 1; j < 5; ++j) {
      const auto entry = [&](std::size_t client) {
        return Weighed{
            .samples = static_cast<std::int64_t>(100 * shares[client] + 0.5),
            .share = shares[client],
            .expected_count = 2.0 / 5.0};
      };
      const std::vector<Weighed> cohort = {entry(i), entry(j)};
      const auto unbiased = Weights(Weighting::kUnbiased, cohort);
      mean += (unbiased[0] * values[i] + unbiased[1] * values[j]) / 10.0;
      const auto samples = Weights(Weighting::kSamples, cohort);
      renormalised += (samples[0] * values[i] + samples[1] * values[j]) / 10.0;
    }
  }
  const double expected =
      std::inner_product(shares.begin(), shares.end(), values.begin(), 0.0);
  EXPECT_NEAR(mean, expected, 1e-14);
  // The usual pair misses it.
  EXPECT_GT(std::abs(renormalised - expected), 0.3);
}

TEST(Weights, OfNobodyAreNone) {
  for (const Weighting weighting :
       {Weighting::kSamples, Weighting::kUniform, Weighting::kUnbiased}) {
    EXPECT_THAT(Weights(weighting, {}), IsEmpty());
  }
}

TEST(Weights, AreZeroWhereNothingCounts) {
  const std::vector<Weighed> dropped = {{.multiplicity = 0, .share = 0.5},
                                        {.multiplicity = 0, .share = 0.5}};
  for (const Weighting weighting :
       {Weighting::kSamples, Weighting::kUniform, Weighting::kUnbiased}) {
    EXPECT_THAT(Weights(weighting, dropped), ElementsAre(0.0, 0.0));
  }
}

TEST(Weights, RefuseAnImpossibleDraw) {
  const std::vector<Weighed> updates = {{.share = 0.5, .expected_count = 0.0}};
  EXPECT_THROW(Weights(Weighting::kUnbiased, updates), core::Bug);
  const std::vector<Weighed> negative = {{.samples = -1}};
  EXPECT_THROW(Weights(Weighting::kSamples, negative), core::Bug);
}

TEST(Weighting, IsReadFromItsName) {
  EXPECT_EQ(ParseWeighting("samples"), Weighting::kSamples);
  EXPECT_EQ(ParseWeighting("uniform"), Weighting::kUniform);
  EXPECT_EQ(ParseWeighting("unbiased"), Weighting::kUnbiased);
  EXPECT_EQ(ParseWeighting("auto"), std::nullopt);
  EXPECT_EQ(ParseWeighting(""), std::nullopt);
  EXPECT_EQ(ToText(Weighting::kUnbiased), "unbiased");
}

}  // namespace
}  // namespace fedtorch::aggregate
