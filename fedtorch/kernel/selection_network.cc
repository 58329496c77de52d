#include "fedtorch/kernel/selection_network.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

namespace fedtorch::kernel {
namespace {

using Wires = SelectionNetwork::Wires;
using Keep = SelectionNetwork::Keep;
using Run = SelectionNetwork::Run;

// Comparators that do not depend on each other, or one sort in registers with
// the comparators that it consists of.
struct Stage {
  std::vector<Wires> wires;
  std::optional<Wires> sorted;
};

// Writes the stages of the merge sort of the wires [lo, lo + width), as far as
// they are below `count`: those above hold values larger than all others, which
// no comparator would move. Width is a power of two. The order is that of the
// recursion, so that a part is sorted while it is in the nearest cache.
class Sorter {
 public:
  explicit Sorter(std::size_t count) : count_(count) {}

  void Sort(std::size_t lo, std::size_t width) {
    if (lo >= count_ || width < 2) return;
    const std::size_t end = std::min(lo + width, count_);
    constexpr std::size_t kMost = SelectionNetwork::kSortedAtOnce;
    // Odd sizes are sorted in registers only up to half of the most: each size
    // costs code.
    if (!leaf_ && end - lo > 1 &&
        (end - lo == kMost || end - lo <= kMost / 2)) {
      leaf_ = true;
      stages_.push_back({{}, Wires{Wire(lo), Wire(end)}});
      Sort(lo, width);
      leaf_ = false;
      return;
    }
    Sort(lo, width / 2);
    Sort(lo + width / 2, width / 2);
    Merge(lo, width);
  }

  std::vector<Stage> Take() { return std::move(stages_); }

 private:
  static std::uint32_t Wire(std::size_t i) {
    return static_cast<std::uint32_t>(i);
  }

  void Merge(std::size_t lo, std::size_t width) {
    for (std::size_t step = width / 2; step >= 1; step /= 2) {
      if (!leaf_) stages_.emplace_back();
      // The first step compares across the halves, the others within pairs of
      // neighbouring runs of `step` wires.
      const std::size_t start = step == width / 2 ? 0 : step;
      for (std::size_t run = start; run + step < width; run += 2 * step) {
        for (std::size_t i = lo + run; i < lo + run + step; ++i) {
          if (i + step >= count_) break;
          stages_.back().wires.push_back({Wire(i), Wire(i + step)});
        }
      }
    }
  }

  std::size_t count_;
  bool leaf_ = false;
  std::vector<Stage> stages_;
};

}  // namespace

SelectionNetwork::SelectionNetwork(std::size_t count,
                                   std::size_t first,
                                   std::size_t last)
    : count_(count), first_(first), last_(last) {
  FEDTORCH_CHECK(
      first < last && last <= count && count < (std::size_t{1} << 31),
      "ranks must be a part of the wires");
  Sorter sorter(count);
  sorter.Sort(0, std::bit_ceil(count));
  const std::vector<Stage> stages = sorter.Take();
  // From the end: a comparator counts if something later, or the result, reads
  // one of its wires.
  std::vector<bool> wanted(count, false);
  std::fill(wanted.begin() + static_cast<std::ptrdiff_t>(first),
            wanted.begin() + static_cast<std::ptrdiff_t>(last),
            true);
  // Everything is collected backwards and turned round at the end.
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
    std::vector<Wires> kept[3];
    const std::size_t before = comparators_.size();
    for (auto at = stage->wires.rbegin(); at != stage->wires.rend(); ++at) {
      if (!wanted[at->low] && !wanted[at->high]) continue;
      const Keep keep = !wanted[at->high]  ? Keep::kLow
                        : !wanted[at->low] ? Keep::kHigh
                                           : Keep::kBoth;
      comparators_.push_back({*at, keep});
      kept[static_cast<std::size_t>(keep)].push_back(*at);
      wanted[at->low] = true;
      wanted[at->high] = true;
    }
    if (comparators_.size() == before) continue;
    if (stage->sorted) {
      runs_.push_back(
          {Run::Kind::kSort, stage->sorted->low, stage->sorted->high});
      continue;
    }
    for (std::size_t kind = 0; kind < 3; ++kind) {
      if (kept[kind].empty()) continue;
      const std::size_t begin = wires_.size();
      wires_.insert(wires_.end(), kept[kind].begin(), kept[kind].end());
      runs_.push_back({static_cast<Run::Kind>(kind),
                       static_cast<std::uint32_t>(begin),
                       static_cast<std::uint32_t>(wires_.size())});
    }
  }
  std::reverse(comparators_.begin(), comparators_.end());
  std::reverse(runs_.begin(), runs_.end());
  std::reverse(wires_.begin(), wires_.end());
  const auto total = static_cast<std::uint32_t>(wires_.size());
  for (Run& run : runs_) {
    if (run.kind == Run::Kind::kSort) continue;
    const std::uint32_t begin = total - run.end;
    run.end = total - run.begin;
    run.begin = begin;
  }
}

}  // namespace fedtorch::kernel
