#include "fedtorch/kernel/random_bits.h"

#include "fedtorch/core/targets.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fedtorch/kernel/random_bits.cc"
#include <hwy/foreach_target.h>
// After foreach_target.h.
#include "fedtorch/kernel/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace fedtorch::kernel {
namespace HWY_NAMESPACE {

// Writes `count` blocks and returns how many it wrote: as many as fill whole
// vectors. One block a lane, each word in the low half of 64 bits, which is
// what a product takes; the high halves hold what nobody reads.
std::size_t PhiloxBlocks(const core::Stream::Blocks& blocks,
                         std::size_t count,
                         std::uint32_t* out) {
#if HWY_TARGET == HWY_SCALAR
  (void)blocks;
  (void)count;
  (void)out;
  return 0;
#else
  const Tag<std::uint64_t> d;
  const hn::Repartition<std::uint32_t, Tag<std::uint64_t>> d32;
  constexpr std::size_t kN = kLanes<std::uint64_t>;
  const auto multiplier0 = hn::Set(d32, 0xD2511F53U);
  const auto multiplier1 = hn::Set(d32, 0xCD9E8D57U);
  const auto low_half = hn::Set(d, 0xffffffffU);
  // Several chains of products side by side, as one waits for itself.
  constexpr std::size_t kChains = 4;
  std::size_t done = 0;
  for (; done + kChains * kN <= count; done += kChains * kN) {
    Vector<std::uint64_t> a[kChains], b[kChains], c[kChains], e[kChains];
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kChains; ++i) {
      a[i] = hn::Iota(d, blocks.first + done + i * kN);
      b[i] = hn::ShiftRight<32>(a[i]);
      c[i] = hn::Set(d, std::uint64_t{blocks.nonce[0]});
      e[i] = hn::Set(d, std::uint64_t{blocks.nonce[1]});
    }
    std::uint32_t key0 = blocks.key[0];
    std::uint32_t key1 = blocks.key[1];
    for (int round = 0; round < 10; ++round) {
      const auto round_key0 = hn::Set(d, std::uint64_t{key0});
      const auto round_key1 = hn::Set(d, std::uint64_t{key1});
#pragma GCC unroll 4
      for (std::size_t i = 0; i < kChains; ++i) {
        const auto product0 = hn::MulEven(hn::BitCast(d32, a[i]), multiplier0);
        const auto product1 = hn::MulEven(hn::BitCast(d32, c[i]), multiplier1);
        a[i] = hn::Xor(hn::Xor(hn::ShiftRight<32>(product1), b[i]), round_key0);
        c[i] = hn::Xor(hn::Xor(hn::ShiftRight<32>(product0), e[i]), round_key1);
        b[i] = product1;
        e[i] = product0;
      }
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kChains; ++i) {
      const auto first =
          hn::Or(hn::And(a[i], low_half), hn::ShiftLeft<32>(b[i]));
      const auto second =
          hn::Or(hn::And(c[i], low_half), hn::ShiftLeft<32>(e[i]));
      hn::StoreInterleaved2(
          first,
          second,
          d,
          reinterpret_cast<std::uint64_t*>(out + 4 * (done + i * kN)));
    }
  }
  return done;
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace fedtorch::kernel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace fedtorch::kernel {

HWY_EXPORT(PhiloxBlocks);

void FillBits(core::Stream& stream, std::span<std::uint32_t> out) {
  std::size_t i = 0;
  while (i < out.size() && stream.bits_left() > 0) out[i++] = stream.Bits32();
  // Whole vectors on every machine, so that none has to give blocks back.
  constexpr std::size_t kTogether = 32;
  const std::size_t count = (out.size() - i) / 4 / kTogether * kTogether;
  if (count > 0) {
    core::Stream slow = stream;
    const auto blocks = stream.TakeBlocks(count);
    const std::size_t done =
        HWY_DYNAMIC_DISPATCH(PhiloxBlocks)(blocks, count, out.data() + i);
    if (done == 0) {
      for (std::size_t j = 0; j < 4 * count; ++j) out[i + j] = slow.Bits32();
    }
    i += 4 * count;
  }
  for (; i < out.size(); ++i) out[i] = stream.Bits32();
}

}  // namespace fedtorch::kernel
#endif  // HWY_ONCE
