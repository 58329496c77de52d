// Normalised averaging: clients send their movement per unit of local work,
// d_i = delta_i / ||a_i||_1, and the server walks tau_eff units along the mean
//   x <- x + tau_eff * sum_i p_i d_i,   tau_eff = sum_i p_i ||a_i||_1,
// so that clients with more steps do not pull harder.
//
// tau_eff is the mean of ||a_i||_1 under the weights of the round divided by
// their sum, so weights that are not normalised scale the step once, not
// twice. Clients that took no step send zeros and are left out of tau_eff:
// with equal work elsewhere the round is then that of fedavg.
//
// Avoids: the number of steps in place of ||a_i||_1, which misses the optimum
// under momentum; a server step of N/S times the mean; a proximal term inside
// the momentum's own buffer. With very unequal clients tau_eff is set by those
// with the most work, hence the diagnostics.
#include "fedtorch/algorithm/client_half.h"
#include "fedtorch/algorithm/method.h"

#include <algorithm>

namespace fedtorch::algorithm {
namespace {

class FedNova final : public MethodOf<FedNova> {
 public:
  template <class Real>
  void Train(ClientContext<Real>& context) const {
    TrainAndFillDelta(context, client::Correction<Real>{});
    const double a_norm = context.update.result.a_norm;
    if (context.update.result.steps == 0 || a_norm == 0.0) return;
    const Real scale = static_cast<Real>(1.0 / a_norm);
    for (Real& entry : context.update.delta) entry *= scale;
    context.update.delta_norm.reset();
  }

  void Server(ServerContext& context) override {
    double weight_sum = 0.0;
    double work_sum = 0.0;
    diagnostics_.clear();
    for (const Contribution& contribution : context.cohort) {
      const double a_norm = contribution.result.a_norm;
      if (contribution.result.steps == 0 || a_norm == 0.0) continue;
      weight_sum += contribution.weight;
      work_sum += contribution.weight * a_norm;
      const auto least =
          diagnostics_.try_emplace("algorithm/a_norm_min", a_norm).first;
      least->second = std::min(least->second, a_norm);
      const auto most =
          diagnostics_.try_emplace("algorithm/a_norm_max", a_norm).first;
      most->second = std::max(most->second, a_norm);
    }
    const double tau_eff = weight_sum > 0.0 ? work_sum / weight_sum : 0.0;
    diagnostics_["algorithm/tau_eff"] = tau_eff;
    std::vector<double> direction(context.aggregate.begin(),
                                  context.aggregate.end());
    for (double& entry : direction) entry *= tau_eff;
    context.optimizer.Step(context.model, direction);
  }

  std::map<std::string, double> Diagnostics() const override {
    return diagnostics_;
  }

 private:
  std::map<std::string, double> diagnostics_;  // of the last round
};

std::unique_ptr<Method> Make(config::Section&) {
  return std::make_unique<FedNova>();
}

}  // namespace

extern const Kind kFednova;
constinit const Kind kFednova{
    .name = "fednova",
    .summary =
        "Averages movements per unit of local work, so that unequal "
        "work does not bias the optimum.",
    .source = "Wang, Liu, Liang, Joshi, Poor 2020, section 4",
    .make = Make};

}  // namespace fedtorch::algorithm
