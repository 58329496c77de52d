#include "fedtorch/core/errors.h"
#include "fedtorch/engine/session.h"

namespace fedtorch::engine {

std::string PlanObstacle(const model::Network&, model::BufferPolicy) {
  return "no layer has a plan yet";
}

template <class Real>
std::unique_ptr<BasicSession<Real>> MakePlanSession(
    const model::Network& network, model::BufferPolicy policy) {
  FEDTORCH_CHECK(false, PlanObstacle(network, policy));
  return nullptr;
}

template std::unique_ptr<BasicSession<float>> MakePlanSession(
    const model::Network&, model::BufferPolicy);
template std::unique_ptr<BasicSession<double>> MakePlanSession(
    const model::Network&, model::BufferPolicy);

}  // namespace fedtorch::engine
