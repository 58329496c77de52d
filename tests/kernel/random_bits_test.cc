#include "fedtorch/kernel/random_bits.h"

#include "tests/kernel/noise.h"

namespace fedtorch::kernel {
namespace {

class RandomBits : public OnEveryInstructionSet {};

// Draw by draw, in turn with single draws, over all lengths and starts.
TEST_P(RandomBits, AreThoseOfAsManyCalls) {
  core::Stream fast = core::Stream::Named(1, "bits", {2, 3});
  core::Stream slow = fast;
  for (std::size_t size = 0; size < 700; size += 1 + size / 40) {
    std::vector<std::uint32_t> bits(size);
    FillBits(fast, bits);
    for (const std::uint32_t value : bits) ASSERT_EQ(value, slow.Bits32());
    for (std::size_t i = 0; i < size % 4; ++i) {
      ASSERT_EQ(fast.Bits32(), slow.Bits32());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets,
                         RandomBits,
                         ::testing::ValuesIn(InstructionSets()));

}  // namespace
}  // namespace fedtorch::kernel
