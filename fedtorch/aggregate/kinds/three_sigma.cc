// Three sigma: drops clients whose features are unusually far from the average
// of those that passed the round before.
//
// Avoids: an average that dropped clients have part in, a deviation of one
// score (0/0), and a bound that rounding puts below equal scores. Nothing is
// kept of a client, so one seen the first time is judged like any other. In the
// first round the average is that of the rows that lie closest together.
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/client_vectors.h"
#include "fedtorch/aggregate/feature_layer.h"
#include "fedtorch/aggregate/outlier_bound.h"

#include <cmath>

namespace fedtorch::aggregate {
namespace {

class ThreeSigma final : public Aggregator {
 public:
  explicit ThreeSigma(config::Section& section)
      : features_(FeatureChoice::Read(section, true)),
        sigmas_(section.Real(
            {.name = "sigmas",
             .help = "Standard deviations above the mean distance that a "
                     "client may have.",
             .aliases = {"bound_param"}},
            0.5,
            {.min = 0.0})) {
    features_.bias = false;
  }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const Matrix values =
        FeaturesOf(inputs, features_.Of(context, inputs.dimension()));
    std::vector<double> scores;
    const auto kept = KeptOf(values, &scores);
    Result result = MeanOfRows(inputs, kept);
    result.scores = std::move(scores);
    return result;
  }

  void Remember(const Inputs& inputs,
                const Context& context,
                const Result&) override {
    const Matrix values =
        FeaturesOf(inputs, features_.Of(context, inputs.dimension()));
    std::vector<double> scores;
    average_ = Mean(values, KeptOf(values, &scores));
  }

  State SaveState() const override { return {{"average", average_}}; }
  void LoadState(const State& state) override {
    average_ = LoadVector("average", state);
  }

 private:
  static std::vector<double> Mean(const Matrix& values,
                                  const std::vector<std::int64_t>& rows) {
    std::vector<double> mean(static_cast<std::size_t>(values.columns()));
    for (const std::int64_t row : rows) {
      for (std::size_t k = 0; k < mean.size(); ++k) {
        mean[k] += values.Row(row)[k] / static_cast<double>(rows.size());
      }
    }
    return mean;
  }

  std::vector<std::int64_t> KeptOf(const Matrix& values,
                                   std::vector<double>* scores) const {
    const std::int64_t n = values.rows();
    std::vector<double> average = average_;
    if (average.empty()) {
      const Inputs inputs(ViewRows(values));
      average = Mean(values, InnermostRows(inputs.geometry(), n));
    }
    for (std::int64_t i = 0; i < n; ++i) {
      double sum = 0.0;
      for (std::size_t k = 0; k < average.size(); ++k) {
        const double part = values.Row(i)[k] - average[k];
        sum += part * part;
      }
      scores->push_back(std::sqrt(sum));
    }
    const double bound = OutlierBound(*scores, sigmas_);
    std::vector<std::int64_t> kept;
    for (std::int64_t i = 0; i < n; ++i) {
      if ((*scores)[static_cast<std::size_t>(i)] <= bound) kept.push_back(i);
    }
    return kept;
  }

  FeatureChoice features_;
  double sigmas_;
  std::vector<double> average_;  // [features] of those kept; empty = none yet
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<ThreeSigma>(section);
}

}  // namespace

extern const Kind kThreeSigma;
constinit const Kind kThreeSigma{
    .name = "three_sigma",
    .summary =
        "Mean of the updates that are not unusually far from those kept in "
        "the round before.",
    .source = "FedML, three sigma defence with a start by Krum scores",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
