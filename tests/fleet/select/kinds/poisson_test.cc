#include "tests/fleet/select/selector_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::fleet::select {
namespace {

using testing::AllOf;
using testing::Gt;
using testing::Lt;

// Returns C(n, k) q^k (1 - q)^(n - k).
double Binomial(int n, int k, double q) {
  return std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) -
                  std::lgamma(n - k + 1.0) + k * std::log(q) +
                  (n - k) * std::log1p(-q));
}

TEST(Poisson, HasCohortSizesOfTheBinomialMeanAndVariance) {
  constexpr double kRounds = 20000;
  double sum = 0.0;
  double squares = 0.0;
  for (const Cohort& cohort :
       SelectRounds(*FromText("poisson"), EqualShares(50), 10, 20000)) {
    const auto size = static_cast<double>(cohort.clients.size());
    sum += size;
    squares += size * size;
  }
  const double mean = sum / kRounds;
  const double variance = squares / kRounds - mean * mean;
  // N q = 10 and N q (1 - q) = 8. The fourth central moment is
  // 8 (1 + 144 * 0.16) = 192.3; bounds are 4.5 standard errors.
  EXPECT_NEAR(mean, 10.0, 4.5 * std::sqrt(8.0 / kRounds));
  EXPECT_NEAR(variance, 8.0, 4.5 * std::sqrt((192.3 - 64.0) / kRounds));
}

TEST(Poisson, HasBinomialCohortSizesAmongThemTheEmptyOne) {
  constexpr int kClients = 4;
  constexpr int kRounds = 10000;
  std::vector<double> observed(kClients + 1, 0.0);
  for (const Cohort& cohort :
       SelectRounds(*FromText("poisson"), EqualShares(kClients), 1, kRounds)) {
    observed[cohort.clients.size()] += 1.0;
  }
  std::vector<double> expected;
  for (int size = 0; size <= kClients; ++size) {
    expected.push_back(kRounds * Binomial(kClients, size, 0.25));
  }
  EXPECT_NEAR(observed[0], 3164.0, 230.0);  // 0.75^4 of the rounds
  // Four degrees of freedom: the 0.1 % and 99.9 % points.
  EXPECT_THAT(ChiSquare(observed, expected), AllOf(Gt(0.0908), Lt(18.467)));
}

TEST(Poisson, FlipsCoinsThatKnowNothingOfEachOther) {
  // The eight outcomes of the first, a middle and the last client.
  constexpr double kRounds = 20000;
  constexpr double kRate = 0.3;
  std::vector<double> observed(8, 0.0);
  for (const Cohort& cohort :
       SelectRounds(*FromText("poisson"), EqualShares(10), 3, 20000)) {
    std::size_t outcome = 0;
    for (const std::int64_t client : cohort.clients) {
      if (client == 0) outcome |= 1;
      if (client == 1) outcome |= 2;
      if (client == 9) outcome |= 4;
    }
    observed[outcome] += 1.0;
  }
  std::vector<double> expected;
  for (unsigned outcome = 0; outcome < 8; ++outcome) {
    const int members = __builtin_popcount(outcome);
    expected.push_back(kRounds * std::pow(kRate, members) *
                       std::pow(1.0 - kRate, 3 - members));
  }
  // Seven degrees of freedom.
  EXPECT_THAT(ChiSquare(observed, expected), AllOf(Gt(0.598), Lt(24.322)));
}

TEST(Poisson, TakesAllWhenTheRateIsOne) {
  for (const Cohort& cohort :
       SelectRounds(*FromText("poisson"), EqualShares(5), 5, 50)) {
    EXPECT_THAT(cohort.clients, testing::ElementsAre(0, 1, 2, 3, 4));
  }
}

}  // namespace
}  // namespace fedtorch::fleet::select
