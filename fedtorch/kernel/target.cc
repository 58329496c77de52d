#include "fedtorch/kernel/target.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/target.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

const char* NameOfTarget() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {

HWY_EXPORT(NameOfTarget);

std::string InstructionSet() { return HWY_DYNAMIC_DISPATCH(NameOfTarget)(); }

std::vector<std::string> InstructionSets() {
  std::vector<std::string> names;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    names.emplace_back(hwy::TargetName(target));
  }
  return names;
}

void UseInstructionSet(const std::string& name) {
  // The choice is made anew by Update, not by the next call of a kernel.
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  if (name.empty()) return;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (name == hwy::TargetName(target)) {
      hwy::SetSupportedTargetsForTest(target);
      hwy::GetChosenTarget().Update(hwy::SupportedTargets());
      return;
    }
  }
  FEDTORCH_CHECK(false, "no instruction set " + name);
}

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
