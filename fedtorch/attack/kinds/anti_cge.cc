// Against the mean of the n - f vectors of smallest norm: the negative sum of
// the honest updates that will be kept, as long as the rule allows.
//
// If the adversaries stay below the norm of the (h - f + 1)-th smallest of the
// h honest updates, all of them are kept, with h - f honest ones. Avoids:
// counting the smallest honest update twice in the sum (a published program
// does). Who knows only a part of the honest updates takes the same share of
// them.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace fedtorch::attack {
namespace {

class AntiCge final : public Attack {
 public:
  explicit AntiCge(config::Section& section)
      : margin_(section.Real(
            {.name = "margin",
             .help = "How far below the largest norm that is kept it stays, "
                     "relative; more than the rounding of float32."},
            1e-6,
            {.min = 0.0, .max = 1.0, .open_max = true})) {}

  bool crafts() const override { return true; }

  std::string Obstacle(std::int64_t n, std::int64_t f) const override {
    if (n > 2 * f) return {};
    return "anti_cge needs n > 2f updates, found n = " + std::to_string(n) +
           " with f = " + std::to_string(f) + ": no honest one would be kept";
  }

  Crafted Craft(const Scene& scene) override {
    const std::vector<double> norms = NormsOf(*scene.known);
    const auto known = static_cast<std::int64_t>(norms.size());
    std::vector<std::size_t> order(norms.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      return norms[a] < norms[b];
    });
    // Declared, not true: it is what the rule counts with.
    const std::int64_t honest =
        std::max<std::int64_t>(1, scene.num_total - scene.num_byzantine);
    const std::int64_t cut =
        std::max<std::int64_t>(0, known * (honest - scene.context.f) / honest);
    // Without a cut nothing is dropped, and the longest is as good as any.
    const double most =
        norms[order[static_cast<std::size_t>(std::min(cut, known - 1))]];
    const std::int64_t kept = std::clamp<std::int64_t>(cut, 1, known);
    std::vector<double> sum(static_cast<std::size_t>(scene.known->dimension));
    scene.known->Visit([&](auto rows) {
      for (std::int64_t i = 0; i < kept; ++i) {
        const auto* row = rows[order[static_cast<std::size_t>(i)]];
        for (std::size_t k = 0; k < sum.size(); ++k) {
          sum[k] += static_cast<double>(row[k]);
        }
      }
    });
    const double norm = NormOf(sum);
    if (norm > 0.0) {
      const double factor = -most * (1.0 - margin_) / norm;
      for (double& value : sum) value *= factor;
    }
    Crafted crafted;
    crafted.vectors.push_back(std::move(sum));
    crafted.diagnostics["attack/norm"] = most * (1.0 - margin_);
    return crafted;
  }

 private:
  double margin_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<AntiCge>(section);
}

}  // namespace

extern const Kind kAntiCge;
constinit const Kind kAntiCge{
    .name = "anti_cge",
    .summary =
        "Sends the negative sum of the smallest honest updates, just short "
        "enough to be kept.",
    .source =
        "Rouault 2021 (attack anticge of ByzantineMomentum), counted once",
    .knowledge = "honest updates and the declared f",
    .make = Make};

}  // namespace fedtorch::attack
