// Adaptive federated averaging: drops updates whose angle to the weighted mean
// is unusual, and trusts a client as often as it was found good.
//
// Avoids: counts by slot instead of by client, a score that is the odds instead
// of the probability, a test against a blocked client's update, weights that
// clients report (unless asked for). A client seen the first time has the
// prior's probability, and one that is blocked stays blocked.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/client_vectors.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace fedtorch::aggregate {
namespace {

// What rounding can make of equal cosines.
constexpr double kSame = 1e-13;

// P(X <= 1/2) for X ~ Beta(a, b) with whole numbers a, b: that a + b - 1 tosses
// of a coin show at least a heads. Terms are added from logarithms, so long
// histories do not overflow.
double BelowHalf(std::int64_t a, std::int64_t b) {
  const auto tosses = static_cast<double>(a + b - 1);
  double sum = 0.0;
  for (std::int64_t heads = a; heads <= a + b - 1; ++heads) {
    const auto k = static_cast<double>(heads);
    sum += std::exp(std::lgamma(tosses + 1.0) - std::lgamma(k + 1.0) -
                    std::lgamma(tosses - k + 1.0) - tosses * std::log(2.0));
  }
  return sum;
}

class Afa final : public Aggregator {
 public:
  explicit Afa(config::Section& section)
      : xi_(section.Real({.name = "xi",
                          .help = "Standard deviations of the cosine that are "
                                  "tolerated in the first pass.",
                          .aliases = {"slack"}},
                         2.0,
                         {.min = 0.0, .open_min = true})),
        delta_xi_(section.Real(
            {.name = "delta_xi",
             .help = "By how much more each further pass tolerates."},
            0.5,
            {.min = 0.0})),
        alpha_(section.Int(
            {.name = "alpha", .help = "Good rounds that the prior counts."},
            3,
            {.min = 1, .max = 1000000})),
        beta_(section.Int(
            {.name = "beta", .help = "Bad rounds that the prior counts."},
            3,
            {.min = 1, .max = 1000000})),
        block_(section.Real(
            {.name = "block_above",
             .help = "A client is blocked for good once it is bad with more "
                     "than this probability."},
            0.95,
            {.min = 0.0, .max = 1.0})),
        weighted_(section.Bool(
            {.name = "weighted",
             .help = "Whether the number of samples that a client reports "
                     "counts, as published; a false number is believed."},
            false)) {}

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context&) const override {
    const Verdict verdict = Judge(geometry, inputs);
    Combination result;
    result.coefficients = verdict.mean;
    result.scores = verdict.cosines;
    result.diagnostics["aggregate/num_bad"] = static_cast<double>(
        std::count(verdict.bad.begin(), verdict.bad.end(), char{1}));
    return result;
  }

  void Remember(const Inputs& inputs, const Context&, const Result&) override {
    const Verdict verdict = Judge(inputs.geometry(), inputs);
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      if (IsBlocked(inputs.client(i))) continue;
      Counts& counts = counts_.try_emplace(inputs.client(i)).first->second;
      if (verdict.bad[static_cast<std::size_t>(i)] != 0) {
        ++counts.bad;
      } else {
        ++counts.good;
      }
    }
  }

  State SaveState() const override {
    ClientVectors clients;
    for (const auto& [client, counts] : counts_) {
      clients[client] = {static_cast<double>(counts.good),
                         static_cast<double>(counts.bad)};
    }
    State state;
    SaveClients("rounds", clients, &state);
    return state;
  }
  void LoadState(const State& state) override {
    counts_.clear();
    for (const auto& [client, values] : LoadClients("rounds", state)) {
      counts_[client] = {static_cast<std::int64_t>(values.at(0)),
                         static_cast<std::int64_t>(values.at(1))};
    }
  }

 private:
  struct Counts {
    std::int64_t good = 0;
    std::int64_t bad = 0;
  };
  struct Verdict {
    std::vector<double> mean;     // coefficients of the last weighted mean
    std::vector<double> cosines;  // [n] to the last mean that it was part of
    std::vector<char> bad;        // [n] found bad in this round
  };

  Counts CountsOf(std::int64_t client) const {
    const auto found = counts_.find(client);
    return found == counts_.end() ? Counts() : found->second;
  }
  bool IsBlocked(std::int64_t client) const {
    const Counts counts = CountsOf(client);
    return BelowHalf(alpha_ + counts.good, beta_ + counts.bad) > block_;
  }

  Verdict Judge(const Geometry& geometry, const Inputs& inputs) const {
    const auto n = static_cast<std::size_t>(inputs.size());
    Verdict verdict;
    verdict.cosines.resize(n);
    verdict.bad.resize(n);
    std::vector<double> trust(n);
    std::vector<std::size_t> good;
    for (std::size_t i = 0; i < n; ++i) {
      const auto row = static_cast<std::int64_t>(i);
      if (IsBlocked(inputs.client(row))) continue;
      const Counts counts = CountsOf(inputs.client(row));
      const auto alpha = static_cast<double>(alpha_ + counts.good);
      const auto beta = static_cast<double>(beta_ + counts.bad);
      trust[i] =
          alpha / (alpha + beta) * (weighted_ ? inputs.weight(row) : 1.0);
      good.push_back(i);
    }
    double xi = xi_;
    while (true) {
      verdict.mean.assign(static_cast<std::size_t>(geometry.size()), 0.0);
      double sum = 0.0;
      for (const std::size_t i : good) sum += trust[i];
      if (!(sum > 0.0)) return verdict;
      for (const std::size_t i : good) verdict.mean[i] = trust[i] / sum;
      const double length = geometry.SquaredLength(verdict.mean);
      std::vector<double> cosines;
      for (const std::size_t i : good) {
        const auto row = static_cast<std::int64_t>(i);
        double product = 0.0;
        for (const std::size_t j : good) {
          product +=
              verdict.mean[j] * geometry.Dot(row, static_cast<std::int64_t>(j));
        }
        cosines.push_back(CosineOf(product, length, geometry.SquaredNorm(row)));
        verdict.cosines[i] = cosines.back();
      }
      const Spread spread = SpreadOf(cosines, 0);
      const double median = MedianOf(cosines);
      if (spread.deviation <= kSame) return verdict;
      std::vector<std::size_t> left;
      for (std::size_t k = 0; k < good.size(); ++k) {
        const bool out = spread.mean < median
                             ? cosines[k] < median - xi * spread.deviation
                             : cosines[k] > median + xi * spread.deviation;
        if (out) {
          verdict.bad[good[k]] = 1;
        } else {
          left.push_back(good[k]);
        }
      }
      // The median itself always stays, so someone is left.
      if (left.size() == good.size()) return verdict;
      good = std::move(left);
      xi += delta_xi_;
    }
  }

  double xi_;
  double delta_xi_;
  std::int64_t alpha_;
  std::int64_t beta_;
  double block_;
  bool weighted_;
  std::map<std::int64_t, Counts> counts_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Afa>(section);
}

}  // namespace

extern const Kind kAfa;
constinit const Kind kAfa{
    .name = "afa",
    .summary =
        "Mean of the updates at a usual angle to it, weighted by how often "
        "their clients were found good before.",
    .source = "Munoz-Gonzalez, Co, Lupu 2019, algorithm 1",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
