#include "fedtorch/core/stream.h"
#include "fedtorch/partition/class_portions.h"
#include "fedtorch/partition/feasibility.h"

#include <algorithm>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Splits each class in turn over the clients that hold fewer than n / N
/// samples so far. Later classes find fewer clients open and are more skewed,
/// so the order of the classes matters.
///
/// The published code draws for all clients and renormalises over the open
/// ones. Drawing for the open ones alone has the same distribution, since the
/// renormalised rest of a Dirichlet vector is again Dirichlet, and cannot end
/// in 0 / 0. Randomness: (seed, "partition.dirichlet_balanced.shares", attempt,
/// class) and (seed, "partition.dirichlet_balanced.order", class).
class DirichletBalanced final : public Partitioner {
 public:
  explicit DirichletBalanced(double alpha) : alpha_(alpha) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "dirichlet_balanced");
    ClassLists lists = ListByClass(input.dataset, "dirichlet_balanced");
    ClassPortions portions(static_cast<std::size_t>(lists.num_classes()));
    DrawUntilMinimum(input,
                     "dirichlet_balanced",
                     "raise alpha (now " + Shortest(alpha_) + ")",
                     [&](std::uint64_t attempt) {
                       return Draw(input, lists, attempt, portions);
                     });
    ShuffleWithinClasses(
        lists, input.seed, "partition.dirichlet_balanced.order");
    return SplitByPortions(lists, portions, input.num_clients);
  }

 private:
  /// Returns the size of the smallest client.
  std::int64_t Draw(const Input& input,
                    const ClassLists& lists,
                    std::uint64_t attempt,
                    ClassPortions& portions) const {
    const double fair_size = static_cast<double>(input.dataset.size()) /
                             static_cast<double>(input.num_clients);
    std::vector<std::int64_t> sizes(static_cast<std::size_t>(input.num_clients),
                                    0);
    std::vector<double> concentration(sizes.size());
    for (std::size_t label = 0; label < portions.size(); ++label) {
      portions[label].clear();
      const std::int64_t size = lists.SizeOf(static_cast<std::int64_t>(label));
      if (size == 0) continue;
      for (std::size_t client = 0; client < sizes.size(); ++client) {
        const bool open = static_cast<double>(sizes[client]) < fair_size;
        concentration[client] = open ? alpha_ : 0.0;
      }
      auto stream = core::Stream::Named(
          input.seed, "partition.dirichlet_balanced.shares", {attempt, label});
      portions[label] = CutByShares(stream.Dirichlet(concentration), size);
      for (const Portion& portion : portions[label]) {
        sizes[static_cast<std::size_t>(portion.client)] += portion.count;
      }
    }
    return std::ranges::min(sizes);
  }

  double alpha_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  return std::make_unique<DirichletBalanced>(
      ReadAlpha(section,
                "Concentration of each class over the clients that are not yet "
                "full; small = each class sits with few clients."));
}

}  // namespace

extern const Kind kDirichletBalanced;
constinit const Kind kDirichletBalanced{
    .name = "dirichlet_balanced",
    .summary =
        "As dirichlet, but a client that holds its fair share gets "
        "nothing of later classes; sizes are less uneven.",
    .source = "Wang et al. 2020, FedMA, and Li et al. 2022, NIID-Bench, code",
    .make = Make};

}  // namespace fedtorch::partition
