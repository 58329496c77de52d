#include "fedtorch/partition/class_lists.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/partition/feasibility.h"

#include <tbb/parallel_for.h>

#include <numeric>
#include <string>

namespace fedtorch::partition {

ClassLists ListByClass(const data::Dataset& dataset, std::string_view kind) {
  if (dataset.target_length != 1) {
    ThrowInfeasible(
        kind,
        "a sample of data set '" + dataset.name + "' has " +
            std::to_string(dataset.target_length) +
            " targets (one for each position) and therefore no class; "
            "use iid, natural, quantity_skew or lognormal_quantity");
  }
  ClassLists lists;
  lists.offsets.assign(static_cast<std::size_t>(dataset.num_classes) + 1, 0);
  for (const std::int64_t label : dataset.targets) {
    FEDTORCH_CHECK(label >= 0 && label < dataset.num_classes,
                   "target " + std::to_string(label) + " of " +
                       std::to_string(dataset.num_classes) + " classes");
    ++lists.offsets[static_cast<std::size_t>(label) + 1];
  }
  std::partial_sum(
      lists.offsets.begin(), lists.offsets.end(), lists.offsets.begin());
  std::vector<std::int64_t> next(lists.offsets.begin(),
                                 lists.offsets.end() - 1);
  lists.samples.resize(dataset.targets.size());
  for (std::size_t sample = 0; sample < dataset.targets.size(); ++sample) {
    const auto label = static_cast<std::size_t>(dataset.targets[sample]);
    lists.samples[static_cast<std::size_t>(next[label]++)] =
        static_cast<std::int64_t>(sample);
  }
  return lists;
}

void ShuffleWithinClasses(ClassLists& lists,
                          std::uint64_t seed,
                          std::string_view purpose) {
  tbb::parallel_for(
      std::int64_t{0}, lists.num_classes(), [&](std::int64_t label) {
        core::Stream::Named(seed, purpose, {static_cast<std::uint64_t>(label)})
            .Shuffle(lists.Of(label));
      });
}

}  // namespace fedtorch::partition
