// Neurotoxin: a backdoor in coordinates that others hardly move, so that it
// lasts. Only the `trained` share of the coordinates, those in which the last
// global update is smallest in magnitude, may change; the others are put back
// to the global model after every step. The finished update is clipped.
//
// Ties: lowest coordinate first. Before the first aggregate all coordinates
// are trained. The published text keeps most coordinates and leaves out the
// few largest (trained: 0.9 or more); the default is the small share of the
// benchmark suites.
//
// Avoids: selecting by the signed update, which takes the most negative
// coordinates, the largest movements there are, for the smallest.
#include "fedtorch/attack/trigger.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace fedtorch::attack {
namespace {

// Marks the `count` coordinates of smallest magnitude.
std::vector<bool> SmallestOf(std::span<const double> vector,
                             std::size_t count) {
  std::vector<std::size_t> order(vector.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::nth_element(order.begin(),
                   order.begin() + static_cast<std::ptrdiff_t>(count),
                   order.end(),
                   [&](std::size_t left, std::size_t right) {
                     const double a = std::abs(vector[left]);
                     const double b = std::abs(vector[right]);
                     return a != b ? a < b : left < right;
                   });
  std::vector<bool> smallest(vector.size());
  for (std::size_t i = 0; i < count; ++i) smallest[order[i]] = true;
  return smallest;
}

class Hiding final : public TriggeredTampering {
 public:
  Hiding(double trained,
         std::optional<double> max_norm,
         std::unique_ptr<client::Tampering> trigger,
         const Turn& turn)
      : TriggeredTampering(std::move(trigger), turn.model),
        max_norm_(max_norm) {
    const std::size_t size = turn.previous.size();
    if (size == 0) return;
    const auto count = static_cast<std::size_t>(
        std::floor(trained * static_cast<double>(size)));
    trained_ =
        SmallestOf(turn.previous, std::clamp<std::size_t>(count, 1, size));
  }

  void AfterStep(std::span<float> weights) override {
    FEDTORCH_CHECK(trained_.empty() || trained_.size() == weights.size(),
                   "the last aggregate is of this model");
    for (std::size_t k = 0; k < trained_.size(); ++k) {
      if (!trained_[k]) weights[k] = model()[k];
    }
  }

  // A method that takes no steps but sends a gradient is masked here.
  void AfterTraining(std::span<float> delta) override {
    for (std::size_t k = 0; k < trained_.size(); ++k) {
      if (!trained_[k]) delta[k] = 0.0F;
    }
    if (max_norm_) ClipNorm(*max_norm_, delta);
  }

 private:
  std::optional<double> max_norm_;
  std::vector<bool> trained_;  // [d]; empty = all
};

class Neurotoxin final : public TriggeredAttack {
 public:
  explicit Neurotoxin(config::Section& section)
      : TriggeredAttack(section),
        trained_(section.Real(
            {.name = "trained",
             .help = "Share of the coordinates that are trained: those in "
                     "which the last global update is smallest."},
            0.1,
            {.min = 0.0, .max = 1.0, .open_min = true})),
        max_norm_(section.OptionalReal(
            {.name = "max_norm",
             .help = "Norm that the finished update is scaled down to; null = "
                     "as it is.",
             .unit = "L2 norm"},
            {.min = 0.0, .open_min = true})) {}

  std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const override {
    return std::make_unique<Hiding>(
        trained_, max_norm_, trigger().Tamper(turn), turn);
  }

 private:
  double trained_;
  std::optional<double> max_norm_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Neurotoxin>(section);
}

}  // namespace

extern const Kind kNeurotoxin;
constinit const Kind kNeurotoxin{
    .name = "neurotoxin",
    .summary =
        "Trains a backdoor only in coordinates that the last global update "
        "hardly moved.",
    .source = "Zhang et al. 2022, algorithm 1",
    .knowledge = "its own samples and the last global update",
    .make = Make};

}  // namespace fedtorch::attack
