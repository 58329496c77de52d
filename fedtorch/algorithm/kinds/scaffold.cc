// Control variates cancel the drift of local training: a client steps along
// g_i(y) - c_i + c, where c_i estimates its own gradient and c the mean one.
//
// Option 1: c_i+ = grad f_i(x), an extra pass over the client's data.
// Option 2: c_i+ = c_i - c + (x - y) / (||a_i||_1 lr). With plain SGD
// ||a_i||_1 is the number of steps K, as in the paper. The correction is part
// of the gradient, so it goes through the momentum buffer; then dividing by
// ||a_i||_1 gives back a weighted mean of the local gradients, while dividing
// by K diverges, and a correction beside the momentum leaves a bias.
//
// Avoids: the sign of c_i turned by writing it for after-minus-before
// differences; c_i that starts elsewhere than c; c_i that is computed and never
// stored; the change of c divided by S instead of N (server_half.h); a learning
// rate read after the schedule has moved on (LocalResult::lr is that of the
// first step, and ||a_i||_1 knows the schedule); one K for clients of unequal
// work; an n_i-weighted model mean beside a uniform mean of c.
//
// A client drawn several times in a round trains once and changes its c_i
// once; its multiplicity counts in the mean of the models only. A client that
// took no step keeps its c_i.
#include "fedtorch/algorithm/client_half.h"
#include "fedtorch/algorithm/method.h"
#include "fedtorch/algorithm/server_half.h"

namespace fedtorch::algorithm {
namespace {

constexpr const char* kControl = "control";
constexpr const char* kControlChange = "control_change";

class Scaffold final : public MethodOf<Scaffold> {
 public:
  explicit Scaffold(std::int64_t option) : option_(option) {}

  template <class Real>
  void Train(ClientContext<Real>& context) const {
    const std::size_t size = context.global.size();
    const std::span<const Real> mean_control = Received(context, kControl);
    std::vector<Real> control = StoredOrZeros(context, kControl);
    std::vector<Real> linear(size);
    for (std::size_t j = 0; j < size; ++j) {
      linear[j] = mean_control[j] - control[j];
    }
    std::vector<Real> renewed(size);
    if (option_ == 1) context.problem.FullGradient(renewed);

    client::Correction<Real> correction;
    correction.linear = linear;
    TrainAndFillDelta(context, correction);

    std::vector<Real>& change = context.update.extra[kControlChange];
    change.assign(size, Real{0});
    const client::LocalResult& result = context.update.result;
    const double travel = result.a_norm * result.lr;
    if (result.steps == 0 || travel == 0.0) return;
    if (option_ == 2) {
      const std::vector<Real>& delta = context.update.delta;
      const Real scale = static_cast<Real>(1.0 / travel);
      for (std::size_t j = 0; j < size; ++j) {
        renewed[j] = -linear[j] - delta[j] * scale;
      }
    }
    for (std::size_t j = 0; j < size; ++j) {
      change[j] = renewed[j] - control[j];
    }
    context.update.state[kControl] = std::move(renewed);
  }

  void Server(ServerContext& context) override {
    context.optimizer.Step(context.model, context.aggregate);
    AddChangeOverAllClients(context, kControlChange, control_);
  }

  std::vector<std::string> state_names() const override { return {kControl}; }
  std::vector<std::string> extra_names() const override {
    return {kControlChange};
  }
  std::map<std::string, std::vector<double>> Broadcast() const override {
    return {{kControl, control_}};
  }
  aggregate::Weighting default_weighting() const override {
    return aggregate::Weighting::kUniform;
  }

  void Start(std::size_t dimension) override {
    control_.assign(dimension, 0.0);
  }
  server::State SaveState() const override { return {{kControl, control_}}; }
  void LoadState(const server::State& state) override {
    control_ = Restored(state, "scaffold", kControl, control_.size());
  }

 private:
  std::int64_t option_;
  std::vector<double> control_;  // c, the mean of all N stored c_i
};

std::unique_ptr<Method> Make(config::Section& section) {
  const std::int64_t option = section.Int(
      {.name = "option",
       .help = "How a client renews its control variate: 1 = full gradient at "
               "the global model (an extra pass over its data), 2 = from its "
               "own local steps."},
      2,
      {.min = 1, .max = 2});
  return std::make_unique<Scaffold>(option);
}

}  // namespace

extern const Kind kScaffold;
constinit const Kind kScaffold{
    .name = "scaffold",
    .summary =
        "Corrects client drift with control variates on clients and "
        "server.",
    .source =
        "Karimireddy, Kale, Mohri, Reddi, Stich, Suresh 2020, "
        "algorithm 1; momentum by ||a||_1 of Wang et al. 2020",
    .make = Make};

}  // namespace fedtorch::algorithm
