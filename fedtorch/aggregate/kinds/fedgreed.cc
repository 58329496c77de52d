// FedGreed: clients by the loss of their models on the server's samples, and
// as many of the first as lower the loss of their mean.
//
// Avoids: models without a finite loss, as huge updates make them. They come
// last and never enter; when there are no others the old model stays.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace fedtorch::aggregate {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

class FedGreed final : public Aggregator {
 public:
  bool needs_server_data() const override { return true; }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    FEDTORCH_CHECK(context.server != nullptr, "fedgreed needs a server's data");
    const auto n = static_cast<std::size_t>(inputs.size());
    const auto loss = [&](const std::vector<double>& update) {
      const double value = context.server->Loss(update);
      return std::isfinite(value) ? value : kNever;
    };
    std::vector<double> losses;
    std::vector<double> unit(n);
    for (std::size_t i = 0; i < n; ++i) {
      unit[i] = 1.0;
      losses.push_back(loss(inputs.Combine(unit)));
      unit[i] = 0.0;
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
      return losses[a] < losses[b];
    });
    // The best of the means seen until the loss rises for the first time.
    std::size_t best = 0;
    double least = kNever;
    double last = kNever;
    std::vector<double> coefficients(n);
    for (std::size_t count = 1; count <= n; ++count) {
      if (losses[order[count - 1]] == kNever) break;
      for (std::size_t k = 0; k < count; ++k) {
        coefficients[order[k]] = 1.0 / static_cast<double>(count);
      }
      const double now =
          count == 1 ? losses[order[0]] : loss(inputs.Combine(coefficients));
      if (now > last) break;
      if (now < least) {
        least = now;
        best = count;
      }
      last = now;
    }
    std::fill(coefficients.begin(), coefficients.end(), 0.0);
    for (std::size_t k = 0; k < best; ++k) {
      coefficients[order[k]] = 1.0 / static_cast<double>(best);
    }
    Result result = Joined(inputs, {.coefficients = std::move(coefficients)});
    for (const double value : losses) {
      result.scores.push_back(std::min(value, 1e300));
    }
    return result;
  }
};

std::unique_ptr<Aggregator> Make(config::Section& /*section*/) {
  return std::make_unique<FedGreed>();
}

}  // namespace

extern const Kind kFedgreed;
constinit const Kind kFedgreed{
    .name = "fedgreed",
    .summary =
        "Mean of the updates with the least loss on the server's samples, as "
        "many as keep lowering the loss of that mean.",
    .source = "Kritharakis, Jakovetic, Makris, Tserpes 2025, algorithm 1",
    .preconditions = "n >= 1; the server has samples",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
