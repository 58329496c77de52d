// ByzMean: f1 = floor(f / 2) adversaries send b1 = mu - z sigma, the others
// send what makes the plain mean of all n vectors equal b1.
//
// mu and sigma are those of the updates it knows. Who knows only a part of the
// honest updates takes n - f times their mean for the sum of all.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"

namespace fedtorch::attack {
namespace {

class ByzMean final : public Attack {
 public:
  explicit ByzMean(config::Section& section)
      : z_(section.Real({.name = "z",
                         .help = "Standard deviations that the mean is to be "
                                 "shifted by.",
                         .unit = "standard deviations"},
                        0.5,
                        {.min = 0.0})),
        ddof_(ReadDdof(section)) {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    const Statistics statistics = StatisticsOf(*scene.known, ddof_);
    const std::int64_t first = scene.num_byzantine / 2;
    const auto rest = static_cast<double>(scene.num_byzantine - first);
    const auto others = static_cast<double>(scene.num_total - first);
    const auto honest =
        static_cast<double>(scene.num_total - scene.num_byzantine);
    std::vector<double> wanted = statistics.mean;
    std::vector<double> pull(wanted.size());
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      wanted[k] -= z_ * statistics.std[k];
      pull[k] = (others * wanted[k] - honest * statistics.mean[k]) / rest;
    }
    Crafted crafted;
    for (std::int64_t i = 0; i < first; ++i) crafted.vectors.push_back(wanted);
    for (std::int64_t i = first; i < scene.num_byzantine; ++i) {
      crafted.vectors.push_back(pull);
    }
    return crafted;
  }

 private:
  double z_;
  std::int64_t ddof_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<ByzMean>(section);
}

}  // namespace

extern const Kind kByzMean;
constinit const Kind kByzMean{
    .name = "byz_mean",
    .summary =
        "Half of the adversaries hide near the mean, the others move the plain "
        "mean there.",
    .source = "Xu, Huang, Song, Lan 2022 (ByzMean)",
    .knowledge = "honest updates",
    .make = Make};

}  // namespace fedtorch::attack
