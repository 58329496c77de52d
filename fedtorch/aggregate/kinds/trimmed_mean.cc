// Trimmed mean of every coordinate.
//
// Avoids: the sum of all less the extremes, which one huge value robs of all
// digits; a result of 0 where nothing is trimmed; and a share trimmed off that
// pretends to be a number of adversaries (both forms exist here, by name).
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/columns.h"
#include "fedtorch/aggregate/honest_majority.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

/// Ignores weights. Cost: O(nd log^2 n).
class TrimmedMean final : public Aggregator {
 public:
  explicit TrimmedMean(config::Section& section)
      : f_(Tolerance::Read(section)),
        fraction_(section.OptionalReal(
            {.name = "fraction",
             .help = "Share of the updates trimmed at each end, rounded down, "
                     "whatever the number of adversaries; null = f of them."},
            {.min = 0.0, .max = 0.5, .open_max = true})) {
    if (f_.given() && fraction_) {
      section.Fail("fraction", "give f or fraction, not both");
    }
  }

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    if (fraction_) return {};
    return HonestMajorityObstacle("trimmed_mean", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given() && !fraction_; }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    Result result;
    result.vector = TrimmedMeans(
        inputs.table(), fraction_ ? ShareOf(inputs.size()) : f_.Of(context));
    return result;
  }

 private:
  // 0.29 * 100 lies a rounding below 29.
  std::int64_t ShareOf(std::int64_t n) const {
    const double share = *fraction_ * static_cast<double>(n);
    return std::min(static_cast<std::int64_t>(std::floor(share + 1e-9)),
                    (n - 1) / 2);
  }

  Tolerance f_;
  std::optional<double> fraction_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<TrimmedMean>(section);
}

}  // namespace

extern const Kind kTrimmedMean;
constinit const Kind kTrimmedMean{
    .name = "trimmed_mean",
    .summary =
        "Mean of every coordinate without its f smallest and f largest values.",
    .source = "Yin et al. 2018, definition 2",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
