#include "fedtorch/kernel/vectors.h"

#include "tests/kernel/noise.h"

#include <cmath>

namespace fedtorch::kernel {
namespace {

class Vectors : public OnEveryInstructionSet {};

template <class Real>
void Check(std::size_t size) {
  const auto x = Noise<Real>(size, 1);
  const auto y = Noise<Real>(size, 2);
  const double tolerance = 4 * kEpsilon<Real>;
  auto scaled = x;
  Scale(Real(-0.3), size, scaled.data());
  auto added = y;
  AddScaled(Real(1.7), x.data(), size, added.data());
  std::vector<Real> difference(size);
  const double squares = Subtract(x.data(), y.data(), size, difference.data());
  double dot = 0.0;
  double norm = 0.0;
  double distance = 0.0;
  for (std::size_t i = 0; i < size; ++i) {
    const auto a = static_cast<double>(x[i]);
    const auto b = static_cast<double>(y[i]);
    EXPECT_NEAR(static_cast<double>(scaled[i]), -0.3 * a, 4 * tolerance);
    EXPECT_NEAR(static_cast<double>(added[i]), b + 1.7 * a, 4 * tolerance);
    EXPECT_EQ(difference[i], x[i] - y[i]);
    dot += a * b;
    distance += (a - b) * (a - b);
    norm +=
        static_cast<double>(difference[i]) * static_cast<double>(difference[i]);
  }
  const auto terms = static_cast<double>(size);
  EXPECT_NEAR(Dot(x.data(), y.data(), size), dot, 1e-13 * (1.0 + terms));
  EXPECT_NEAR(squares, norm, 1e-13 * (1.0 + terms));
  EXPECT_NEAR(SquaredDistance(x.data(), y.data(), size),
              distance,
              1e-13 * (1.0 + terms));
}

TEST_P(Vectors, AreTheirFormulasOverAllTails) {
  for (std::size_t size = 1; size <= 70; ++size) {
    Check<float>(size);
    Check<double>(size);
  }
  Check<float>(5000);
}

TEST_P(Vectors, ColumnSumsOfRowsApart) {
  for (const std::size_t columns : {1, 5, 16, 33}) {
    for (std::size_t rows = 1; rows <= 9; ++rows) {
      const Extent extent{2, 3, rows};
      const std::size_t row = columns + 2;
      const std::size_t line = rows * row + 1;
      const std::size_t image = 3 * line + 4;
      const auto d = Noise<float>(2 * image, 1);
      std::vector<float> sums(columns, 1.0F);
      AddColumnSums(extent,
                    Rows<const float>{d.data(), row, line, image},
                    columns,
                    sums.data());
      for (std::size_t c = 0; c < columns; ++c) {
        double expected = 1.0;
        for (std::size_t i = 0; i < 2; ++i) {
          for (std::size_t l = 0; l < 3; ++l) {
            for (std::size_t r = 0; r < rows; ++r) {
              expected +=
                  static_cast<double>(d[i * image + l * line + r * row + c]);
            }
          }
        }
        EXPECT_NEAR(static_cast<double>(sums[c]), expected, 1e-5);
      }
    }
  }
}

TEST_P(Vectors, ApplyUpdateIsTheStepWrittenOut) {
  using Form = Update<double>::Form;
  for (std::size_t size = 1; size <= 40; ++size) {
    constexpr std::size_t kOffset = 3;
    const auto gradient = Noise<double>(size, 1);
    const auto before = Noise<double>(size, 2);
    const auto anchor = Noise<double>(size + kOffset, 3);
    const auto linear = Noise<double>(size + kOffset, 4);
    const auto velocity = Noise<double>(size + kOffset, 5);
    for (const auto form : {Form::kAdd, Form::kAffine, Form::kMomentum}) {
      auto w = before;
      auto v = velocity;
      Update<double> update{.form = form};
      update.keep = 0.9;
      update.to_anchor = 0.2;
      update.to_linear = -0.3;
      update.momentum = 0.8;
      update.decay = 0.1;
      update.prox = 0.4;
      update.lr = 0.05;
      if (form != Form::kAdd) {
        update.anchor = anchor.data();
        update.linear = linear.data();
      }
      update.velocity = v.data();
      ApplyUpdate(update, gradient.data(), 0.7, kOffset, size, w.data());
      for (std::size_t i = 0; i < size; ++i) {
        const double a = anchor[i + kOffset];
        const double l = linear[i + kOffset];
        const double g = 0.7 * gradient[i];
        if (form == Form::kMomentum) {
          const double moved = 0.8 * velocity[i + kOffset] + 0.1 * before[i] +
                               0.4 * (before[i] - a) + l + g;
          EXPECT_NEAR(v[i + kOffset], moved, 1e-14);
          EXPECT_NEAR(w[i], before[i] - 0.05 * moved, 1e-14);
        } else {
          const double start = form == Form::kAdd
                                   ? before[i]
                                   : 0.9 * before[i] + 0.2 * a - 0.3 * l;
          EXPECT_NEAR(w[i], start + g, 1e-14);
        }
      }
      if (form != Form::kAdd) continue;
      std::vector<double> start(kOffset, 99.0);
      start.insert(start.end(), before.begin(), before.end());
      auto elsewhere = Noise<double>(size, 6);
      update.start = start.data();
      ApplyUpdate(
          update, gradient.data(), 0.7, kOffset, size, elsewhere.data());
      EXPECT_EQ(elsewhere, w);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets,
                         Vectors,
                         ::testing::ValuesIn(InstructionSets()));

}  // namespace
}  // namespace fedtorch::kernel
