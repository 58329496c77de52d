// FLTrust: updates count as much as they point where the server's own update
// points, all at its length.
//
// Avoids: a division by no trust at all, rows without length, and norms formed
// from inner products with a centre taken off: a row that is tiny beside the
// others would be stretched by their rounding. So values are read, which costs
// O(nd) instead of O(n^2 d).
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fedtorch::aggregate {
namespace {

class FlTrust final : public Aggregator {
 public:
  explicit FlTrust(config::Section& section)
      : uniform_(section.Choice(
                     {.name = "no_trust",
                      .help = "What happens when no update points the server's "
                              "way: keep the old model, or count all alike "
                              "(uniform)."},
                     {"keep", "uniform"},
                     "keep") == "uniform") {}

  bool needs_server_data() const override { return true; }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    FEDTORCH_CHECK(context.server != nullptr, "fltrust needs a server's data");
    const std::vector<double> own = context.server->OwnUpdate();
    double square = 0.0;
    for (const double value : own) square += value * value;
    const double length = std::sqrt(square);
    const std::vector<double> products = Products(inputs, own);
    const std::vector<double> norms = NormsByValue(inputs);
    std::vector<double> trust(norms.size());
    double total = 0.0;
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (norms[i] > 0.0 && length > 0.0) {
        trust[i] = std::clamp(products[i] / norms[i] / length, 0.0, 1.0);
      }
      total += trust[i];
    }
    std::vector<double> scores = trust;
    if (total == 0.0 && uniform_) {
      std::fill(trust.begin(), trust.end(), 1.0);
      total = static_cast<double>(trust.size());
    }
    std::vector<double> coefficients(norms.size());
    for (std::size_t i = 0; i < norms.size(); ++i) {
      if (total == 0.0 || norms[i] == 0.0) continue;
      coefficients[i] = trust[i] / total * (length / norms[i]);
    }
    return Joined(
        inputs,
        {.coefficients = std::move(coefficients), .scores = std::move(scores)});
  }

 private:
  bool uniform_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<FlTrust>(section);
}

}  // namespace

extern const Kind kFltrust;
constinit const Kind kFltrust{
    .name = "fltrust",
    .summary =
        "Mean of the updates at the length of the server's own, weighed by "
        "their cosine to it where that is positive.",
    .source = "Cao, Fang, Liu, Gong 2021, algorithm 2",
    .preconditions = "n >= 1; the server has samples",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
