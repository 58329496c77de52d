#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fedtorch::kernel {

/// Lists the comparisons that put the values of wanted ranks in their places:
/// Batcher's odd-even merge sort for any number of wires, without what cannot
/// influence a wanted rank. A list does the same work for every input, so that
/// all lanes of a vector run it at once.
///
/// Cost: about (n / 4) log2(n)^2 comparators; building takes as long.
/// Threads: safe once built. Source: Batcher 1968; Knuth, The Art of Computer
/// Programming, volume 3, 5.2.2 M.
class SelectionNetwork {
 public:
  /// What a comparator writes.
  enum class Keep : std::uint8_t {
    kBoth,  ///< the smaller value to `low`, the larger to `high`
    kLow,   ///< only the smaller value to `low`
    kHigh,  ///< only the larger value to `high`
  };
  struct Wires {
    std::uint32_t low;  ///< below `high`
    std::uint32_t high;
  };
  struct Comparator {
    Wires wires;
    Keep keep;
  };
  /// Does either comparators [begin, end) of `wires()`, which all keep the
  /// same, or (kSort) a full sort of the wires [begin, end), at most
  /// kSortedAtOnce of them.
  struct Run {
    enum class Kind : std::uint8_t { kBoth, kLow, kHigh, kSort };
    Kind kind;
    std::uint32_t begin;
    std::uint32_t end;
  };
  /// Wires that a run sorts in registers.
  static constexpr std::size_t kSortedAtOnce = 32;

  /// Builds the list for `count` wires, after which the wires of ranks
  /// [first, last) hold their values; the others hold anything. Ranks count
  /// from 0 at the smallest value.
  /// Errors: Bug unless first < last <= count < 2^31.
  SelectionNetwork(std::size_t count, std::size_t first, std::size_t last);

  std::size_t count() const { return count_; }
  std::size_t first() const { return first_; }
  std::size_t last() const { return last_; }

  /// Returns all comparators in order, those of the sorts in registers too.
  const std::vector<Comparator>& comparators() const { return comparators_; }
  /// Returns the same work as loops run it.
  const std::vector<Run>& runs() const { return runs_; }
  const std::vector<Wires>& wires() const { return wires_; }

 private:
  std::size_t count_, first_, last_;
  std::vector<Comparator> comparators_;
  std::vector<Run> runs_;
  std::vector<Wires> wires_;
};

}  // namespace fedtorch::kernel
