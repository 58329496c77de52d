#include "fedtorch/core/errors.h"
#include "fedtorch/server/saved_state.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

namespace fedtorch::server {
namespace {

/// Steps x <- x + lr delta. Holds no state. Threads: parallel inside, each
/// coordinate on its own.
class Sgd final : public Optimizer {
 public:
  explicit Sgd(double lr) : lr_(lr) {}

  void Step(std::span<double> model, std::span<const double> delta) override {
    FEDTORCH_CHECK(model.size() == delta.size(), "sizes differ");
    tbb::parallel_for(tbb::blocked_range<std::size_t>(0, model.size(), 4096),
                      [&](const tbb::blocked_range<std::size_t>& range) {
                        for (std::size_t i = range.begin(); i < range.end();
                             ++i) {
                          model[i] += lr_ * delta[i];
                        }
                      });
  }

  State SaveState() const override { return {}; }

  void LoadState(const State& state) override {
    RequireNames(state, "sgd", {});
  }

 private:
  double lr_;
};

std::unique_ptr<Optimizer> Make(config::Section& section) {
  return std::make_unique<Sgd>(section.Real(
      {.name = "lr",
       .help = "Server learning rate; 1 = the mean of the clients' models.",
       .aliases = {"learning_rate"}},
      1.0,
      {.min = 0.0, .open_min = true}));
}

}  // namespace

extern const Kind kSgd;
constinit const Kind kSgd{
    .name = "sgd",
    .summary = "Moves by lr times the aggregated update.",
    .source = "McMahan et al. 2017 (lr 1); Reddi et al. 2021, algorithm 1",
    .make = Make};

}  // namespace fedtorch::server
