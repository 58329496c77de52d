#include "fedtorch/partition/class_prior.h"

#include "tests/partition/partition_case.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Estimates the probability that two draws of one client are of one class.
double ShareOfEqualPairs(const std::vector<double>& concentration,
                         const ClassStock& stock,
                         int clients) {
  int equal = 0;
  for (int client = 0; client < clients; ++client) {
    ClassPrior prior(
        concentration,
        core::Stream::Named(1, "test", {static_cast<std::uint64_t>(client)}));
    const std::size_t first = prior.Draw(stock);
    if (prior.Draw(stock) == first) ++equal;
  }
  return static_cast<double>(equal) / clients;
}

// For p ~ Dirichlet(a) with A = sum a: E[sum p_k^2] =
// sum a_k (a_k + 1) / (A (A + 1)).
double ExpectedShareOfEqualPairs(const std::vector<double>& concentration) {
  const double total =
      std::accumulate(concentration.begin(), concentration.end(), 0.0);
  double sum = 0.0;
  for (const double a : concentration) sum += a * (a + 1.0);
  return sum / (total * (total + 1.0));
}

constexpr int kClients = 20000;
// Five standard deviations of a share of 20,000 are at most 0.0177.
constexpr double kTolerance = 0.0177;

TEST(ClassPrior, HasTheSecondMomentOfTheDirichletDistribution) {
  const ClassLists lists = ListByClass(Balanced(100, 10), "test");
  const ClassStock stock(lists);
  for (const double alpha : {0.1, 0.5, 5.0}) {
    const std::vector<double> concentration(10, alpha);
    EXPECT_NEAR(ShareOfEqualPairs(concentration, stock, kClients),
                ExpectedShareOfEqualPairs(concentration),
                kTolerance);
  }
  const std::vector<double> uneven{
      0.1, 0.2, 0.3, 0.1, 0.05, 0.05, 0.8, 0.1, 0.2, 0.1};
  EXPECT_NEAR(ShareOfEqualPairs(uneven, stock, kClients),
              ExpectedShareOfEqualPairs(uneven),
              kTolerance);
}

TEST(ClassPrior, IsADirichletOverTheRemainingClassesWhenSomeRanOut) {
  const ClassLists lists = ListByClass(Balanced(100, 10), "test");
  ClassStock stock(lists);
  for (const std::size_t label : {0U, 3U, 4U, 9U}) {
    while (stock.LeftOf(label) > 0) stock.Take(label);
  }
  // 1e-3 underflows to 0 for many clients, so that their rest is drawn anew.
  for (const double alpha : {1e-3, 0.5}) {
    EXPECT_NEAR(
        ShareOfEqualPairs(std::vector<double>(10, alpha), stock, kClients),
        ExpectedShareOfEqualPairs(std::vector<double>(6, alpha)),
        kTolerance);
  }
}

TEST(ClassPrior, KeepsToOneClassUntilItRunsOutForAlphaNearZero) {
  const ClassLists lists = ListByClass(Balanced(1000, 10), "test");
  const std::vector<double> concentration(10, 1e-6);
  for (std::uint64_t client = 0; client < 50; ++client) {
    ClassStock stock(lists);
    ClassPrior prior(concentration, core::Stream::Named(2, "test", {client}));
    std::set<std::size_t> seen;
    for (int i = 0; i < 1000; ++i) {
      const std::size_t label = prior.Draw(stock);
      seen.insert(label);
      stock.Take(label);
      // 100 samples a class: the i-th draw is of class number i / 100.
      ASSERT_EQ(seen.size(), static_cast<std::size_t>(i / 100 + 1));
    }
  }
}

}  // namespace
}  // namespace fedtorch::partition
