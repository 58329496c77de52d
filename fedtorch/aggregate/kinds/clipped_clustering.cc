// Clipped clustering: updates clipped to the median of all norms seen, in two
// clusters by cosine, and the mean of the larger.
//
// Avoids: cosines in a double loop over the values, and the cosine of a zero
// vector, which is not a number.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/clustering.h"
#include "fedtorch/aggregate/norms.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fedtorch::aggregate {
namespace {

class ClippedClustering final : public Aggregator {
 public:
  explicit ClippedClustering(config::Section& section)
      : rounds_(section.AutoInt(
            {.name = "history",
             .help = "Rounds whose norms the clipping bound is the median of, "
                     "this one among them; auto = all.",
             .unit = "rounds"},
            {.min = 1})) {}

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context&) const override {
    const std::vector<double> norms = NormsOf(geometry, inputs.size());
    std::vector<double> seen = norms_;
    seen.insert(seen.end(), norms.begin(), norms.end());
    const double bound = MedianOf(std::move(seen));
    Combination result;
    result.coefficients =
        ClippedMean(norms,
                    LargestCluster(AverageLinkage(
                        CosineDistances(geometry, inputs.size()), 2)),
                    bound);
    result.coefficients.resize(static_cast<std::size_t>(geometry.size()));
    result.diagnostics["clip_norm"] = bound;
    return result;
  }

  void Remember(const Inputs& inputs, const Context&, const Result&) override {
    const std::vector<double> norms = NormsOf(inputs.geometry(), inputs.size());
    norms_.insert(norms_.end(), norms.begin(), norms.end());
    counts_.push_back(static_cast<double>(norms.size()));
    // The round to come is one of those that count.
    while (rounds_ && static_cast<std::int64_t>(counts_.size()) >= *rounds_) {
      norms_.erase(norms_.begin(),
                   norms_.begin() + static_cast<std::ptrdiff_t>(counts_[0]));
      counts_.erase(counts_.begin());
    }
  }
  State SaveState() const override {
    return {{"norms", norms_}, {"counts", counts_}};
  }
  void LoadState(const State& state) override {
    norms_ = state.at("norms");
    counts_ = state.at("counts");
  }

 private:
  static std::vector<double> NormsOf(const Geometry& geometry, std::int64_t n) {
    std::vector<double> norms;
    for (std::int64_t i = 0; i < n; ++i) {
      norms.push_back(std::sqrt(geometry.SquaredNorm(i)));
    }
    return norms;
  }

  std::optional<std::int64_t> rounds_;
  std::vector<double> norms_;   // of past rounds, the oldest first
  std::vector<double> counts_;  // how many of them are of each round
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<ClippedClustering>(section);
}

}  // namespace

extern const Kind kClippedClustering;
constinit const Kind kClippedClustering{
    .name = "clipped_clustering",
    .summary =
        "Mean of the larger of two clusters by cosine distance, clipped to the "
        "median norm of all rounds.",
    .source = "Li, Ngai, Voigt 2023, algorithm 2",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
