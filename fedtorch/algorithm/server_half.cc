#include "fedtorch/algorithm/server_half.h"

#include "fedtorch/core/errors.h"

#include <cstddef>

namespace fedtorch::algorithm {

void AddChangeOverAllClients(const ServerContext& context,
                             const std::string& name,
                             std::span<double> mean) {
  const auto found = context.extra_sums.find(name);
  if (found == context.extra_sums.end()) return;
  const std::vector<double>& sum = found->second;
  FEDTORCH_CHECK(sum.size() == mean.size(),
                 "the sum of '" + name + "' has the wrong size");
  FEDTORCH_CHECK(context.num_clients > 0, "there are no clients");
  const double clients = static_cast<double>(context.num_clients);
  for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += sum[j] / clients;
}

std::vector<double> Restored(const server::State& state,
                             std::string_view kind,
                             const std::string& name,
                             std::size_t size) {
  const std::string where =
      "checkpoint of method '" + std::string(kind) + "': ";
  const auto found = state.find(name);
  if (found == state.end()) {
    throw core::RunError(where + "the vector '" + name +
                         "' is missing; was it written by another method?");
  }
  if (found->second.size() != size) {
    throw core::RunError(
        where + "the vector '" + name + "' has the wrong size: expected " +
        std::to_string(size) + ", found " +
        std::to_string(found->second.size()) +
        "; resume with the model that the checkpoint was written for");
  }
  return found->second;
}

}  // namespace fedtorch::algorithm
