// One full-batch gradient per client and round.
//
// Client optimiser, batch size and number of epochs do not apply: the step is
// -lr * (mean gradient over all n_i samples at the global model), so with all
// clients and weights n_i / n a round is one step of centralised gradient
// descent.
// Avoids: a "full batch" with dropout on or of the first batch only (the
// gradient comes from `LocalProblem::FullGradient`).
#include "fedtorch/algorithm/method.h"

namespace fedtorch::algorithm {
namespace {

class FedSgd final : public MethodOf<FedSgd> {
 public:
  template <class Real>
  void Train(ClientContext<Real>& context) const {
    std::vector<Real>& delta = context.update.delta;
    client::LocalResult& result = context.update.result;
    delta.assign(context.global.size(), Real{0});
    result = client::LocalResult{};
    result.lr = context.problem.learning_rate();
    // A mean over no samples is not a number.
    if (context.problem.samples() == 0) return;
    result.loss = context.problem.FullGradient(delta);
    const Real scale = static_cast<Real>(-result.lr);
    for (Real& entry : delta) entry *= scale;
    result.steps = 1;
    result.examples = context.problem.samples();
    result.a_norm = 1.0;
  }

  void Server(ServerContext& context) override {
    context.optimizer.Step(context.model, context.aggregate);
  }
};

std::unique_ptr<Method> Make(config::Section&) {
  return std::make_unique<FedSgd>();
}

}  // namespace

extern const Kind kFedsgd;
constinit const Kind kFedsgd{
    .name = "fedsgd",
    .summary = "Takes one full-batch gradient per client and round.",
    .source =
        "McMahan, Moore, Ramage, Hampson, Aguera y Arcas 2017, "
        "section 2, FederatedSGD",
    .make = Make};

}  // namespace fedtorch::algorithm
