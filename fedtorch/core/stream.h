#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace fedtorch::core {

/// Computes one block of Philox4x32-10.
/// Source: Salmon, Moraes, Dror, Shaw 2011, "Parallel Random Numbers: As Easy
/// as 1, 2, 3", table 2; checked against the known answers of its library.
std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// Draws random numbers from a stream that is named, not shared.
///
/// A stream is a counter-based generator keyed by a hash of its path, such as
/// (seed, "train", round, client). Equal paths give equal draws on every
/// machine and for any number of threads; different paths are independent, so
/// a new consumer never shifts another. The samplers are our own because
/// those of the standard library differ between its implementations.
///
/// Cost: 40 bytes; no allocation. Threads: a stream belongs to one task.
class Stream {
 public:
  /// Makes the stream of a path. `indices` are, for example, round and client.
  static Stream Named(std::uint64_t seed,
                      std::string_view purpose,
                      std::initializer_list<std::uint64_t> indices = {});

  /// Returns 32 uniformly distributed bits.
  std::uint32_t Bits32();
  /// Names blocks of four draws each, for who computes many at once:
  /// Philox4x32({first, first >> 32, nonce}, key) and those that follow.
  struct Blocks {
    std::array<std::uint32_t, 2> key;
    std::array<std::uint32_t, 2> nonce;
    std::uint64_t first = 0;
  };
  /// How many calls of Bits32 are left of the block that is begun, 0 to 3.
  std::size_t bits_left() const { return 4 - used_; }
  /// Hands out the next `count` blocks, as 4 * count calls of Bits32 would.
  /// Requires: bits_left() == 0.
  Blocks TakeBlocks(std::size_t count);
  /// Returns 64 uniformly distributed bits.
  std::uint64_t Bits64();
  /// Draws uniformly from [0, 1) with 53 random bits.
  double Uniform();
  /// Draws uniformly from {0, ..., bound - 1}, without bias; bound >= 1.
  std::uint64_t Below(std::uint64_t bound);
  /// Draws from N(0, 1) (Box and Muller 1958, one of the pair a call).
  double Normal();
  /// Draws from Gamma(shape, 1), shape > 0 (Marsaglia and Tsang 2000; for
  /// shape < 1 boosted by U^(1/shape)). May underflow to 0 for tiny shapes.
  double Gamma(double shape);
  /// Returns log of a Gamma(shape, 1) draw, which does not underflow.
  double LogGamma(double shape);
  /// Draws from Dirichlet(concentration); entries > 0 or exactly 0 where the
  /// concentration is 0; the result sums to 1. At least one entry positive.
  std::vector<double> Dirichlet(std::span<const double> concentration);
  /// Draws an index with probability weights[i] / sum; weights >= 0, sum > 0.
  std::size_t Categorical(std::span<const double> weights);
  /// Shuffles in place (Fisher and Yates, from the back).
  template <class T>
  void Shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[Below(i)]);
    }
  }
  /// Draws `count` different numbers of {0, ..., population - 1}, in the order
  /// drawn. Cost: O(count) time and memory, whatever the population.
  std::vector<std::int64_t> SampleWithoutReplacement(std::int64_t population,
                                                     std::int64_t count);

 private:
  explicit Stream(std::array<std::uint32_t, 2> key,
                  std::array<std::uint32_t, 2> nonce)
      : key_(key), nonce_(nonce) {}
  void Refill();

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 2> nonce_;  // high half of the counter
  std::uint64_t block_ = 0;
  std::array<std::uint32_t, 4> buffer_{};
  std::uint32_t used_ = 4;
};

}  // namespace fedtorch::core
