// Gaussian noise in place of an update, drawn anew by each adversary.
//
// With `relative` the unit of mean and std is the coordinate of a typical
// honest update, its norm over sqrt(d): a fixed unit means little across
// models.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/noise.h"
#include "fedtorch/attack/statistics.h"

#include <cmath>

namespace fedtorch::attack {
namespace {

class Gaussian final : public Attack {
 public:
  explicit Gaussian(config::Section& section)
      : mean_(section.Real(
            {.name = "mean", .help = "Mean of every coordinate."}, 0.0)),
        std_(section.Real(
            {.name = "std", .help = "Standard deviation of every coordinate."},
            1.0,
            {.min = 0.0})),
        relative_(section.Bool(
            {.name = "relative",
             .help = "Whether mean and std count in mean norms of the updates "
                     "it knows, over sqrt(d): std 1 then gives their norm."},
            false)) {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    double unit = 1.0;
    if (relative_) {
      unit = 0.0;
      for (const double norm : NormsOf(*scene.known)) unit += norm;
      unit /= static_cast<double>(scene.known->num_rows()) *
              std::sqrt(static_cast<double>(scene.known->dimension));
    }
    Crafted crafted;
    for (const std::int64_t client : scene.clients) {
      std::vector<double>& vector = crafted.vectors.emplace_back(
          static_cast<std::size_t>(scene.known->dimension));
      AddNormal(
          scene.seed, scene.round, client, unit * mean_, unit * std_, vector);
    }
    return crafted;
  }

 private:
  double mean_;
  double std_;
  bool relative_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Gaussian>(section);
}

}  // namespace

extern const Kind kGaussian;
constinit const Kind kGaussian{
    .name = "gaussian",
    .summary = "Sends normally distributed noise in place of an update.",
    .source = "Blanchard, El Mhamdi, Guerraoui, Stainer 2017",
    .knowledge = "nothing; norms of honest updates with relative",
    .make = Make};

}  // namespace fedtorch::attack
