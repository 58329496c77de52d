#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/core/exact_sum.h"

#include <tbb/parallel_for.h>

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

// Coordinates whose accumulators (16 bytes each) stay in the first cache
// while all rows pass by.
constexpr std::int64_t kBlock = 2048;

/// Sums weight * row exactly, so that the result has the bits of the streamed
/// sum; mixtures and float64 rows are combined in float64. Cost: O(nd).
class Mean final : public Aggregator {
 public:
  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context&) const override {
    Combination result;
    result.coefficients = Weights(inputs);
    result.coefficients.resize(static_cast<std::size_t>(geometry.size()));
    return result;
  }

  Result Aggregate(const Inputs& inputs, const Context&) const override {
    FEDTORCH_CHECK(inputs.size() >= 1, "a mean of no rows");
    const std::vector<double> weights = Weights(inputs);
    Result result;
    if (inputs.is_plain() && !inputs.is_double() && Admissible(inputs)) {
      ExactSum(inputs, weights, &result.vector);
    } else {
      result.vector = inputs.Combine(weights);
    }
    return result;
  }

 private:
  static std::vector<double> Weights(const Inputs& inputs) {
    std::vector<double> weights;
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      weights.push_back(inputs.weight(i));
    }
    return weights;
  }

  static std::span<const float> RowOf(const UpdateTable& table,
                                      std::size_t row) {
    return {std::get<0>(table.rows)[row],
            static_cast<std::size_t>(table.dimension)};
  }

  static bool Admissible(const Inputs& inputs) {
    const UpdateTable& table = inputs.table();
    if (table.all_finite) return true;
    for (std::size_t i = 0; i < static_cast<std::size_t>(inputs.size()); ++i) {
      if (!core::ExactSum::Admissible(1.0, RowOf(table, i))) return false;
    }
    return true;
  }

  static void ExactSum(const Inputs& inputs,
                       const std::vector<double>& weights,
                       std::vector<double>* out) {
    const UpdateTable& table = inputs.table();
    out->resize(static_cast<std::size_t>(table.dimension));
    const std::int64_t blocks = (table.dimension + kBlock - 1) / kBlock;
    tbb::parallel_for(std::int64_t{0}, blocks, [&](std::int64_t block) {
      const auto start = static_cast<std::size_t>(block * kBlock);
      const auto size = static_cast<std::size_t>(
          std::min(kBlock, table.dimension - block * kBlock));
      core::ExactSum sum(size);
      for (std::size_t row = 0; row < weights.size(); ++row) {
        sum.Add(weights[row], RowOf(table, row).subspan(start, size));
      }
      sum.Result(std::span(*out).subspan(start, size));
    });
  }
};

std::unique_ptr<Aggregator> Make(config::Section& /*section*/) {
  return std::make_unique<Mean>();
}

}  // namespace

extern const Kind kMean;
constinit const Kind kMean{
    .name = "mean",
    .summary =
        "Weighted mean of the updates; one update can move it "
        "anywhere.",
    .source = "McMahan et al. 2017, algorithm 1",
    .preconditions = "n >= 1",
    .reduction = Reduction::kStream,
    .make = Make};

}  // namespace fedtorch::aggregate
