#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::core {

/// Sums vectors to the same bits in any order.
///
/// Every addend a = double(weight) * double(x) is split into two integers,
/// hi = rint(a * 2^20) and lo = rint((a - hi * 2^-20) * 2^60); integer sums
/// commute, so neither order nor threads nor ranks can matter, and no maximum
/// has to be known first.
///
/// Ranges: |sum| < 2^43 per coordinate. `AddRows` leaves out what is too large;
/// elsewhere the caller admits no |addend| beyond 2^32 (see `Admissible`).
/// Resolution 2^-61 per addend.
/// Up to 2^22 addends keep the low lane below 2^62.
/// Cost: 16 bytes a coordinate. Randomness: none. Threads: one accumulator
/// per worker, merged at the end.
/// Source: DESIGN 5; the idea is that of Demmel and Nguyen 2013.
class ExactSum {
 public:
  explicit ExactSum(std::size_t size) : high_(size, 0), low_(size, 0) {}

  std::size_t size() const { return high_.size(); }
  /// Adds weight * values, coordinate by coordinate.
  /// Requires: equal sizes and `Admissible(weight, values)`.
  void Add(double weight, std::span<const float> values);
  void Add(double weight, std::span<const double> values);
  /// Says what AddRows found of a row.
  struct Added {
    double squared_norm = 0.0;  ///< of the addends without weight
    bool admissible = true;     ///< else nothing of the row was added
  };
  /// Adds weight * (row - origin), one weight a row, with differences in float;
  /// rows as they are without `origin`. A row is left out of which a difference
  /// is not finite, or beyond 2^32, or beyond 2^42 with its weight. Returns
  /// what was found, one entry a row, valid until the next call. Cheaper than
  /// row by row where the sums do not fit into the cache: they are visited once
  /// for `kRowsAtOnce` rows; and norm, check and sum are one pass.
  std::span<const Added> AddRows(std::span<const double> weights,
                                 std::span<const std::span<const float>> rows,
                                 std::span<const float> origin = {});
  static constexpr std::size_t kRowsAtOnce = 16;
  /// Adds what another accumulator of equal size holds.
  void Merge(const ExactSum& other);
  /// Writes the sums, rounded to double.
  void Result(std::span<double> out) const;
  /// Sets all sums to 0. Cost: none; they are overwritten at the next addition.
  void Clear() { empty_ = true; }
  /// Writes what all `sums` together hold for the coordinates from `begin` to
  /// before `end` into the same places of `out`, rounded to double: Merge and
  /// Result in one pass over a part.
  /// Requires: out and all sums of equal size. Threads: safe on disjoint parts.
  static void WriteTotal(std::span<ExactSum* const> sums,
                         std::size_t begin,
                         std::size_t end,
                         std::span<double> out);

  /// Tells whether every weight * value is finite and below 2^32.
  static bool Admissible(double weight, std::span<const float> values);
  static bool Admissible(double weight, std::span<const double> values);

 private:
  void AddFewRows(std::span<const double> weights,
                  std::span<const std::span<const float>> rows,
                  std::span<const float> origin,
                  std::span<Added> added);
  void WriteZeros();

  std::vector<std::int64_t> high_;
  std::vector<std::int64_t> low_;
  bool empty_ = false;        // whatever is written there, the sums are 0
  std::vector<Added> added_;  // of the last call of AddRows
};

}  // namespace fedtorch::core
