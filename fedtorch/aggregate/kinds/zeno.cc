// Zeno: the updates that lower the loss on the server's samples most, less a
// price for their length.
//
// The paper scores gradients g that are applied as -gamma g. Here an update u
// is what is added, so u = -gamma g: its score is F(w) - F(w + u) - rho |u|^2,
// and a rho of the paper is rho / gamma^2 here.
//
// Avoids: scores that are not numbers. A model whose loss is not finite, as a
// huge update makes it, is worse than any other.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace fedtorch::aggregate {
namespace {

constexpr double kWorst = -1e300;

class Zeno final : public Aggregator {
 public:
  explicit Zeno(config::Section& section)
      : f_(Tolerance::Read(section)),
        b_(section.AutoInt(
            {.name = "b",
             .help = "How many updates it drops, f or more; auto = f.",
             .unit = "clients"},
            {.min = 0})),
        rho_(section.Real(
            {.name = "rho",
             .help = "Price of the squared length of an update; the paper's "
                     "rho divided by the square of its learning rate.",
             .unit = "nats"},
            0.0005,
            {.min = 0.0})) {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    const std::int64_t declared = f_.Declared(f);
    const std::int64_t dropped = b_.value_or(declared);
    const std::string found = ", found n = " + std::to_string(n) +
                              " with f = " + std::to_string(declared) +
                              " and b = " + std::to_string(dropped);
    if (dropped < declared) return "zeno needs b >= f" + found;
    if (n <= dropped) return "zeno needs n > b updates" + found;
    return {};
  }
  bool needs_declared_f() const override { return !f_.given(); }
  bool needs_server_data() const override { return true; }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    FEDTORCH_CHECK(context.server != nullptr, "zeno needs a server's data");
    const auto n = static_cast<std::size_t>(inputs.size());
    const std::vector<double> norms = NormsByValue(inputs);
    const double before = context.server->Loss(
        std::vector<double>(static_cast<std::size_t>(inputs.dimension())));
    std::vector<double> scores;
    std::vector<double> unit(n);
    for (std::size_t i = 0; i < n; ++i) {
      unit[i] = 1.0;
      const double after = context.server->Loss(inputs.Combine(unit));
      unit[i] = 0.0;
      // Where the old model has no loss, the new ones are compared alone.
      const double gain = (std::isfinite(before) ? before : 0.0) - after;
      const double score = gain - rho_ * norms[i] * norms[i];
      scores.push_back(std::isfinite(score) ? std::max(score, kWorst) : kWorst);
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      return scores[a] > scores[b];
    });
    const std::int64_t dropped =
        b_ ? std::max<std::int64_t>(0, *b_ - context.masked) : f_.Of(context);
    const auto kept = static_cast<std::size_t>(
        std::max<std::int64_t>(1, inputs.size() - dropped));
    std::vector<double> coefficients(n);
    for (std::size_t k = 0; k < kept; ++k) {
      coefficients[order[k]] = 1.0 / static_cast<double>(kept);
    }
    return Joined(
        inputs,
        {.coefficients = std::move(coefficients), .scores = std::move(scores)});
  }

 private:
  Tolerance f_;
  std::optional<std::int64_t> b_;
  double rho_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Zeno>(section);
}

}  // namespace

extern const Kind kZeno;
constinit const Kind kZeno{
    .name = "zeno",
    .summary =
        "Mean of the n - b updates that lower the loss on the server's samples "
        "most, with a price on their length.",
    .source = "Xie, Koyejo, Gupta 2019, definition 2 and algorithm 1",
    .preconditions = "n > b >= f; the server has samples",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
