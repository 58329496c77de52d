// Federated averaging: local training from the global model, and the weighted
// mean of what came back.
//
// Avoids: a mean over raw weights, which drags along what must not be averaged
// (everything here is a delta); weights hidden in the method (n_i or uniform
// is the config's choice, and uniform sampling with renormalised n_i is biased
// towards neither objective the user may have in mind, so it is recorded).
#include "fedtorch/algorithm/client_half.h"
#include "fedtorch/algorithm/method.h"

namespace fedtorch::algorithm {
namespace {

class FedAvg final : public MethodOf<FedAvg> {
 public:
  template <class Real>
  void Train(ClientContext<Real>& context) const {
    TrainAndLeaveDelta(context, client::Correction<Real>{});
  }

  void Server(ServerContext& context) override {
    context.optimizer.Step(context.model, context.aggregate);
  }
};

std::unique_ptr<Method> Make(config::Section&) {
  return std::make_unique<FedAvg>();
}

}  // namespace

extern const Kind kFedavg;
constinit const Kind kFedavg{
    .name = "fedavg",
    .summary = "Averages the models that the clients trained locally.",
    .source =
        "McMahan, Moore, Ramage, Hampson, Aguera y Arcas 2017, "
        "algorithm 1",
    .make = Make};

}  // namespace fedtorch::algorithm
