#include "fedtorch/core/stream.h"
#include "fedtorch/partition/class_portions.h"
#include "fedtorch/partition/feasibility.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Splits each class over the clients by its own draw of Dirichlet(alpha 1).
/// Randomness: (seed, "partition.dirichlet.shares", attempt, class) and
/// (seed, "partition.dirichlet.order", class).
class Dirichlet final : public Partitioner {
 public:
  explicit Dirichlet(double alpha) : alpha_(alpha) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "dirichlet");
    ClassLists lists = ListByClass(input.dataset, "dirichlet");
    ClassPortions portions(static_cast<std::size_t>(lists.num_classes()));
    DrawUntilMinimum(
        input,
        "dirichlet",
        "raise alpha (now " + Shortest(alpha_) + ")",
        [&](std::uint64_t attempt) {
          Draw(input, lists, attempt, portions);
          return std::ranges::min(ClientSizes(portions, input.num_clients));
        });
    ShuffleWithinClasses(lists, input.seed, "partition.dirichlet.order");
    return SplitByPortions(lists, portions, input.num_clients);
  }

 private:
  void Draw(const Input& input,
            const ClassLists& lists,
            std::uint64_t attempt,
            ClassPortions& portions) const {
    const std::vector<double> concentration(
        static_cast<std::size_t>(input.num_clients), alpha_);
    tbb::parallel_for(std::size_t{0}, portions.size(), [&](std::size_t label) {
      portions[label].clear();
      const std::int64_t size = lists.SizeOf(static_cast<std::int64_t>(label));
      if (size == 0) return;
      auto stream = core::Stream::Named(
          input.seed, "partition.dirichlet.shares", {attempt, label});
      portions[label] = CutByShares(stream.Dirichlet(concentration), size);
    });
  }

  double alpha_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  return std::make_unique<Dirichlet>(
      ReadAlpha(section,
                "Concentration of each class over the clients; small = each "
                "class sits with few clients."));
}

}  // namespace

extern const Kind kDirichlet;
constinit const Kind kDirichlet{
    .name = "dirichlet",
    .summary =
        "Each class is split over the clients by a draw of "
        "Dirichlet(alpha); sizes are uneven.",
    .source = "Yurochkin et al. 2019, section 4, without size balancing",
    .make = Make};

}  // namespace fedtorch::partition
