#include "fedtorch/core/stream.h"
#include "fedtorch/partition/apportionment.h"
#include "fedtorch/partition/assignment.h"
#include "fedtorch/partition/class_lists.h"
#include "fedtorch/partition/feasibility.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Gives each client a share of randomly drawn samples and fills it up from
/// the others, sorted by class and cut in the order of the clients. Sizes
/// differ by at most 1.
///
/// Randomness: (seed, "partition.similarity") draws positions in the order by
/// class, so that the counts do not depend on how the data set is stored.
class Similarity final : public Partitioner {
 public:
  explicit Similarity(double fraction) : fraction_(fraction) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "similarity");
    const ClassLists lists = ListByClass(input.dataset, "similarity");
    const std::int64_t samples = input.dataset.size();
    const auto mixed = static_cast<std::size_t>(
        std::llround(fraction_ * static_cast<double>(samples)));
    std::vector<std::int64_t> positions(static_cast<std::size_t>(samples));
    std::iota(positions.begin(), positions.end(), std::int64_t{0});
    core::Stream::Named(input.seed, "partition.similarity")
        .Shuffle(std::span(positions));
    std::sort(positions.begin() + static_cast<std::ptrdiff_t>(mixed),
              positions.end());

    const auto sizes = EqualSizes(samples, input.num_clients);
    const auto mixed_sizes =
        EqualSizes(static_cast<std::int64_t>(mixed), input.num_clients);
    std::vector<std::int64_t> client_of_sample(lists.samples.size(), kNobody);
    std::size_t next_mixed = 0;
    std::size_t next_sorted = mixed;
    for (std::size_t client = 0; client < sizes.size(); ++client) {
      for (std::int64_t i = 0; i < sizes[client]; ++i) {
        std::size_t& next = i < mixed_sizes[client] ? next_mixed : next_sorted;
        const auto position = static_cast<std::size_t>(positions[next++]);
        client_of_sample[static_cast<std::size_t>(lists.samples[position])] =
            static_cast<std::int64_t>(client);
      }
    }
    return SplitFromOwners(client_of_sample, input.num_clients);
  }

 private:
  double fraction_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  return std::make_unique<Similarity>(section.Real(
      {.name = "fraction",
       .help = "Share of each client's samples that is drawn at random from "
               "all; the rest is sorted by class."},
      0.1,
      {.min = 0.0, .max = 1.0}));
}

}  // namespace

extern const Kind kSimilarity;
constinit const Kind kSimilarity{
    .name = "similarity",
    .summary =
        "A fraction of each client is random, the rest is sorted by "
        "class; equal sizes.",
    .source = "Karimireddy et al. 2020, SCAFFOLD, section 7; Hsu et al. 2019",
    .make = Make};

}  // namespace fedtorch::partition
