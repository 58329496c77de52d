#include "fedtorch/core/errors.h"
#include "fedtorch/server/saved_state.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

namespace fedtorch::server {
namespace {

struct Options {
  double lr = 1.0;
  double momentum = 0.9;
  bool nesterov = false;
  /// What a new delta counts: 1 in the form of PyTorch, 1 - momentum where the
  /// velocity is a moving average.
  double gain = 1.0;
};

/// Steps v <- momentum v + gain delta; x <- x + lr v, or with nesterov
/// x <- x + lr (momentum v + gain delta). Cost: 8 bytes a coordinate.
class Momentum final : public Optimizer {
 public:
  explicit Momentum(const Options& options) : options_(options) {}

  void Step(std::span<double> model, std::span<const double> delta) override {
    if (velocity_.empty()) velocity_.assign(model.size(), 0.0);
    FEDTORCH_CHECK(
        model.size() == velocity_.size() && delta.size() == velocity_.size(),
        "the model changed its size");
    const auto [lr, momentum, nesterov, gain] = options_;
    tbb::parallel_for(
        tbb::blocked_range<std::size_t>(0, model.size(), 4096),
        [&, lr = lr, momentum = momentum, nesterov = nesterov, gain = gain](
            const tbb::blocked_range<std::size_t>& range) {
          for (std::size_t i = range.begin(); i < range.end(); ++i) {
            const double news = gain * delta[i];
            velocity_[i] = momentum * velocity_[i] + news;
            model[i] +=
                lr * (nesterov ? momentum * velocity_[i] + news : velocity_[i]);
          }
        });
  }

  State SaveState() const override { return {{"velocity", velocity_}}; }

  void LoadState(const State& state) override {
    RequireNames(state, "momentum", {"velocity"});
    RequireSize(state, "momentum", "velocity", velocity_.size());
    velocity_ = state.at("velocity");
  }

 private:
  Options options_;
  std::vector<double> velocity_;
};

std::unique_ptr<Optimizer> Make(config::Section& section) {
  Options options;
  options.lr = section.Real({.name = "lr",
                             .help = "Server learning rate.",
                             .aliases = {"learning_rate"}},
                            1.0,
                            {.min = 0.0, .open_min = true});
  options.momentum = section.Real(
      {.name = "momentum",
       .help = "Share of the velocity that is kept from round to round.",
       .aliases = {"beta", "server_momentum"}},
      0.9,
      {.min = 0.0, .max = 1.0, .open_max = true});
  options.nesterov = section.Bool(
      {.name = "nesterov",
       .help = "Look one step ahead, as FedAvgM of Hsu et al. does."},
      false);
  const std::string form = section.Choice(
      {.name = "form",
       .help = "pytorch = v <- momentum v + delta; ema = v <- momentum v + "
               "(1 - momentum) delta, whose steps are 1/(1 - momentum) times "
               "shorter.",
       .aliases = {"momentum_form"}},
      {"pytorch", "ema"},
      "pytorch");
  if (form == "ema") options.gain = 1.0 - options.momentum;
  return std::make_unique<Momentum>(options);
}

}  // namespace

extern const Kind kMomentum;
constinit const Kind kMomentum{
    .name = "momentum",
    .summary = "Adds up past updates with a decay (FedAvgM).",
    .source = "Hsu et al. 2019, section 4.3",
    .make = Make};

}  // namespace fedtorch::server
