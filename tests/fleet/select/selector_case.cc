#include "tests/fleet/select/selector_case.h"

#include "fedtorch/config/document.h"

#include <numeric>

namespace fedtorch::fleet::select {

std::unique_ptr<Selector> FromText(const std::string& text) {
  auto document =
      config::Document::FromText("selection: " + text, "selector_test.yaml");
  auto root = document.Root();
  auto selector = config::MakeKind(
      root, {.name = "selection", .help = ""}, AllKinds(), std::nullopt);
  document.Finish();
  return selector;
}

std::vector<double> SteepShares() {
  std::vector<double> shares = {1, 2, 3, 4, 5, 10, 20, 40, 80, 160};
  for (double& share : shares) share /= 325.0;
  return shares;
}

std::vector<double> EqualShares(std::size_t clients) {
  return std::vector<double>(clients, 1.0 / static_cast<double>(clients));
}

std::vector<Cohort> SelectRounds(const Selector& selector,
                                 const std::vector<double>& shares,
                                 std::int64_t cohort_size,
                                 std::int64_t rounds) {
  std::vector<Cohort> cohorts;
  for (std::int64_t round = 1; round <= rounds; ++round) {
    cohorts.push_back(selector.Select({.seed = 7,
                                       .round = round,
                                       .cohort_size = cohort_size,
                                       .shares = shares}));
  }
  return cohorts;
}

std::vector<double> Counts(const std::vector<Cohort>& cohorts,
                           std::size_t clients) {
  std::vector<double> counts(clients, 0.0);
  for (const Cohort& cohort : cohorts) {
    for (std::size_t i = 0; i < cohort.clients.size(); ++i) {
      counts.at(static_cast<std::size_t>(cohort.clients[i])) +=
          static_cast<double>(cohort.multiplicity[i]);
    }
  }
  return counts;
}

double ChiSquare(const std::vector<double>& observed,
                 const std::vector<double>& expected) {
  double sum = 0.0;
  for (std::size_t i = 0; i < observed.size(); ++i) {
    const double difference = observed[i] - expected[i];
    sum += difference * difference / expected[i];
  }
  return sum;
}

}  // namespace fedtorch::fleet::select
