#pragma once

#include <string>
#include <vector>

namespace fedtorch::kernel {

/// Names the instruction set in use: "AVX3" (AVX-512), "AVX2", "NEON" or
/// "SCALAR", the best that was compiled in and that the processor has.
std::string InstructionSet();

/// Names all that were compiled in and run here, best first.
std::vector<std::string> InstructionSets();

/// Makes every kernel use one of `InstructionSets()` from now on, or the best
/// again for an empty name. For tests; not while kernels run.
void UseInstructionSet(const std::string& name);

}  // namespace fedtorch::kernel
