// Min-Max: b = mu + gamma p with the largest gamma for which b is no farther
// from any honest update than the two farthest honest updates x are apart, D.
//
// With q = -p the constraint of x_i is a parabola in gamma whose larger root is
// (-b_i + sqrt(b_i^2 + c (D^2 - a_i))) / c, a_i = |x_i - mu|^2,
// b_i = <x_i - mu, q>, c = |p|^2; the smallest of the roots is the answer.
// Avoids: searches that cannot get beyond twice or five times their start.
// mu, D and p are those of the updates it knows.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/perturbation.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedtorch::attack {
namespace {

// The square of the largest distance between two rows.
double SquaredDiameter(const aggregate::UpdateTable& table) {
  const aggregate::Inputs inputs(table);
  const aggregate::Geometry& geometry = inputs.geometry();
  std::size_t first = 0;
  std::size_t second = 0;
  double largest = -1.0;
  for (std::int64_t i = 0; i < table.num_rows(); ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      const double distance = geometry.SquaredDistance(i, j);
      if (distance > largest) {
        largest = distance;
        first = static_cast<std::size_t>(j);
        second = static_cast<std::size_t>(i);
      }
    }
  }
  // Inner products of float rows have the digits to tell which pair it is;
  // its distance is needed to more of them.
  double square = 0.0;
  table.Visit([&](auto rows) {
    for (std::int64_t k = 0; k < table.dimension; ++k) {
      const double off = static_cast<double>(rows[first][k]) -
                         static_cast<double>(rows[second][k]);
      square += off * off;
    }
  });
  return square;
}

class MinMax final : public Attack {
 public:
  explicit MinMax(config::Section& section)
      : perturbation_(Perturbation::Read(section)) {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    const Perturbation::Line line = perturbation_.Of(*scene.known);
    const double diameter = SquaredDiameter(*scene.known);
    const Offsets offsets = OffsetsOf(*scene.known, line.mean, line.direction);
    const double norm = NormOf(line.direction);
    const double c = norm * norm;
    double gamma = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < offsets.squares.size(); ++i) {
      const double b = -offsets.along[i];
      // Not negative but for rounding: the mean is nearer to a row than the
      // farthest other row is.
      const double room = std::max(0.0, diameter - offsets.squares[i]);
      const double root = std::sqrt(b * b + c * room);
      // Of the two forms of the root the one that does not cancel.
      const double largest = b > 0.0 ? room / (b + root) : (root - b) / c;
      gamma = std::min(gamma, largest);
    }
    // Without a direction, or beyond all numbers, the mean itself.
    if (!(c > 0.0) || !std::isfinite(gamma)) gamma = 0.0;
    Crafted crafted;
    crafted.vectors.push_back(line.At(gamma));
    crafted.diagnostics["attack/gamma"] = gamma;
    return crafted;
  }

 private:
  Perturbation perturbation_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<MinMax>(section);
}

}  // namespace

extern const Kind kMinMax;
constinit const Kind kMinMax{
    .name = "min_max",
    .summary =
        "As far from the honest mean as the two farthest honest updates "
        "are apart, at most, from any.",
    .source = "Shejwalkar, Houmansadr 2021 (Min-Max); gamma in closed form",
    .knowledge = "honest updates",
    .make = Make};

}  // namespace fedtorch::attack
