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
/// sum. Cost: O(nd).
class Mean final : public Aggregator {
 public:
  Result Aggregate(const UpdateTable& table) const override {
    FEDTORCH_CHECK(table.num_rows >= 1, "a mean of no rows");
    FEDTORCH_CHECK(
        static_cast<std::int64_t>(table.weights.size()) == table.num_rows,
        "one weight a row");
    Result result;
    result.vector.resize(static_cast<std::size_t>(table.dimension));
    const std::int64_t blocks = (table.dimension + kBlock - 1) / kBlock;
    tbb::parallel_for(std::int64_t{0}, blocks, [&](std::int64_t block) {
      const auto start = static_cast<std::size_t>(block * kBlock);
      const auto size = static_cast<std::size_t>(
          std::min(kBlock, table.dimension - block * kBlock));
      core::ExactSum sum(size);
      for (std::int64_t row = 0; row < table.num_rows; ++row) {
        sum.Add(table.weights[static_cast<std::size_t>(row)],
                table.Row(row).subspan(start, size));
      }
      sum.Result(std::span(result.vector).subspan(start, size));
    });
    return result;
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
