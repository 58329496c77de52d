// A little is enough: the mean mu of the honest updates, shifted by z standard
// deviations sigma of each coordinate, where z is as large as the cover of
// honest updates allows.
//
// Avoids: the distribution function in place of its inverse; a z that is
// infinite or no attack at all without a word about it. Libraries differ in the
// sign and in ddof, so both are keys. mu and sigma are those of updates.
#include "fedtorch/attack/alie_strength.h"
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"
#include "fedtorch/core/errors.h"

#include <cmath>
#include <optional>
#include <string>

namespace fedtorch::attack {
namespace {

class Alie final : public Attack {
 public:
  explicit Alie(config::Section& section)
      : z_(section.AutoReal(
            {.name = "z",
             .help = "Standard deviations added to each coordinate of the "
                     "mean; auto = from n and f as in the paper.",
             .unit = "standard deviations"},
            {.min = 0.0, .open_min = true})),
        sign_(section.Choice({.name = "sign",
                              .help = "On which side of the mean it lies; the "
                                      "published programs differ."},
                             {"plus", "minus"},
                             "plus") == "plus"
                  ? 1.0
                  : -1.0),
        ddof_(ReadDdof(section)) {}

  bool crafts() const override { return true; }

  std::string Obstacle(std::int64_t n, std::int64_t f) const override {
    return z_ ? std::string() : AlieObstacle("alie", n, f);
  }

  Crafted Craft(const Scene& scene) override {
    const double z =
        z_ ? *z_ : AlieStrength(scene.num_total, scene.num_byzantine);
    if (!std::isfinite(z)) {
      throw core::RunError(
          AlieObstacle("alie", scene.num_total, scene.num_byzantine));
    }
    Statistics statistics = StatisticsOf(*scene.known, ddof_);
    for (std::size_t k = 0; k < statistics.mean.size(); ++k) {
      statistics.mean[k] += sign_ * z * statistics.std[k];
    }
    Crafted crafted;
    crafted.vectors.push_back(std::move(statistics.mean));
    crafted.diagnostics["attack/z"] = z;
    return crafted;
  }

 private:
  std::optional<double> z_;
  double sign_;
  std::int64_t ddof_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Alie>(section);
}

}  // namespace

extern const Kind kAlie;
constinit const Kind kAlie{
    .name = "alie",
    .summary =
        "Sends the mean of the honest updates plus or minus z standard "
        "deviations.",
    .source = "Baruch, Baruch, Goldberg 2019",
    .knowledge = "honest updates; the original program its own only",
    .make = Make};

}  // namespace fedtorch::attack
