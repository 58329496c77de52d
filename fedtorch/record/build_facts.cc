#include "fedtorch/record/manifest.h"
#include "fedtorch/version.h"

#include <string_view>

namespace fedtorch::record {

BuildFacts DescribeBuild() {
  constexpr std::string_view kModified = "-dirty";
  std::string revision = FEDTORCH_GIT_REVISION;
  const bool modified = revision.ends_with(kModified);
  if (modified) revision.resize(revision.size() - kModified.size());
  return {.version = FEDTORCH_VERSION,
          .revision = revision,
          .modified = modified,
          .compiler = FEDTORCH_COMPILER,
          .flags = FEDTORCH_CXX_FLAGS,
          .type = FEDTORCH_BUILD_TYPE};
}

}  // namespace fedtorch::record
