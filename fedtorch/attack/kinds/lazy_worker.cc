// Lazy workers: a client trains when it first takes part and sends that update
// again later, with or without noise on it.
//
// The copy is kept by client id, so that clients that are not sampled neither
// lose nor swap theirs.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/noise.h"

#include <string>

namespace fedtorch::attack {
namespace {

class LazyWorker final : public Attack {
 public:
  explicit LazyWorker(config::Section& section)
      : renew_(section.Int(
            {.name = "renew",
             .help = "It works again each time it has taken part this often; "
                     "0 = it works once.",
             .unit = "participations"},
            0,
            {.min = 0})),
        noise_(section.Real({.name = "noise",
                             .help = "Standard deviation of noise on an "
                                     "update that is sent again."},
                            0.0,
                            {.min = 0.0})) {}

  bool crafts() const override { return true; }
  bool needs_own_updates() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    Crafted crafted;
    scene.own->Visit([&](auto rows) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::int64_t client = scene.clients[i];
        const std::string name = std::to_string(client);
        std::vector<double>& copy = copies_[name];
        std::vector<double>& turns = copies_["turns/" + name];
        if (turns.empty()) turns = {0.0};
        const auto turn = static_cast<std::int64_t>(turns.front());
        turns.front() += 1.0;
        if (turn == 0 || (renew_ > 0 && turn % renew_ == 0)) {
          copy.assign(rows[i], rows[i] + scene.own->dimension);
          crafted.vectors.push_back(copy);
          continue;
        }
        crafted.vectors.push_back(copy);
        if (noise_ > 0.0) {
          AddNormal(scene.seed,
                    scene.round,
                    client,
                    0.0,
                    noise_,
                    crafted.vectors.back());
        }
      }
    });
    return crafted;
  }

  aggregate::State SaveState() const override { return copies_; }
  void LoadState(const aggregate::State& state) override { copies_ = state; }

 private:
  std::int64_t renew_;
  double noise_;
  aggregate::State copies_;  // by client id, and how often it took part
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<LazyWorker>(section);
}

}  // namespace

extern const Kind kLazyWorker;
constinit const Kind kLazyWorker{
    .name = "lazy_worker",
    .summary = "Sends an update of an earlier round again.",
    .source = "after the lazy worker of FedML, copies kept by client id",
    .knowledge = "its own earlier updates",
    .make = Make};

}  // namespace fedtorch::attack
