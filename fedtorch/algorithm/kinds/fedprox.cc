// A proximal term keeps the local model near the global one: the client
// minimises f_i(y) + mu/2 ||y - x||^2.
//
// Avoids: the un-squared norm (its gradient has length mu/2 at any distance;
// ours is mu * (y - x)); a penalty on detached tensors, whose gradient is 0;
// the proximal term accumulated in the data gradient's buffer by aliasing;
// a change of the straggler policy together with mu (that is a key of its own,
// so mu = 0 is fedavg to the bit).
#include "fedtorch/algorithm/client_half.h"
#include "fedtorch/algorithm/method.h"

namespace fedtorch::algorithm {
namespace {

class FedProx final : public MethodOf<FedProx> {
 public:
  explicit FedProx(double mu) : mu_(mu) {}

  template <class Real>
  void Train(ClientContext<Real>& context) const {
    client::Correction<Real> correction;
    correction.prox = mu_;
    correction.anchor = context.global;
    TrainAndLeaveDelta(context, correction);
  }

  void Server(ServerContext& context) override {
    context.optimizer.Step(context.model, context.aggregate);
  }

 private:
  double mu_;
};

std::unique_ptr<Method> Make(config::Section& section) {
  const double mu = section.Real(
      {.name = "mu",
       .help = "Strength of the pull towards the global model; 0 is fedavg. "
               "There is no universal value: try 0.001, 0.01, 0.1, 0.5, 1.",
       .aliases = {"proximal_mu"}},
      std::nullopt,
      {.min = 0.0});
  return std::make_unique<FedProx>(mu);
}

}  // namespace

extern const Kind kFedprox;
constinit const Kind kFedprox{
    .name = "fedprox",
    .summary =
        "Fedavg with a proximal term that keeps local models near the "
        "global one.",
    .source =
        "Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith 2020, algorithm 2, "
        "equation 2",
    .make = Make};

}  // namespace fedtorch::algorithm
