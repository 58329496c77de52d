// FoolsGold: clients whose updates, added up over all rounds, point the same
// way are copies of each other and lose their weight.
//
// Avoids: sums by slot in the cohort instead of by client, the quotient 0/0
// where everybody is a copy, the logarithm of 0, features picked by signed
// instead of absolute size, and (unless asked for) a sum that is not a mean.
// A client seen the first time is judged by its first update. State: one vector
// of features a client.
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/client_vectors.h"
#include "fedtorch/aggregate/feature_layer.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

// What rounding can make of 1 - cos for two copies.
constexpr double kCopy = 1e-12;
constexpr double kAlmostOne = 0.99;

class FoolsGold final : public Aggregator {
 public:
  explicit FoolsGold(config::Section& section)
      : normalize_(section.Bool(
            {.name = "normalize",
             .help = "Whether weights are divided by their sum; the published "
                     "result is the plain sum."},
            true)),
        features_(FeatureChoice::Read(section, false)),
        top_k_(section.Real(
            {.name = "top_k",
             .help = "Share of each class's weights in the output layer that "
                     "count, the largest of the global model by size; 1 = "
                     "all. Needs features: output_layer."},
            1.0,
            {.min = 0.0, .max = 1.0, .open_min = true})) {
    features_.bias = false;
    if (!section.recording() && top_k_ < 1.0 && !features_.output_layer) {
      section.Fail("top_k",
                   "features: all has no classes to pick from; set features: "
                   "output_layer");
    }
  }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::vector<double> weights =
        WeightsOf(Cosines(Sums(inputs, context)));
    std::vector<double> coefficients = weights;
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    if (normalize_ && sum > 0.0) {
      for (double& weight : coefficients) weight /= sum;
    }
    return Joined(inputs,
                  {.coefficients = std::move(coefficients), .scores = weights});
  }

  void Remember(const Inputs& inputs,
                const Context& context,
                const Result&) override {
    const Features features = features_.Of(context, inputs.dimension());
    const Matrix values = FeaturesOf(inputs, features);
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      std::vector<double>& sum = sums_[inputs.client(i)];
      sum.resize(static_cast<std::size_t>(features.size));
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += values.Row(i)[k];
    }
  }

  State SaveState() const override {
    State state;
    SaveClients("sum", sums_, &state);
    return state;
  }
  void LoadState(const State& state) override {
    sums_ = LoadClients("sum", state);
  }

 private:
  // What each client has sent so far, this round with it, [n, features].
  Matrix Sums(const Inputs& inputs, const Context& context) const {
    const Features features = features_.Of(context, inputs.dimension());
    Matrix values = FeaturesOf(inputs, features);
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      const auto found = sums_.find(inputs.client(i));
      if (found == sums_.end()) continue;
      FEDTORCH_CHECK(found->second.size() == values.Row(i).size(),
                     "a client's sum is as long as its features");
      for (std::size_t k = 0; k < found->second.size(); ++k) {
        values.Row(i)[k] += found->second[k];
      }
    }
    if (top_k_ < 1.0) Pick(features, context, &values);
    return values;
  }

  // Sets features that do not count to 0.
  void Pick(const Features& features,
            const Context& context,
            Matrix* values) const {
    if (features.classes == 0 || context.model.empty()) {
      throw core::RunError(
          "foolsgold with top_k below 1 needs a model whose last layer is "
          "dense");
    }
    const auto count = std::max<std::int64_t>(
        1,
        static_cast<std::int64_t>(top_k_ *
                                  static_cast<double>(features.inputs)));
    std::vector<std::int64_t> order(static_cast<std::size_t>(features.inputs));
    for (std::int64_t label = 0; label < features.classes; ++label) {
      const auto at = [&](std::int64_t input) {
        return static_cast<std::size_t>(input * features.classes + label);
      };
      const auto size = [&](std::int64_t input) {
        return std::fabs(
            context
                .model[static_cast<std::size_t>(features.offset) + at(input)]);
      };
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        return size(a) > size(b);
      });
      for (std::int64_t k = count; k < features.inputs; ++k) {
        const std::size_t column = at(order[static_cast<std::size_t>(k)]);
        for (std::int64_t i = 0; i < values->rows(); ++i) {
          values->Row(i)[column] = 0.0;
        }
      }
    }
  }

  static Matrix Cosines(const Matrix& sums) {
    const std::int64_t n = sums.rows();
    const Inputs inputs(ViewRows(sums));
    const Geometry& geometry = inputs.geometry();
    Matrix cosines(n, n);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        if (i == j) continue;
        cosines(i, j) = CosineOf(geometry.Dot(i, j),
                                 geometry.SquaredNorm(i),
                                 geometry.SquaredNorm(j));
      }
    }
    return cosines;
  }

  static std::vector<double> WeightsOf(Matrix cosines) {
    const std::int64_t n = cosines.rows();
    // The diagonal, 0, takes part: opposite directions count as none alike.
    std::vector<double> most;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto row = cosines.Row(i);
      most.push_back(*std::max_element(row.begin(), row.end()));
    }
    std::vector<double> weights;
    for (std::int64_t i = 0; i < n; ++i) {
      double closest = 0.0;
      const double own = most[static_cast<std::size_t>(i)];
      for (std::int64_t j = 0; j < n; ++j) {
        const double other = most[static_cast<std::size_t>(j)];
        // An honest client that happens to be near a copy is pardoned.
        if (i != j && own < other) cosines(i, j) *= own / other;
        closest = std::max(closest, cosines(i, j));
      }
      const double weight = std::clamp(1.0 - closest, 0.0, 1.0);
      weights.push_back(weight < kCopy ? 0.0 : weight);
    }
    const double largest = *std::max_element(weights.begin(), weights.end());
    if (largest == 0.0) return weights;
    for (double& weight : weights) {
      weight /= largest;
      if (weight == 1.0) weight = kAlmostOne;
      weight =
          weight == 0.0
              ? 0.0
              : std::clamp(std::log(weight / (1.0 - weight)) + 0.5, 0.0, 1.0);
    }
    return weights;
  }

  bool normalize_;
  FeatureChoice features_;
  double top_k_;
  ClientVectors sums_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<FoolsGold>(section);
}

}  // namespace

extern const Kind kFoolsgold;
constinit const Kind kFoolsgold{
    .name = "foolsgold",
    .summary =
        "Takes weight from clients whose updates over all rounds point the "
        "same way.",
    .source = "Fung, Yoon, Beschastnikh 2020, algorithm 1",
    .preconditions = "n >= 1; at least two sybils, alike over the rounds",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
