// Aksel: the mean of the vectors nearest to the coordinate median.
//
// Avoids: distances to the lower of the two middle values unless that is asked
// for: the median is the kind of that name and takes its keys.
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/honest_majority.h"
#include "fedtorch/aggregate/selection.h"

namespace fedtorch::aggregate {

extern const Kind kMedian;

namespace {

class Aksel final : public Aggregator {
 public:
  explicit Aksel(config::Section& section)
      : f_(Tolerance::Read(section)),
        half_(section.Choice({.name = "count",
                              .help = "How many of the nearest enter: half of "
                                      "the updates, rounded up, or n - f."},
                             {"half", "n-f"},
                             "half") == "half"),
        median_(kMedian.make(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return HonestMajorityObstacle("aksel", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !half_ && !f_.given(); }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::int64_t n = inputs.size();
    Combination combination;
    combination.scores =
        SquaredDistancesTo(inputs, median_->Aggregate(inputs, context).vector);
    const std::int64_t count = half_ ? (n + 1) / 2 : n - f_.Of(context);
    combination.coefficients = MeanOver(Smallest(combination.scores, count), n);
    return Joined(inputs, std::move(combination));
  }

 private:
  Tolerance f_;
  bool half_;
  std::unique_ptr<Aggregator> median_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Aksel>(section);
}

}  // namespace

extern const Kind kAksel;
constinit const Kind kAksel{
    .name = "aksel",
    .summary = "Mean of the updates nearest to the coordinate median.",
    .source = "Boussetta, El Mhamdi, Guerraoui, Maurer, Rouault 2021",
    .preconditions = "n > 2f",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
