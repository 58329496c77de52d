// Nearest-neighbour mixing: every vector becomes the mean of the n - f vectors
// nearest to it, itself among them.
//
// Avoids: gathering n x (n - f) x d values. Only coefficients are made; where
// the rule is linear, mixed values are never computed.
#include "fedtorch/aggregate/pre/preaggregator.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace fedtorch::aggregate::pre {
namespace {

class Nnm final : public PreAggregator {
 public:
  explicit Nnm(config::Section& section) : f_(Tolerance::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t declared = f_.Declared(f);
    if (n > declared) return {};
    return "nnm needs n > f updates, found n = " + std::to_string(n) +
           " with f = " + std::to_string(declared);
  }
  bool needs_declared_f() const override { return !f_.given(); }

  Matrix Mix(const Inputs& inputs, const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::int64_t kept = n - f_.Of(context);
    const Geometry& geometry = inputs.geometry();
    Matrix coefficients(n, n);
    std::vector<double> distances(static_cast<std::size_t>(n));
    std::vector<std::int64_t> order(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        distances[static_cast<std::size_t>(j)] = geometry.SquaredDistance(i, j);
      }
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
        return distances[static_cast<std::size_t>(a)] <
               distances[static_cast<std::size_t>(b)];
      });
      for (std::int64_t k = 0; k < kept; ++k) {
        coefficients(i, order[static_cast<std::size_t>(k)]) =
            1.0 / static_cast<double>(kept);
      }
    }
    return coefficients;
  }

 private:
  Tolerance f_;
};

std::unique_ptr<PreAggregator> Make(config::Section& section) {
  return std::make_unique<Nnm>(section);
}

}  // namespace

extern const Kind kNnm;
constinit const Kind kNnm{
    .name = "nnm",
    .summary = "Replaces each update by the mean of the n - f nearest to it.",
    .source =
        "Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan 2023, "
        "algorithm 2",
    .make = Make};

}  // namespace fedtorch::aggregate::pre
