// Cross-round check: an update that hardly differs in direction from the
// client's last one, or from the last aggregate, is lazy and dropped; one that
// differs much is suspicious and dropped if it is also unusually far away.
//
// Avoids: comparing with the slot's last update instead of the client's, and a
// division by the length of a zero vector (its direction counts as right
// angled to all). A client seen the first time has no own direction to be
// compared with, and there is no aggregate in the first round: both count as
// neither lazy nor suspicious. Suspicious updates are not remembered.
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/client_vectors.h"
#include "fedtorch/aggregate/feature_layer.h"
#include "fedtorch/aggregate/outlier_bound.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace fedtorch::aggregate {
namespace {

class CrossRound final : public Aggregator {
 public:
  explicit CrossRound(config::Section& section)
      : features_(FeatureChoice::Read(section, true)),
        lazy_(section.Real(
            {.name = "lazy_below",
             .help = "Cosine distance (1 - cosine) below which an update is "
                     "lazy."},
            1e-7,
            {.min = 0.0, .max = 2.0})),
        suspicious_(section.Real(
            {.name = "suspicious_above",
             .help = "Cosine distance above which an update is tested for "
                     "being far away."},
            0.3,
            {.min = 0.0, .max = 2.0})),
        sigmas_(section.Real(
            {.name = "sigmas",
             .help = "Standard deviations above the mean distance that a "
                     "suspicious update may have."},
            1.0,
            {.min = 0.0})) {
    features_.bias = false;
  }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::vector<Verdict> verdicts =
        Judge(inputs, context, Values(inputs, context));
    const std::vector<double> distances = Distances(inputs);
    const double bound = OutlierBound(distances, sigmas_);
    std::vector<std::int64_t> kept;
    double num_lazy = 0.0;
    double num_suspicious = 0.0;
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      const auto row = static_cast<std::size_t>(i);
      num_lazy += verdicts[row] == Verdict::kLazy ? 1.0 : 0.0;
      num_suspicious += verdicts[row] == Verdict::kSuspicious ? 1.0 : 0.0;
      if (verdicts[row] == Verdict::kLazy) continue;
      if (verdicts[row] == Verdict::kSuspicious && distances[row] > bound) {
        continue;
      }
      kept.push_back(i);
    }
    Result result = MeanOfRows(inputs, kept);
    result.scores = distances;
    result.diagnostics["aggregate/num_lazy"] = num_lazy;
    result.diagnostics["aggregate/num_suspicious"] = num_suspicious;
    return result;
  }

  void Remember(const Inputs& inputs,
                const Context& context,
                const Result&) override {
    const Matrix values = Values(inputs, context);
    const std::vector<Verdict> verdicts = Judge(inputs, context, values);
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      if (verdicts[static_cast<std::size_t>(i)] == Verdict::kSuspicious) {
        continue;
      }
      const auto row = values.Row(i);
      last_[inputs.client(i)].assign(row.begin(), row.end());
    }
  }

  State SaveState() const override {
    State state;
    SaveClients("last", last_, &state);
    return state;
  }
  void LoadState(const State& state) override {
    last_ = LoadClients("last", state);
  }

 private:
  enum class Verdict { kUsual, kLazy, kSuspicious };

  Matrix Values(const Inputs& inputs, const Context& context) const {
    return FeaturesOf(inputs, features_.Of(context, inputs.dimension()));
  }

  static double CosineDistance(std::span<const double> x,
                               std::span<const double> y) {
    // Half the squared distance of unit vectors keeps its digits where the
    // directions are almost equal; 1 - cosine does not.
    const double length_x = std::sqrt(InnerProduct(x, x));
    const double length_y = std::sqrt(InnerProduct(y, y));
    if (!(length_x > 0.0) || !(length_y > 0.0)) return 1.0;
    double sum = 0.0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      const double part = x[k] / length_x - y[k] / length_y;
      sum += part * part;
    }
    return 0.5 * sum;
  }

  std::vector<Verdict> Judge(const Inputs& inputs,
                             const Context& context,
                             const Matrix& values) const {
    std::vector<double> global;
    if (!context.previous.empty()) {
      global = FeaturesOf(context.previous,
                          features_.Of(context, inputs.dimension()));
    }
    std::vector<Verdict> verdicts;
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      std::vector<double> distances;
      const auto own = last_.find(inputs.client(i));
      if (own != last_.end()) {
        distances.push_back(CosineDistance(values.Row(i), own->second));
      }
      if (!global.empty()) {
        distances.push_back(CosineDistance(values.Row(i), global));
      }
      Verdict verdict = Verdict::kUsual;
      for (const double distance : distances) {
        if (distance > suspicious_) verdict = Verdict::kSuspicious;
      }
      for (const double distance : distances) {
        if (distance < lazy_) verdict = Verdict::kLazy;
      }
      verdicts.push_back(verdict);
    }
    return verdicts;
  }

  static std::vector<double> Distances(const Inputs& inputs) {
    const Geometry& geometry = inputs.geometry();
    const auto inner = InnermostRows(geometry, inputs.size());
    std::vector<double> mean(static_cast<std::size_t>(geometry.size()));
    for (const std::int64_t row : inner) {
      mean[static_cast<std::size_t>(row)] =
          1.0 / static_cast<double>(inner.size());
    }
    std::vector<double> distances;
    for (std::int64_t i = 0; i < inputs.size(); ++i) {
      distances.push_back(std::sqrt(geometry.SquaredDistance(mean, i)));
    }
    return distances;
  }

  FeatureChoice features_;
  double lazy_;
  double suspicious_;
  double sigmas_;
  ClientVectors last_;  // features of the last update that was not suspicious
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<CrossRound>(section);
}

}  // namespace

extern const Kind kCrossRound;
constinit const Kind kCrossRound{
    .name = "cross_round",
    .summary =
        "Mean of the updates that neither repeat an old direction nor leave "
        "it for a place far away.",
    .source = "FedML, cross-round defence with its three sigma test",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
