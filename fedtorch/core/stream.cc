#include "fedtorch/core/stream.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/hash.h"

#include <cmath>
#include <numbers>
#include <string>
#include <unordered_map>

namespace fedtorch::core {
namespace {

// ISO C++ has no 128-bit integer; both compilers we support do.
__extension__ using Uint128 = unsigned __int128;

// Of Philox4x32-10.
constexpr int kRounds = 10;
constexpr std::uint64_t kMultiplier0 = 0xD2511F53;
constexpr std::uint64_t kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9;
constexpr std::uint32_t kWeyl1 = 0xBB67AE85;

std::uint32_t Word(const Sha256Digest& digest, std::size_t index) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    word |= static_cast<std::uint32_t>(digest[4 * index + i]) << (8 * i);
  }
  return word;
}

}  // namespace

std::array<std::uint32_t, 4> Philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) {
      key[0] += kWeyl0;
      key[1] += kWeyl1;
    }
    const std::uint64_t product0 = kMultiplier0 * counter[0];
    const std::uint64_t product1 = kMultiplier1 * counter[2];
    counter = {static_cast<std::uint32_t>(product1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product1),
               static_cast<std::uint32_t>(product0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product0)};
  }
  return counter;
}

Stream Stream::Named(std::uint64_t seed,
                     std::string_view purpose,
                     std::initializer_list<std::uint64_t> indices) {
  // The path is hashed as bytes with explicit lengths, so that no two
  // different paths spell the same message.
  std::string message = "fedtorch.stream.1";
  const auto append = [&message](std::uint64_t value) {
    for (int i = 0; i < 8; ++i) {
      message.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
    }
  };
  append(seed);
  append(purpose.size());
  message += purpose;
  append(indices.size());
  for (const std::uint64_t index : indices) append(index);
  const Sha256Digest digest = Sha256(message);
  return Stream({Word(digest, 0), Word(digest, 1)},
                {Word(digest, 2), Word(digest, 3)});
}

void Stream::Refill() {
  buffer_ = Philox4x32({static_cast<std::uint32_t>(block_),
                        static_cast<std::uint32_t>(block_ >> 32),
                        nonce_[0],
                        nonce_[1]},
                       key_);
  ++block_;
  used_ = 0;
}

std::uint32_t Stream::Bits32() {
  if (used_ == 4) Refill();
  return buffer_[used_++];
}

Stream::Blocks Stream::TakeBlocks(std::size_t count) {
  FEDTORCH_CHECK(bits_left() == 0, "a block is begun");
  const Blocks blocks{.key = key_, .nonce = nonce_, .first = block_};
  block_ += count;
  return blocks;
}

std::uint64_t Stream::Bits64() {
  const std::uint64_t low = Bits32();
  return low | (static_cast<std::uint64_t>(Bits32()) << 32);
}

double Stream::Uniform() {
  return static_cast<double>(Bits64() >> 11) * 0x1.0p-53;
}

std::uint64_t Stream::Below(std::uint64_t bound) {
  FEDTORCH_CHECK(bound > 0, "bound is 0");
  // Lemire 2019: multiply, and reject the few values that would be favoured.
  while (true) {
    const Uint128 product = static_cast<Uint128>(Bits64()) * bound;
    const auto low = static_cast<std::uint64_t>(product);
    if (low >= (-bound) % bound) {
      return static_cast<std::uint64_t>(product >> 64);
    }
  }
}

double Stream::Normal() {
  // 1 - U lies in (0, 1], so the logarithm is finite.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

double Stream::LogGamma(double shape) {
  FEDTORCH_CHECK(shape > 0.0, "shape must be positive");
  double boost = 0.0;
  if (shape < 1.0) {
    boost = std::log(1.0 - Uniform()) / shape;
    shape += 1.0;
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = Normal();
    const double cube_root = 1.0 + c * x;
    if (cube_root <= 0.0) continue;
    const double v = cube_root * cube_root * cube_root;
    if (std::log(1.0 - Uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return boost + std::log(d * v);
    }
  }
}

double Stream::Gamma(double shape) { return std::exp(LogGamma(shape)); }

std::vector<double> Stream::Dirichlet(std::span<const double> concentration) {
  std::vector<double> shares(concentration.size(), 0.0);
  double largest = -HUGE_VAL;
  // Logarithms keep tiny concentrations from underflowing to 0 / 0.
  for (std::size_t i = 0; i < shares.size(); ++i) {
    if (concentration[i] <= 0.0) continue;
    shares[i] = LogGamma(concentration[i]);
    largest = std::max(largest, shares[i]);
  }
  FEDTORCH_CHECK(largest > -HUGE_VAL, "no positive concentration");
  double sum = 0.0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    shares[i] = concentration[i] > 0.0 ? std::exp(shares[i] - largest) : 0.0;
    sum += shares[i];
  }
  for (double& share : shares) share /= sum;
  return shares;
}

std::size_t Stream::Categorical(std::span<const double> weights) {
  double sum = 0.0;
  for (const double weight : weights) sum += weight;
  FEDTORCH_CHECK(sum > 0.0, "all weights are 0");
  double left = Uniform() * sum;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0.0) continue;
    last = i;
    left -= weights[i];
    if (left < 0.0) return i;
  }
  return last;
}

std::vector<std::int64_t> Stream::SampleWithoutReplacement(
    std::int64_t population, std::int64_t count) {
  FEDTORCH_CHECK(count >= 0 && count <= population,
                 "cannot draw " + std::to_string(count) + " of " +
                     std::to_string(population));
  // Fisher and Yates from the front over a virtual array: only the positions
  // that were swapped are stored.
  std::unordered_map<std::int64_t, std::int64_t> moved;
  const auto at = [&moved](std::int64_t index) {
    const auto found = moved.find(index);
    return found == moved.end() ? index : found->second;
  };
  std::vector<std::int64_t> drawn;
  drawn.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t j = i + static_cast<std::int64_t>(Below(
                                   static_cast<std::uint64_t>(population - i)));
    drawn.push_back(at(j));
    moved[j] = at(i);
  }
  return drawn;
}

}  // namespace fedtorch::core
