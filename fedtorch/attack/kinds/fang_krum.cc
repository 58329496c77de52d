// Local model poisoning of Krum: b = -lambda s, where s holds the signs of the
// mean of the honest updates and lambda is halved from a bound until Krum picks
// a copy of b. The global model, from which papers measure, is 0 for updates.
//
// The bound is min_i S_i / ((n - 2f - 1) sqrt(d)) + max_i |x_i| / sqrt(d), S_i
// the sum of (not squared) distances of x_i to its n - f - 2 nearest honest
// others, n all vectors. Avoids: n the honest ones in that denominator, which
// can reach 0. Who knows only a part of the honest updates counts those.
#include "fedtorch/aggregate/krum_scores.h"
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>

namespace fedtorch::attack {
namespace {

class FangKrum final : public Attack {
 public:
  explicit FangKrum(config::Section& section)
      : form_(aggregate::KrumForm::Read(section)),
        threshold_(section.Real({.name = "threshold",
                                 .help = "Lambda is not halved below this.",
                                 .unit = "value of a coordinate"},
                                1e-5,
                                {.min = 1e-12})) {}

  bool crafts() const override { return true; }

  std::string Obstacle(std::int64_t n, std::int64_t f) const override {
    if (n >= 2 * f + 2) return {};
    return "fang_krum needs n >= 2f + 2 = " + std::to_string(2 * f + 2) +
           " updates, found n = " + std::to_string(n) +
           " with f = " + std::to_string(f);
  }

  Crafted Craft(const Scene& scene) override {
    std::vector<double> sign = MeanOf(*scene.known);
    for (double& value : sign) {
      value = value > 0.0 ? 1.0 : value < 0.0 ? -1.0 : 0.0;
    }
    const std::vector<float> floats(sign.begin(), sign.end());
    aggregate::UpdateTable table = *scene.known;
    std::visit(
        [&](auto& rows) {
          using Pointer = typename std::decay_t<decltype(rows)>::value_type;
          if constexpr (std::is_same_v<Pointer, const float*>) {
            rows.push_back(floats.data());
          } else {
            rows.push_back(sign.data());
          }
        },
        table.rows);
    table.weights.clear();
    table.clients.clear();
    const aggregate::Inputs inputs(table);
    double lambda = Bound(scene, inputs.geometry());
    bool picked = false;
    // False for a lambda that is no number, too.
    while (lambda > threshold_ && std::isfinite(lambda)) {
      picked = Picks(scene, inputs, lambda);
      if (picked) break;
      lambda *= 0.5;
    }
    if (!std::isfinite(lambda)) lambda = threshold_;
    for (double& value : sign) value *= -lambda;
    Crafted crafted;
    crafted.vectors.push_back(std::move(sign));
    crafted.diagnostics["attack/lambda"] = lambda;
    crafted.diagnostics["attack/picked"] = picked ? 1.0 : 0.0;
    return crafted;
  }

 private:
  double Bound(const Scene& scene, const aggregate::Geometry& geometry) const {
    const std::int64_t known = scene.known->num_rows();
    const aggregate::KrumForm plain{
        .fewer = 2, .distance = aggregate::KrumForm::Distance::kPlain};
    const std::vector<double> scores = plain.Scores(geometry, known, 0);
    const std::vector<double> norms = NormsOf(*scene.known);
    const auto left = static_cast<double>(
        std::max<std::int64_t>(1, known - scene.num_byzantine - 1));
    return (*std::min_element(scores.begin(), scores.end()) / left +
            *std::max_element(norms.begin(), norms.end())) /
           std::sqrt(static_cast<double>(
               std::max<std::int64_t>(1, scene.known->dimension)));
  }

  // Whether Krum, with the declared f, takes a copy. An honest update that ties
  // counts as taken.
  bool Picks(const Scene& scene,
             const aggregate::Inputs& inputs,
             double lambda) const {
    const std::int64_t known = scene.known->num_rows();
    const std::int64_t all = known + scene.num_byzantine;
    aggregate::Matrix mixture(all, known + 1);
    for (std::int64_t i = 0; i < known; ++i) mixture(i, i) = 1.0;
    for (std::int64_t i = known; i < all; ++i) mixture(i, known) = -lambda;
    const aggregate::Inputs mixed = inputs.Mixed(mixture);
    const std::vector<double> scores =
        form_.Scores(mixed.geometry(), all, scene.context.f);
    const auto best = std::min_element(scores.begin(), scores.end());
    return best - scores.begin() >= known;
  }

  aggregate::KrumForm form_;
  double threshold_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<FangKrum>(section);
}

}  // namespace

extern const Kind kFangKrum;
constinit const Kind kFangKrum{
    .name = "fang_krum",
    .summary =
        "The negative signs of the honest mean, as strong as Krum still "
        "picks them.",
    .source = "Fang, Cao, Jia, Gong 2020 (attack on Krum)",
    .knowledge = "honest updates; that the defence is Krum",
    .make = Make};

}  // namespace fedtorch::attack
