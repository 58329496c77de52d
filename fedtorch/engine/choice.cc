#include "fedtorch/core/errors.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/kernel/target.h"

namespace fedtorch::engine {

std::string_view ToText(EngineChoice choice) {
  switch (choice) {
    case EngineChoice::kAuto:
      return "auto";
    case EngineChoice::kAutograd:
      return "autograd";
    case EngineChoice::kPlan:
      return "plan";
  }
  return "";
}

EngineFacts ChooseEngine(const model::Network& network,
                         model::BufferPolicy policy,
                         EngineChoice choice) {
  if (choice == EngineChoice::kAutograd) {
    return {.name = "autograd",
            .reason = "runtime.engine says so",
            .instruction_set = DescribeLibrary().cpu_capability};
  }
  const std::string obstacle = PlanObstacle(network, policy);
  if (obstacle.empty()) {
    return {.name = "plan",
            .reason = choice == EngineChoice::kPlan
                          ? "runtime.engine says so"
                          : "every layer of the model has a plan",
            .instruction_set = kernel::InstructionSet()};
  }
  if (choice == EngineChoice::kPlan) {
    throw core::ConfigError("runtime.engine: plan cannot train this model: " +
                            obstacle + "; use auto or autograd");
  }
  return {.name = "autograd",
          .reason = obstacle,
          .instruction_set = DescribeLibrary().cpu_capability};
}

std::unique_ptr<Session> MakeSession(const model::Network& network,
                                     model::BufferPolicy policy,
                                     EngineChoice choice) {
  if (ChooseEngine(network, policy, choice).name == "plan") {
    return MakePlanSession<float>(network, policy);
  }
  return MakeAutogradSession<float>(network, policy);
}

}  // namespace fedtorch::engine
