#include "fedtorch/partition/class_portions.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/partition/assignment.h"

namespace fedtorch::partition {

std::vector<std::int64_t> ClientSizes(const ClassPortions& portions,
                                      std::int64_t num_clients) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(num_clients), 0);
  for (const std::vector<Portion>& of_class : portions) {
    for (const Portion& portion : of_class) {
      sizes[static_cast<std::size_t>(portion.client)] += portion.count;
    }
  }
  return sizes;
}

Split SplitByPortions(const ClassLists& lists,
                      const ClassPortions& portions,
                      std::int64_t num_clients) {
  std::vector<std::int64_t> client_of_sample(lists.samples.size(), kNobody);
  for (std::size_t label = 0; label < portions.size(); ++label) {
    const auto samples = lists.Of(static_cast<std::int64_t>(label));
    std::size_t next = 0;
    for (const Portion& portion : portions[label]) {
      for (std::int64_t i = 0; i < portion.count; ++i, ++next) {
        FEDTORCH_CHECK(next < samples.size(), "portions exceed the class");
        client_of_sample[static_cast<std::size_t>(samples[next])] =
            portion.client;
      }
    }
  }
  return SplitFromOwners(client_of_sample, num_clients);
}

double ReadAlpha(config::Section& section, std::string_view help) {
  // The range keeps logarithms of Gamma draws finite at one end and sums of
  // concentrations exact at the other; both ends behave like the limits.
  return section.Real({.name = "alpha",
                       .help = help,
                       .aliases = {"beta",
                                   "concentration",
                                   "dirichlet_alpha",
                                   "partition_alpha"}},
                      0.5,
                      {.min = 1e-6, .max = 1e9});
}

}  // namespace fedtorch::partition
