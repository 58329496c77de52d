// Auror: values of the output layer that fall into two groups over the clients
// are indicative; clients are split in two by those values alone and the larger
// group is averaged.
//
// Avoids: local optima of 2-means on a line (the best cut is found), random
// starts, and the failure where no value is indicative (then all are kept).
// The values found in the last of the first rounds stay for good. Nothing is
// kept of a client, so one seen the first time is judged like any other. Of
// groups of one size the one with the first row is kept.
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/client_vectors.h"
#include "fedtorch/aggregate/feature_layer.h"
#include "fedtorch/aggregate/two_means.h"

#include <tbb/parallel_for.h>

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

class Auror final : public Aggregator {
 public:
  explicit Auror(config::Section& section)
      : features_(FeatureChoice::Read(section, true)),
        threshold_(section.Real(
            {.name = "threshold",
             .help = "Distance of two group centres from which on a value is "
                     "indicative; 1e-4 was used for MNIST, 7e-4 for CIFAR-10.",
             .aliases = {"indicative_threshold"}},
            1e-4,
            {.min = 0.0})),
        rounds_to_find_(section.Int(
            {.name = "find_rounds",
             .help = "Rounds in which indicative values are looked for.",
             .unit = "rounds",
             .aliases = {"indicative_find_epoch"}},
            10,
            {.min = 1})) {}

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const Matrix values = Values(inputs, context);
    const std::vector<double> columns = Columns(values);
    const std::vector<char> group = GroupsOf(values, columns);
    const auto ones = std::count(group.begin(), group.end(), char{1});
    const char larger = 2 * ones > inputs.size() ? 1 : 0;
    std::vector<std::int64_t> kept;
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      if (group[static_cast<std::size_t>(i)] == larger) kept.push_back(i);
    }
    Result result = MeanOfRows(inputs, kept);
    result.diagnostics["aggregate/num_indicative"] =
        static_cast<double>(columns.size());
    return result;
  }

  void Remember(const Inputs& inputs,
                const Context& context,
                const Result&) override {
    indicative_ = Columns(Values(inputs, context));
    rounds_ = std::min(rounds_ + 1, rounds_to_find_);
  }

  State SaveState() const override {
    return {{"indicative", indicative_},
            {"rounds", {static_cast<double>(rounds_)}}};
  }
  void LoadState(const State& state) override {
    indicative_ = LoadVector("indicative", state);
    const std::vector<double> rounds = LoadVector("rounds", state);
    rounds_ = rounds.empty() ? 0 : static_cast<std::int64_t>(rounds.front());
  }

 private:
  Matrix Values(const Inputs& inputs, const Context& context) const {
    return FeaturesOf(inputs, features_.Of(context, inputs.dimension()));
  }

  // Columns that are indicative, ascending.
  std::vector<double> Columns(const Matrix& values) const {
    if (rounds_ >= rounds_to_find_) return indicative_;
    std::vector<char> found(static_cast<std::size_t>(values.columns()));
    tbb::parallel_for(std::size_t{0}, found.size(), [&](std::size_t k) {
      std::vector<double> column;
      for (std::int64_t i = 0; i < values.rows(); ++i) {
        column.push_back(values.Row(i)[k]);
      }
      const LineSplit split = SplitLine(column);
      found[k] = split.upper_centre - split.lower_centre >= threshold_ ? 1 : 0;
    });
    std::vector<double> columns;
    for (std::size_t k = 0; k < found.size(); ++k) {
      if (found[k] != 0) columns.push_back(static_cast<double>(k));
    }
    return columns;
  }

  static std::vector<char> GroupsOf(const Matrix& values,
                                    const std::vector<double>& columns) {
    const std::int64_t n = values.rows();
    if (columns.empty()) return std::vector<char>(static_cast<std::size_t>(n));
    Matrix picked(n, static_cast<std::int64_t>(columns.size()));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < columns.size(); ++k) {
        picked.Row(i)[k] = values.Row(i)[static_cast<std::size_t>(columns[k])];
      }
    }
    const Inputs inputs(ViewRows(picked));
    const Geometry& geometry = inputs.geometry();
    Matrix distances(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        distances(i, j) = geometry.SquaredDistance(i, j);
      }
    }
    return TwoMeans(distances);
  }

  FeatureChoice features_;
  double threshold_;
  std::int64_t rounds_to_find_;
  std::int64_t rounds_ = 0;
  std::vector<double> indicative_;  // columns of the features
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Auror>(section);
}

}  // namespace

extern const Kind kAuror;
constinit const Kind kAuror{
    .name = "auror",
    .summary =
        "Mean of the larger of two groups of clients, told apart by values of "
        "the output layer that fall into two groups.",
    .source = "Shen, Tople, Saxena 2016, section 4",
    .preconditions = "n >= 1; fewer than half are adversaries",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
