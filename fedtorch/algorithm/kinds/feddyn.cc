// Dynamic regularisation: each client keeps a dual g_i so that the fixed point
// of the rounds is the optimum of the mean objective,
//   y_i = argmin f_i(y) - <g_i, y> + alpha/2 ||y - x||^2,
//   g_i <- g_i - alpha (y_i - x),   h <- h - alpha/N sum_S (y_i - x),
//   x <- mean_S y_i - h/alpha.
// The change of g_i is summed beside the delta, because h needs a plain sum
// whatever rule and weights combine the deltas; so h is the mean of all N
// stored g_i.
//
// Avoids: penalties on detached tensors (no gradient at all); the un-squared
// norm; a linear term alpha <y, g - x> whose alpha*y is left to a weight decay
// that nobody sets; duals averaged over the participants only; the sign of the
// dual step turned while objective and server keep theirs.
//
// A client drawn several times in a round trains once and moves its g_i once;
// its multiplicity counts in the mean of the models only. The evaluated model
// is x, the server's, not the mean of the clients' models.
#include "fedtorch/algorithm/client_half.h"
#include "fedtorch/algorithm/method.h"
#include "fedtorch/algorithm/server_half.h"

namespace fedtorch::algorithm {
namespace {

constexpr const char* kDual = "dual";
constexpr const char* kDualChange = "dual_change";
constexpr const char* kMeanDual = "mean_dual";

class FedDyn final : public MethodOf<FedDyn> {
 public:
  explicit FedDyn(double alpha) : alpha_(alpha) {}

  template <class Real>
  void Train(ClientContext<Real>& context) const {
    const std::size_t size = context.global.size();
    std::vector<Real> dual = StoredOrZeros(context, kDual);
    std::vector<Real> linear(size);
    for (std::size_t j = 0; j < size; ++j) linear[j] = -dual[j];

    client::Correction<Real> correction;
    correction.prox = alpha_;
    correction.anchor = context.global;
    correction.linear = linear;
    TrainAndFillDelta(context, correction);

    std::vector<Real>& change = context.update.extra[kDualChange];
    change.assign(size, Real{0});
    if (context.update.result.steps == 0) return;
    const std::vector<Real>& delta = context.update.delta;
    const Real alpha = static_cast<Real>(alpha_);
    for (std::size_t j = 0; j < size; ++j) {
      change[j] = -alpha * delta[j];
      dual[j] += change[j];
    }
    context.update.state[kDual] = std::move(dual);
  }

  void Server(ServerContext& context) override {
    AddChangeOverAllClients(context, kDualChange, mean_dual_);
    std::vector<double> direction(context.aggregate.begin(),
                                  context.aggregate.end());
    for (std::size_t j = 0; j < direction.size(); ++j) {
      direction[j] -= mean_dual_[j] / alpha_;
    }
    context.optimizer.Step(context.model, direction);
  }

  std::vector<std::string> state_names() const override { return {kDual}; }
  std::vector<std::string> extra_names() const override {
    return {kDualChange};
  }
  // It is -alpha * delta, so a server takes it from the delta.
  std::int64_t num_extras_sent() const override { return 0; }
  aggregate::Weighting default_weighting() const override {
    return aggregate::Weighting::kUniform;
  }

  void Start(std::size_t dimension) override {
    mean_dual_.assign(dimension, 0.0);
  }
  server::State SaveState() const override { return {{kMeanDual, mean_dual_}}; }
  void LoadState(const server::State& state) override {
    mean_dual_ = Restored(state, "feddyn", kMeanDual, mean_dual_.size());
  }

 private:
  double alpha_;
  std::vector<double> mean_dual_;  // h
};

std::unique_ptr<Method> Make(config::Section& section) {
  const double alpha = section.Real(
      {.name = "alpha",
       .help = "Strength of the dynamic regulariser; the local work must "
               "suffice to come near the regularised optimum, and clipped "
               "gradients keep late rounds stable."},
      0.01,
      {.min = 0.0, .open_min = true});
  return std::make_unique<FedDyn>(alpha);
}

}  // namespace

extern const Kind kFeddyn;
constinit const Kind kFeddyn{
    .name = "feddyn",
    .summary =
        "Aligns local optima with the global one by a dual vector per "
        "client.",
    .source =
        "Acar, Zhao, Matas Navarro, Mattina, Whatmough, Saligrama 2021, "
        "algorithm 1",
    .make = Make};

}  // namespace fedtorch::algorithm
