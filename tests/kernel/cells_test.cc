// Cells against their textbook formulas in the standard library's functions.
#include "fedtorch/kernel/cells.h"

#include "tests/kernel/noise.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::kernel {
namespace {

class Cells : public OnEveryInstructionSet {};

double Sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

template <class Real>
void CheckActivations(std::size_t size) {
  auto x = Noise<Real>(size, size);
  for (Real& value : x) value *= 3;
  x[0] = 60;
  x[size - 1] = -60;
  const auto dy = Noise<Real>(size, size + 1);
  std::vector<Real> y(size), dx(size);
  for (const auto f :
       {Activation::kRelu, Activation::kTanh, Activation::kSigmoid}) {
    Activate(f, size, x.data(), y.data());
    ActivateBackward(f, size, y.data(), dy.data(), dx.data());
    for (std::size_t i = 0; i < size; ++i) {
      const auto in = static_cast<double>(x[i]);
      const double value = f == Activation::kRelu   ? std::max(in, 0.0)
                           : f == Activation::kTanh ? std::tanh(in)
                                                    : Sigmoid(in);
      const double slope = f == Activation::kRelu   ? (in > 0 ? 1.0 : 0.0)
                           : f == Activation::kTanh ? 1.0 - value * value
                                                    : value * (1.0 - value);
      EXPECT_NEAR(static_cast<double>(y[i]), value, 8 * kEpsilon<Real>);
      EXPECT_NEAR(
          static_cast<double>(dx[i]),
          slope * static_cast<double>(dy[i]),
          20 * kEpsilon<Real> * (1.0 + std::fabs(static_cast<double>(dy[i]))));
    }
  }
}

TEST_P(Cells, ActivationsAndTheirSlopes) {
  for (std::size_t size = 1; size <= 40; ++size) {
    CheckActivations<float>(size);
    CheckActivations<double>(size);
  }
}

TEST_P(Cells, ReluKeepsWhatIsNotANumber) {
  std::vector<float> x(20, std::numeric_limits<float>::quiet_NaN());
  Activate(Activation::kRelu, x.size(), x.data(), x.data());
  for (const float value : x) EXPECT_TRUE(std::isnan(value));
}

// The backward pass against difference quotients of the forward pass, whose
// values are checked against the formulas.
TEST_P(Cells, LstmIsTheTextbookCellAndItsDerivative) {
  for (const std::size_t hidden : {1, 3, 8, 17}) {
    constexpr std::size_t kRows = 2;
    const std::size_t width = 4 * hidden;
    const auto z = Noise<double>(kRows * width, 1);
    const auto before = Noise<double>(kRows * hidden, 2);
    const auto dh = Noise<double>(kRows * hidden, 3);
    const auto dc = Noise<double>(kRows * hidden, 4);
    for (const bool first : {false, true}) {
      const double* c_before = first ? nullptr : before.data();
      const auto forward = [&](const std::vector<double>& in,
                               const double* state,
                               std::vector<double>* gates) {
        *gates = in;
        std::vector<double> c(kRows * hidden), h(kRows * hidden);
        LstmForward<double>({.rows = kRows,
                             .hidden = hidden,
                             .gates = gates->data(),
                             .gates_stride = width},
                            state,
                            c.data(),
                            h.data(),
                            hidden);
        return std::pair(c, h);
      };
      std::vector<double> gates;
      const auto [c, h] = forward(z, c_before, &gates);
      for (std::size_t r = 0; r < kRows; ++r) {
        for (std::size_t j = 0; j < hidden; ++j) {
          const double* row = z.data() + r * width;
          const double old = first ? 0.0 : before[r * hidden + j];
          const double state = Sigmoid(row[hidden + j]) * old +
                               Sigmoid(row[j]) * std::tanh(row[2 * hidden + j]);
          EXPECT_NEAR(c[r * hidden + j], state, 1e-14);
          EXPECT_NEAR(h[r * hidden + j],
                      Sigmoid(row[3 * hidden + j]) * std::tanh(state),
                      1e-14);
        }
      }
      std::vector<double> gradient = gates;
      std::vector<double> d_before = dc;
      LstmBackward<double>({.rows = kRows,
                            .hidden = hidden,
                            .gates = gradient.data(),
                            .gates_stride = width},
                           c_before,
                           c.data(),
                           dh.data(),
                           d_before.data());
      const auto objective = [&](const std::vector<double>& in,
                                 const double* state) {
        std::vector<double> unused;
        const auto [cells, out] = forward(in, state, &unused);
        double sum = 0.0;
        for (std::size_t i = 0; i < cells.size(); ++i) {
          sum += dh[i] * out[i] + dc[i] * cells[i];
        }
        return sum;
      };
      constexpr double kStep = 1e-5;
      for (std::size_t i = 0; i < z.size(); ++i) {
        auto above = z;
        auto below = z;
        above[i] += kStep;
        below[i] -= kStep;
        EXPECT_NEAR(gradient[i],
                    (objective(above, c_before) - objective(below, c_before)) /
                        (2 * kStep),
                    1e-8);
      }
      if (first) continue;
      for (std::size_t i = 0; i < before.size(); ++i) {
        auto above = before;
        auto below = before;
        above[i] += kStep;
        below[i] -= kStep;
        EXPECT_NEAR(d_before[i],
                    (objective(z, above.data()) - objective(z, below.data())) /
                        (2 * kStep),
                    1e-8);
      }
    }
  }
}

template <class Real>
void CheckSoftmax(std::size_t classes, Real spread) {
  constexpr std::size_t kRows = 5;
  auto logits = Noise<Real>(kRows * classes, classes);
  for (Real& value : logits) value *= spread;
  std::vector<std::int64_t> targets(kRows);
  for (std::size_t r = 0; r < kRows; ++r) {
    targets[r] = static_cast<std::int64_t>(r * 7 % classes);
  }
  // A tie for the highest score: the lowest class is predicted.
  if (classes > 3) logits[1] = logits[3] = 100;
  std::vector<float> losses(kRows), second(kRows);
  std::vector<std::int64_t> predicted(kRows);
  SoftmaxPredict(kRows,
                 classes,
                 targets.data(),
                 logits.data(),
                 losses.data(),
                 predicted.data(),
                 classes > 1 ? second.data() : nullptr);
  auto gradient = logits;
  const double loss = SoftmaxCrossEntropy(
      kRows, classes, targets.data(), Real(0.25), gradient.data());
  double expected_loss = 0.0;
  for (std::size_t r = 0; r < kRows; ++r) {
    const Real* row = logits.data() + r * classes;
    const auto best =
        static_cast<std::size_t>(std::max_element(row, row + classes) - row);
    double total = 0.0;
    const auto away = [&](std::size_t c) {
      return static_cast<double>(row[c]) - static_cast<double>(row[best]);
    };
    for (std::size_t c = 0; c < classes; ++c) total += std::exp(away(c));
    const auto target = static_cast<std::size_t>(targets[r]);
    const double own = std::log(total) - away(target);
    expected_loss += own;
    EXPECT_EQ(predicted[r], static_cast<std::int64_t>(best));
    EXPECT_NEAR(static_cast<double>(losses[r]), own, 1e-5 * (1.0 + own));
    if (classes > 1) {
      EXPECT_NEAR(
          static_cast<double>(second[r]), std::exp(away(1)) / total, 1e-6);
    }
    for (std::size_t c = 0; c < classes; ++c) {
      const double probability = std::exp(away(c)) / total;
      EXPECT_NEAR(static_cast<double>(gradient[r * classes + c]),
                  0.25 * (probability - (c == target ? 1.0 : 0.0)),
                  200 * kEpsilon<Real>);
    }
  }
  EXPECT_NEAR(
      loss, expected_loss, 500 * kEpsilon<Real> * (1.0 + expected_loss));
}

TEST_P(Cells, SoftmaxCrossEntropyOverAllTails) {
  for (std::size_t classes = 1; classes <= 40; ++classes) {
    CheckSoftmax<float>(classes, 3.0F);
    CheckSoftmax<double>(classes, 3.0);
  }
  // Scores far apart neither overflow nor lose the loss.
  CheckSoftmax<float>(10, 60.0F);
  CheckSoftmax<double>(1000, 2.0);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets,
                         Cells,
                         ::testing::ValuesIn(InstructionSets()));

}  // namespace
}  // namespace fedtorch::kernel
