// Krum: the vector whose nearest neighbours are nearest.
//
// Avoids: distances squared twice, distances without the square where the
// paper has it, Gram distances of uncentred vectors, and a sum over the
// neighbours that counts the vector itself.
#include "fedtorch/aggregate/krum_scores.h"

namespace fedtorch::aggregate {
namespace {

class Krum final : public Aggregator {
 public:
  explicit Krum(config::Section& section)
      : f_(Tolerance::Read(section)), form_(KrumForm::Read(section)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    return form_.Obstacle("krum", n, f_.Declared(f));
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    Combination result;
    result.scores = form_.Scores(geometry, inputs.size(), f_.Of(context));
    result.coefficients.resize(static_cast<std::size_t>(geometry.size()));
    const auto best =
        std::min_element(result.scores.begin(), result.scores.end());
    result
        .coefficients[static_cast<std::size_t>(best - result.scores.begin())] =
        1.0;
    return result;
  }

 private:
  Tolerance f_;
  KrumForm form_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Krum>(section);
}

}  // namespace

extern const Kind kKrum;
constinit const Kind kKrum{
    .name = "krum",
    .summary =
        "The update with the smallest sum of squared distances to its "
        "n - f - 2 nearest others.",
    .source = "Blanchard, El Mhamdi, Guerraoui, Stainer 2017, section 4",
    .preconditions = "n >= 2f + 3; n >= 2f + 1 with neighbors n-f-1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
