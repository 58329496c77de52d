#include "fedtorch/kernel/mix.h"

#include "tests/kernel/noise.h"

#include <cmath>

namespace fedtorch::kernel {
namespace {

class Mix : public OnEveryInstructionSet {};

template <class Real>
void Check(std::size_t count,
           std::size_t results,
           std::size_t first,
           std::size_t last) {
  SCOPED_TRACE(testing::Message()
               << count << " rows to " << results << ", columns [" << first
               << ", " << last << ")");
  const std::size_t columns = last + 2;
  const auto values = Noise<Real>(count * columns, 1);
  auto weights = Noise<double>(results * count, 2);
  for (std::size_t i = 0; i < weights.size(); i += 3) weights[i] = 0.0;
  std::vector<const Real*> rows;
  for (std::size_t i = 0; i < count; ++i) {
    rows.push_back(values.data() + i * columns);
  }
  std::vector<Real> mixed(results * columns, Real{-7});
  std::vector<Real*> out;
  for (std::size_t r = 0; r < results; ++r) {
    out.push_back(mixed.data() + r * columns);
  }
  TileBuffer buffer;
  MixRows(rows.data(),
          count,
          first,
          last,
          weights.data(),
          results,
          buffer,
          out.data());
  std::vector<double> one(last - first + 1, -7.0);
  MixToOne(rows.data(), count, first, last, weights.data(), one.data());
  EXPECT_EQ(one.back(), -7.0) << "beyond the range";
  for (std::size_t r = 0; r < results; ++r) {
    for (std::size_t k = 0; k < columns; ++k) {
      if (k < first || k >= last) {
        ASSERT_EQ(out[r][k], Real{-7}) << "beyond the range";
        continue;
      }
      double sum = 0.0;
      double size = 0.0;
      for (std::size_t i = 0; i < count; ++i) {
        const double term =
            weights[r * count + i] * static_cast<double>(rows[i][k]);
        sum += term;
        size += std::abs(term);
      }
      const auto terms = static_cast<double>(count);
      ASSERT_NEAR(static_cast<double>(out[r][k]),
                  sum,
                  (terms + 1.0) * kEpsilon<Real> * size);
      if (r == 0) {
        ASSERT_NEAR(one[k - first], sum, terms * kEpsilon<double> * size);
      }
    }
  }
}

TEST_P(Mix, IsItsDefinitionForEveryNumberOfRows) {
  for (std::size_t count = 1; count <= 30; ++count) {
    Check<float>(count, count % 8 + 1, 1, 80);
    Check<double>(count, count % 8 + 1, 1, 40);
  }
  for (const std::size_t count : {64, 100, 129, 700}) {
    Check<float>(count, 13, 0, 130);
    Check<double>(count, 13, 0, 67);
  }
}

TEST_P(Mix, IsItsDefinitionForEveryNumberOfColumns) {
  for (std::size_t columns = 1; columns <= 140; ++columns) {
    Check<float>(7, 7, 3, 3 + columns);
    Check<double>(7, 7, 3, 3 + columns);
  }
  Check<float>(5, 2, 1, 4200);
  Check<double>(5, 2, 1, 4200);
}

// Splits by any threads give the same bits.
TEST_P(Mix, AColumnDoesNotDependOnTheSplit) {
  constexpr std::size_t kCount = 10;
  constexpr std::size_t kColumns = 3000;
  const auto values = Noise<float>(kCount * kColumns, 1);
  const auto weights = Noise<double>(kCount * kCount, 2);
  std::vector<const float*> rows;
  for (std::size_t i = 0; i < kCount; ++i) {
    rows.push_back(values.data() + i * kColumns);
  }
  TileBuffer buffer;
  const auto run = [&](std::size_t step) {
    std::vector<float> mixed(kCount * kColumns);
    std::vector<float*> out;
    for (std::size_t r = 0; r < kCount; ++r) {
      out.push_back(mixed.data() + r * kColumns);
    }
    std::vector<double> one(kColumns);
    for (std::size_t first = 0; first < kColumns; first += step) {
      const std::size_t last = std::min(first + step, kColumns);
      MixRows(rows.data(),
              kCount,
              first,
              last,
              weights.data(),
              kCount,
              buffer,
              out.data());
      MixToOne(
          rows.data(), kCount, first, last, weights.data(), one.data() + first);
    }
    return std::pair{mixed, one};
  };
  const auto whole = run(kColumns);
  for (const std::size_t step : {1000, 333, 7}) EXPECT_EQ(run(step), whole);
}

// A double output keeps what float sums would lose.
TEST_P(Mix, ToOneAddsInDouble) {
  const float large = 1e8F;
  const float small = 1.0F;
  const float* rows[] = {&large, &small};
  const double weights[] = {1.0, 0.1};
  double out = 0.0;
  MixToOne(rows, 2, 0, 1, weights, &out);
  EXPECT_EQ(out, 1e8 + 0.1);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets,
                         Mix,
                         ::testing::ValuesIn(InstructionSets()));

}  // namespace
}  // namespace fedtorch::kernel
