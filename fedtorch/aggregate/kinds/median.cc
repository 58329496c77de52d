// Coordinate median.
//
// Avoids: the median of a library that gives the lower of two middle values
// where the definition has their mean (both forms exist here, by name), and
// full sorts.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/columns.h"

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. Cost: O(nd).
class Median final : public Aggregator {
 public:
  explicit Median(config::Section& section)
      : lower_(section.Choice(
                   {.name = "even",
                    .help = "Median of an even number of values: the mean of "
                            "the two in the middle, or the lower one as in "
                            "several libraries."},
                   {"mean", "lower"},
                   "mean") == "lower") {}

  Result Aggregate(const Inputs& inputs, const Context&) const override {
    Result result;
    result.vector = Medians(inputs.table(), lower_);
    return result;
  }

 private:
  bool lower_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Median>(section);
}

}  // namespace

extern const Kind kMedian;
constinit const Kind kMedian{
    .name = "median",
    .summary = "Median of every coordinate on its own; ignores weights.",
    .source = "Yin et al. 2018, definition 1",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
