// Every product against three nested loops in long double, over all tails of
// vectors and tiles, with strides, on every instruction set. The bound is that
// of the header: (terms + 2) * eps * sum |x| |w|.
#include "fedtorch/kernel/products.h"

#include "tests/kernel/noise.h"

#include <cmath>
#include <optional>

namespace fedtorch::kernel {
namespace {

class Products : public OnEveryInstructionSet {};

// A number and what it may be off by.
struct Sum {
  long double value = 0;
  long double magnitude = 0;
  std::size_t terms = 0;
  void Add(long double product) {
    value += product;
    magnitude += std::fabs(product);
    ++terms;
  }
  template <class Real>
  void Expect(Real found) const {
    const long double bound = static_cast<long double>(terms + 2) *
                              static_cast<long double>(kEpsilon<Real>) *
                              (magnitude + 1e-30L);
    EXPECT_LE(std::fabs(static_cast<long double>(found) - value), bound);
  }
};

// Rows that do not touch: gaps after rows, lines and images.
template <class T>
Rows<T> Spread(T* data, const Extent& extent, std::size_t width) {
  Rows<T> rows{.data = data};
  rows.row_stride = width + 3;
  rows.line_stride = extent.rows * rows.row_stride + 5;
  rows.image_stride = extent.lines * rows.line_stride + 7;
  return rows;
}
std::size_t Needed(const Extent& extent, std::size_t width) {
  const auto rows = Spread<int>(nullptr, extent, width);
  return extent.images * rows.image_stride + width;
}
template <class T>
T* At(const Rows<T>& rows, std::size_t i, std::size_t l, std::size_t r) {
  return rows.data + i * rows.image_stride + l * rows.line_stride +
         r * rows.row_stride;
}

template <class Real>
void CheckForward(const Extent& extent,
                  std::size_t segments,
                  std::size_t depth,
                  std::size_t columns,
                  bool with_bias,
                  bool accumulate,
                  bool relu) {
  const std::size_t segment_stride = depth + 2;
  const auto x = Noise<Real>(Needed(extent, segments * segment_stride), 1);
  const auto w = Noise<Real>(segments * depth * columns, 2);
  const auto bias = Noise<Real>(columns, 3);
  const auto before = Noise<Real>(Needed(extent, columns), 4);
  auto after = before;
  ForwardProduct<Real> product{.extent = extent};
  product.x = Spread(x.data(), extent, segments * segment_stride);
  product.segments = segments;
  product.segment_stride = segment_stride;
  product.depth = depth;
  product.w = w.data();
  product.columns = columns;
  product.bias = with_bias ? bias.data() : nullptr;
  product.y = Spread(after.data(), extent, columns);
  product.accumulate = accumulate;
  product.relu = relu;
  Multiply(product);

  std::vector<bool> written(after.size(), false);
  for (std::size_t i = 0; i < extent.images; ++i) {
    for (std::size_t l = 0; l < extent.lines; ++l) {
      for (std::size_t r = 0; r < extent.rows; ++r) {
        const Real* from = At(product.x, i, l, r);
        const Real* to = At(product.y, i, l, r);
        for (std::size_t n = 0; n < columns; ++n) {
          const auto place = static_cast<std::size_t>(to + n - after.data());
          written[place] = true;
          Sum sum;
          if (accumulate) sum.Add(before[place]);
          if (!accumulate && with_bias) sum.Add(bias[n]);
          for (std::size_t s = 0; s < segments; ++s) {
            for (std::size_t k = 0; k < depth; ++k) {
              sum.Add(
                  static_cast<long double>(from[s * segment_stride + k]) *
                  static_cast<long double>(w[(s * depth + k) * columns + n]));
            }
          }
          if (relu && sum.value < 0) sum.value = 0;
          sum.Expect(after[place]);
        }
      }
    }
  }
  for (std::size_t place = 0; place < after.size(); ++place) {
    if (!written[place]) {
      ASSERT_EQ(after[place], before[place]) << "written outside of y";
    }
  }
}

TEST_P(Products, ForwardOverAllTailsOfRowsAndColumns) {
  for (std::size_t rows = 1; rows <= 27; ++rows) {
    for (const std::size_t columns :
         {1,  2,  3,  7,  8,  9,  15, 16, 17, 31,
          32, 33, 47, 48, 49, 63, 64, 65, 70, 130}) {
      CheckForward<float>({.rows = rows}, 1, 5, columns, true, false, false);
      CheckForward<double>({.rows = rows}, 1, 3, columns, true, false, true);
    }
  }
}

TEST_P(Products, ForwardOverDepthsSegmentsAndImages) {
  for (const std::size_t depth : {1, 2, 255, 256, 257, 513}) {
    CheckForward<float>({.rows = 10}, 1, depth, 37, true, false, true);
    CheckForward<float>({.rows = 13}, 1, depth, 70, false, true, true);
    CheckForward<double>({.rows = 3}, 1, depth, 11, false, false, false);
  }
  for (const std::size_t segments : {2, 3, 5}) {
    CheckForward<float>({2, 3, 7}, segments, 6, 66, true, false, true);
    CheckForward<float>({3, 2, 14}, segments, 15, 32, false, false, false);
    CheckForward<double>({2, 2, 5}, segments, 9, 10, true, false, false);
  }
  // A matrix that is asked for in advance: more than a mebibyte.
  CheckForward<float>({.rows = 10}, 1, 700, 400, true, false, false);
}

TEST_P(Products, ForwardKeepsWhatIsNotANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> x{1.0F, nan};
  std::vector<float> w(2, 1.0F);
  std::vector<float> y(2, 0.0F);
  ForwardProduct<float> product{.extent = {.rows = 2},
                                .x = {.data = x.data(), .row_stride = 1},
                                .depth = 1,
                                .w = w.data(),
                                .columns = 1,
                                .y = {.data = y.data(), .row_stride = 1},
                                .relu = true};
  Multiply(product);
  EXPECT_EQ(y[0], 1.0F);
  EXPECT_TRUE(std::isnan(y[1])) << "a ReLU must not hide it";
}

template <class Real>
void CheckUpdate(const Extent& extent,
                 std::size_t segments,
                 std::size_t depth,
                 std::size_t columns,
                 typename Update<Real>::Form form) {
  using Form = typename Update<Real>::Form;
  const std::size_t segment_stride = depth + 2;
  const std::size_t size = segments * depth * columns;
  const auto x = Noise<Real>(Needed(extent, segments * segment_stride), 1);
  const auto d = Noise<Real>(Needed(extent, columns), 2);
  const auto before = Noise<Real>(size, 3);
  const auto velocity = Noise<Real>(size, 4);
  const auto anchor = Noise<Real>(size, 5);
  const auto linear = Noise<Real>(size, 6);
  auto after = before;
  auto moved = velocity;
  UpdateProduct<Real> product{.extent = extent};
  product.x = Spread(x.data(), extent, segments * segment_stride);
  product.segments = segments;
  product.segment_stride = segment_stride;
  product.depth = depth;
  product.d = Spread(d.data(), extent, columns);
  product.columns = columns;
  product.w = after.data();
  product.update.form = form;
  if (form != Form::kAdd) {
    product.update.anchor = anchor.data();
    product.update.linear = linear.data();
  }
  product.update.keep = Real(0.9);
  product.update.to_anchor = Real(0.2);
  product.update.to_linear = Real(-0.3);
  product.update.momentum = Real(0.8);
  product.update.decay = Real(0.1);
  product.update.prox = Real(0.4);
  product.update.lr = Real(0.05);
  product.update.velocity = moved.data();
  Multiply(product);
  if (form == Form::kAdd) {
    // What it adds to may lie elsewhere, and is then left alone.
    auto start = before;
    auto elsewhere = velocity;
    product.w = elsewhere.data();
    product.update.start = start.data();
    Multiply(product);
    EXPECT_EQ(elsewhere, after);
    EXPECT_EQ(start, before);
  }

  for (std::size_t s = 0; s < segments; ++s) {
    for (std::size_t k = 0; k < depth; ++k) {
      for (std::size_t n = 0; n < columns; ++n) {
        const std::size_t at = (s * depth + k) * columns + n;
        Sum sum;
        if (form == Form::kAdd) sum.Add(before[at]);
        if (form == Form::kAffine) {
          sum.Add(static_cast<long double>(product.update.keep) * before[at]);
          sum.Add(static_cast<long double>(product.update.to_anchor) *
                  anchor[at]);
          sum.Add(static_cast<long double>(product.update.to_linear) *
                  linear[at]);
        }
        if (form == Form::kMomentum) {
          sum.Add(static_cast<long double>(product.update.momentum) *
                  velocity[at]);
          sum.Add(static_cast<long double>(product.update.decay) * before[at]);
          sum.Add(static_cast<long double>(product.update.prox) * before[at]);
          sum.Add(-static_cast<long double>(product.update.prox) * anchor[at]);
          sum.Add(linear[at]);
        }
        for (std::size_t i = 0; i < extent.images; ++i) {
          for (std::size_t l = 0; l < extent.lines; ++l) {
            for (std::size_t r = 0; r < extent.rows; ++r) {
              sum.Add(static_cast<long double>(
                          At(product.x, i, l, r)[s * segment_stride + k]) *
                      static_cast<long double>(At(product.d, i, l, r)[n]));
            }
          }
        }
        if (form != Form::kMomentum) {
          sum.Expect(after[at]);
          continue;
        }
        sum.Expect(moved[at]);
        Sum step;
        step.Add(before[at]);
        step.Add(-static_cast<long double>(product.update.lr) *
                 static_cast<long double>(moved[at]));
        step.Expect(after[at]);
      }
    }
  }
}

TEST_P(Products, UpdateOverAllTails) {
  using Form = Update<float>::Form;
  for (std::size_t rows = 1; rows <= 14; ++rows) {
    for (const std::size_t columns :
         {1, 7, 10, 16, 17, 31, 32, 33, 48, 64, 65, 130}) {
      for (const std::size_t depth : {1, 5, 6, 7, 12, 13, 40}) {
        CheckUpdate<float>({.rows = rows}, 1, depth, columns, Form::kAdd);
      }
      CheckUpdate<float>({.rows = rows}, 1, 13, columns, Form::kAffine);
      CheckUpdate<float>({.rows = rows}, 1, 13, columns, Form::kMomentum);
      CheckUpdate<double>(
          {.rows = rows}, 1, 7, columns, Update<double>::Form::kMomentum);
    }
  }
}

TEST_P(Products, UpdateOverManyRowsSegmentsAndImages) {
  using Form = Update<float>::Form;
  for (const std::size_t rows : {127, 128, 129, 300}) {
    CheckUpdate<float>({.rows = rows}, 1, 40, 150, Form::kAdd);
    CheckUpdate<float>({.rows = rows}, 1, 33, 20, Form::kMomentum);
  }
  for (const std::size_t segments : {2, 3, 5}) {
    CheckUpdate<float>({2, 3, 7}, segments, 6, 66, Form::kAdd);
    CheckUpdate<float>({3, 20, 14}, segments, 15, 32, Form::kAdd);
    CheckUpdate<double>(
        {2, 2, 5}, segments, 9, 10, Update<double>::Form::kAffine);
  }
}

template <class Real>
void CheckBackward(std::size_t rows,
                   std::size_t columns,
                   std::size_t depth,
                   bool masked,
                   bool accumulate) {
  const auto d = Noise<Real>(rows * (columns + 1), 1);
  const auto w = Noise<Real>(depth * columns, 2);
  const auto mask = Noise<Real>(rows * (depth + 2), 3);
  const auto before = Noise<Real>(rows * (depth + 2), 4);
  auto dx = before;
  BackwardProduct<Real> product{.rows = rows,
                                .columns = columns,
                                .depth = depth,
                                .d = d.data(),
                                .d_stride = columns + 1,
                                .w = w.data(),
                                .dx = dx.data(),
                                .dx_stride = depth + 2,
                                .mask = masked ? mask.data() : nullptr,
                                .scale = Real(1.25),
                                .accumulate = accumulate};
  Multiply(product);
  for (std::size_t m = 0; m < rows; ++m) {
    for (std::size_t k = 0; k < depth + 2; ++k) {
      const std::size_t at = m * (depth + 2) + k;
      if (k >= depth) {
        ASSERT_EQ(dx[at], before[at]) << "written outside of dx";
        continue;
      }
      Sum sum;
      if (accumulate) sum.Add(before[at]);
      for (std::size_t n = 0; n < columns; ++n) {
        sum.Add(static_cast<long double>(d[m * (columns + 1) + n]) *
                static_cast<long double>(w[k * columns + n]));
      }
      if (masked) {
        sum.value *= mask[at] > 0 ? 1.25L : 0.0L;
        sum.magnitude *= 1.25L;
      }
      sum.Expect(dx[at]);
    }
  }
}

TEST_P(Products, BackwardOverAllTails) {
  for (std::size_t rows = 1; rows <= 23; ++rows) {
    for (const std::size_t columns : {1, 7, 10, 16, 17, 50, 512, 513, 1030}) {
      for (const std::size_t depth : {1, 2, 8, 15, 16, 17, 33}) {
        CheckBackward<float>(rows, columns, depth, true, false);
      }
      CheckBackward<float>(rows, columns, 19, false, true);
      CheckBackward<double>(rows, columns, 9, true, false);
      CheckBackward<double>(rows, columns, 18, false, false);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets,
                         Products,
                         ::testing::ValuesIn(InstructionSets()));

}  // namespace
}  // namespace fedtorch::kernel
