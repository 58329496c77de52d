#include "fedtorch/kernel/gram.h"

#include "tests/kernel/noise.h"

#include <cmath>

namespace fedtorch::kernel {
namespace {

class Gram : public OnEveryInstructionSet {};

template <class Real>
std::vector<const Real*> RowsOf(const std::vector<Real>& values,
                                std::size_t count,
                                std::size_t columns) {
  std::vector<const Real*> rows;
  for (std::size_t i = 0; i < count; ++i) {
    rows.push_back(values.data() + i * columns);
  }
  return rows;
}

// Compares with the definition, whose differences are rounded to Real too.
template <class Real>
void Check(std::size_t count,
           std::size_t first,
           std::size_t last,
           bool centred) {
  SCOPED_TRACE(testing::Message()
               << count << " rows, columns [" << first << ", " << last << ")");
  const std::size_t columns = last + 3;
  const auto values = Noise<Real>(count * columns, 1);
  const auto rows = RowsOf(values, count, columns);
  const auto centre = Noise<Real>(last - first, 2);
  std::vector<double> gram(count * count, 1.0);
  TileBuffer buffer;
  AddGram(rows.data(),
          count,
          first,
          last,
          centred ? centre.data() : nullptr,
          buffer,
          gram.data());
  const auto difference = [&](std::size_t i, std::size_t k) {
    const Real value = rows[i][k];
    return static_cast<double>(centred ? value - centre[k - first] : value);
  };
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      double sum = 0.0;
      double size = 0.0;
      for (std::size_t k = first; k < last; ++k) {
        const double term = difference(i, k) * difference(j, k);
        sum += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(
          gram[i * count + j], 1.0 + sum, 40.0 * kEpsilon<Real> * size + 1e-14)
          << i << ", " << j;
      ASSERT_EQ(gram[i * count + j], gram[j * count + i]);
    }
  }
}

TEST_P(Gram, IsItsDefinitionForEveryNumberOfRows) {
  for (std::size_t count = 1; count <= 40; ++count) {
    Check<float>(count, 2, 49, true);
    Check<double>(count, 1, 30, true);
  }
  Check<float>(100, 0, 70, false);
  Check<double>(129, 0, 33, false);
}

TEST_P(Gram, IsItsDefinitionForEveryNumberOfColumns) {
  for (std::size_t columns = 1; columns <= 70; ++columns) {
    Check<float>(6, columns, 2 * columns, columns % 2 == 0);
    Check<double>(6, columns, 2 * columns, columns % 2 == 0);
  }
  for (const std::size_t columns : {511, 512, 513, 1025, 2000}) {
    Check<float>(9, 1, columns, true);
    Check<double>(9, 1, columns, true);
  }
}

TEST_P(Gram, AnEntryDependsOnItsTwoRowsOnly) {
  constexpr std::size_t kCount = 23;
  constexpr std::size_t kColumns = 1200;
  const auto values = Noise<float>(kCount * kColumns, 1);
  const auto rows = RowsOf(values, kCount, kColumns);
  TileBuffer buffer;
  const float* const no_centre = nullptr;
  std::vector<double> all(kCount * kCount, 0.0);
  AddGram(rows.data(), kCount, 0, kColumns, no_centre, buffer, all.data());
  for (std::size_t i = 0; i < kCount; ++i) {
    for (std::size_t j = 0; j < kCount; ++j) {
      const float* const pair[] = {rows[j], rows[i]};
      std::vector<double> two(4, 0.0);
      AddGram(pair, 2, 0, kColumns, no_centre, buffer, two.data());
      EXPECT_EQ(two[1], all[i * kCount + j]);
      EXPECT_EQ(two[0], all[j * kCount + j]);
    }
  }
  // So equal rows are at distance 0.
  const float* const twins[] = {rows[0], rows[1], rows[0], rows[2], rows[0]};
  std::vector<double> gram(25, 0.0);
  AddGram(twins, 5, 0, kColumns, no_centre, buffer, gram.data());
  EXPECT_EQ(gram[0 * 5 + 0] + gram[4 * 5 + 4] - 2 * gram[0 * 5 + 4], 0.0);
  EXPECT_EQ(gram[2 * 5 + 1], gram[4 * 5 + 1]);
}

// Small steps from a large common vector: lost without the centre.
TEST_P(Gram, KeepsDistancesOfRowsNearTheCentre) {
  constexpr std::size_t kColumns = 5000;
  const auto base = Noise<float>(kColumns, 1);
  auto steps = Noise<float>(2 * kColumns, 2);
  double expected = 0.0;
  for (std::size_t k = 0; k < kColumns; ++k) {
    float& one = steps[k];
    float& other = steps[kColumns + k];
    one = base[k] + 1e-4F * one;
    other = base[k] + 1e-4F * other;
    const double difference =
        static_cast<double>(one) - static_cast<double>(other);
    expected += difference * difference;
  }
  const auto rows = RowsOf(steps, 2, kColumns);
  std::vector<double> gram(4, 0.0);
  TileBuffer buffer;
  AddGram(rows.data(), 2, 0, kColumns, base.data(), buffer, gram.data());
  EXPECT_NEAR(gram[0] + gram[3] - 2 * gram[1], expected, 1e-6 * expected);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets,
                         Gram,
                         ::testing::ValuesIn(InstructionSets()));

}  // namespace
}  // namespace fedtorch::kernel
