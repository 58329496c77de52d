#include "fedtorch/core/stream.h"
#include "fedtorch/partition/apportionment.h"
#include "fedtorch/partition/class_lists.h"
#include "fedtorch/partition/class_portions.h"
#include "fedtorch/partition/feasibility.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::partition {
namespace {

/// Gives client i the class i mod K and k - 1 random others, and divides each
/// class evenly among its holders. K counts the classes that have samples.
///
/// With fewer clients than classes, the classes that i mod K does not reach
/// are dealt out first, so that every class has a holder whenever N * k >= K;
/// below that the classes without holder stay unassigned.
/// Randomness: (seed, "partition.labels_k." + "classes", attempt, client |
/// "uncovered", attempt | "order", class).
class LabelsK final : public Partitioner {
 public:
  explicit LabelsK(std::int64_t classes_per_client)
      : classes_per_client_(static_cast<std::size_t>(classes_per_client)) {}

  Split Partition(const Input& input) const override {
    RequireRoom(input, "labels_k");
    ClassLists lists = ListByClass(input.dataset, "labels_k");
    std::vector<std::size_t> present;
    for (std::int64_t label = 0; label < lists.num_classes(); ++label) {
      if (lists.SizeOf(label) > 0) {
        present.push_back(static_cast<std::size_t>(label));
      }
    }
    if (classes_per_client_ > present.size()) {
      ThrowInfeasible(
          "labels_k",
          "expected classes_per_client <= " + std::to_string(present.size()) +
              ", the number of classes of data set '" + input.dataset.name +
              "', found " + std::to_string(classes_per_client_));
    }
    ClassPortions portions;
    DrawUntilMinimum(
        input,
        "labels_k",
        "change classes_per_client (now " +
            std::to_string(classes_per_client_) + ")",
        [&](std::uint64_t attempt) {
          portions = Divide(lists, Draw(input, present, attempt));
          return std::ranges::min(ClientSizes(portions, input.num_clients));
        });
    ShuffleWithinClasses(lists, input.seed, "partition.labels_k.order");
    return SplitByPortions(lists, portions, input.num_clients);
  }

 private:
  /// Returns the classes of each client.
  std::vector<std::vector<std::size_t>> Draw(
      const Input& input,
      const std::vector<std::size_t>& present,
      std::uint64_t attempt) const {
    std::vector<std::vector<std::size_t>> classes(
        static_cast<std::size_t>(input.num_clients));
    for (std::size_t client = 0; client < classes.size(); ++client) {
      classes[client].push_back(present[client % present.size()]);
    }
    DealUncovered(input, present, attempt, classes);
    for (std::size_t client = 0; client < classes.size(); ++client) {
      std::vector<std::size_t> others;
      for (const std::size_t label : present) {
        if (std::ranges::find(classes[client], label) ==
            classes[client].end()) {
          others.push_back(label);
        }
      }
      auto stream = core::Stream::Named(
          input.seed, "partition.labels_k.classes", {attempt, client});
      stream.Shuffle(std::span(others));
      const std::size_t missing = classes_per_client_ - classes[client].size();
      classes[client].insert(
          classes[client].end(),
          others.begin(),
          others.begin() + static_cast<std::ptrdiff_t>(missing));
    }
    return classes;
  }

  /// Deals the classes beyond the number of clients in rotation, as far as
  /// the clients have room.
  void DealUncovered(const Input& input,
                     const std::vector<std::size_t>& present,
                     std::uint64_t attempt,
                     std::vector<std::vector<std::size_t>>& classes) const {
    if (classes.size() >= present.size()) return;
    std::vector<std::size_t> uncovered(
        present.begin() + static_cast<std::ptrdiff_t>(classes.size()),
        present.end());
    core::Stream::Named(input.seed, "partition.labels_k.uncovered", {attempt})
        .Shuffle(std::span(uncovered));
    for (std::size_t i = 0; i < uncovered.size(); ++i) {
      auto& of_client = classes[i % classes.size()];
      if (of_client.size() < classes_per_client_) {
        of_client.push_back(uncovered[i]);
      }
    }
  }

  static ClassPortions Divide(
      const ClassLists& lists,
      const std::vector<std::vector<std::size_t>>& classes) {
    std::vector<std::vector<std::int64_t>> holders(
        static_cast<std::size_t>(lists.num_classes()));
    for (std::size_t client = 0; client < classes.size(); ++client) {
      for (const std::size_t label : classes[client]) {
        holders[label].push_back(static_cast<std::int64_t>(client));
      }
    }
    ClassPortions portions(holders.size());
    for (std::size_t label = 0; label < holders.size(); ++label) {
      if (holders[label].empty()) continue;
      const auto counts =
          EqualSizes(lists.SizeOf(static_cast<std::int64_t>(label)),
                     std::ssize(holders[label]));
      for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i] > 0) {
          portions[label].push_back({holders[label][i], counts[i]});
        }
      }
    }
    return portions;
  }

  std::size_t classes_per_client_;
};

std::unique_ptr<Partitioner> Make(config::Section& section) {
  return std::make_unique<LabelsK>(section.Int(
      {.name = "classes_per_client",
       .help = "Number of classes that each client has.",
       .unit = "classes",
       .aliases = {"num_classes_per_partition", "class_per_client"}},
      2,
      {.min = 1}));
}

}  // namespace

extern const Kind kLabelsK;
constinit const Kind kLabelsK{
    .name = "labels_k",
    .summary =
        "Each client has a fixed number of classes; each class is "
        "divided evenly among its holders.",
    .source = "Li et al. 2022, NIID-Bench, #label = k, code",
    .make = Make};

}  // namespace fedtorch::partition
