// Multi-Krum: the mean of the vectors with the best Krum scores.
//
// Avoids: the sum in place of the mean, m = 1 by default (plain Krum), a share
// of n for m whatever f is, and distances computed anew for every removal of
// the iterative form.
#include "fedtorch/aggregate/krum_scores.h"
#include "fedtorch/aggregate/selection.h"

namespace fedtorch::aggregate {
namespace {

class MultiKrum final : public Aggregator {
 public:
  explicit MultiKrum(config::Section& section)
      : f_(Tolerance::Read(section)),
        form_(KrumForm::Read(section)),
        m_(section.AutoInt(
            {.name = "m",
             .help =
                 "Vectors in the mean; auto = n - f - 2 as in the paper, or "
                 "where iterative n - 2f - 2 (n - 2f with neighbors "
                 "n-f-1), at least 1.",
             .unit = "clients"},
            {.min = 1})),
        iterative_(section.Bool(
            {.name = "iterative",
             .help = "Whether the best vector is taken away and the others are "
                     "scored anew, m times."},
            false)) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t declared = f_.Declared(f);
    const std::string obstacle = form_.Obstacle("multi_krum", n, declared);
    if (!obstacle.empty() || !m_) return obstacle;
    // The last choice of the iterative form still needs one neighbour.
    const std::int64_t most = iterative_ ? n - declared - form_.fewer : n;
    if (*m_ <= most) return {};
    return "multi_krum needs n >= " + std::to_string(*m_ + (n - most)) +
           " updates for m = " + std::to_string(*m_) +
           ", found n = " + std::to_string(n) +
           " with f = " + std::to_string(declared);
  }
  bool needs_declared_f() const override { return !f_.given(); }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context& context) const override {
    const std::int64_t n = inputs.size();
    const std::int64_t f = f_.Of(context);
    Combination result;
    result.scores = form_.Scores(geometry, n, f);
    const std::vector<std::int64_t> best =
        iterative_ ? form_.SelectOneByOne(geometry, n, f, Count(n, f))
                   : Smallest(result.scores, Count(n, f));
    result.coefficients = MeanOver(best, geometry.size());
    return result;
  }

 private:
  std::int64_t Count(std::int64_t n, std::int64_t f) const {
    const std::int64_t automatic =
        iterative_ ? n - 2 * f - (form_.fewer == 2 ? 2 : 0) : n - f - 2;
    return std::clamp<std::int64_t>(m_.value_or(automatic), 1, n);
  }

  Tolerance f_;
  KrumForm form_;
  std::optional<std::int64_t> m_;
  bool iterative_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<MultiKrum>(section);
}

}  // namespace

extern const Kind kMultiKrum;
constinit const Kind kMultiKrum{
    .name = "multi_krum",
    .summary = "Mean of the m updates with the smallest Krum scores.",
    .source =
        "Blanchard, El Mhamdi, Guerraoui, Stainer 2017, section 4; "
        "iterative as in Shejwalkar, Houmansadr 2021",
    .preconditions = "n >= 2f + 3; n >= 2f + 1 with neighbors n-f-1; n >= m",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
