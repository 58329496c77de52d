#include "fedtorch/kernel/pool.h"

#include "tests/kernel/noise.h"

#include <cmath>
#include <optional>

namespace fedtorch::kernel {
namespace {

class Pools : public OnEveryInstructionSet {};

struct Shape {
  std::size_t height, width, channels, kernel, stride, padding;
  bool ceiling;
};

std::size_t Windows(std::size_t size, const Shape& shape) {
  const std::size_t room = size + 2 * shape.padding - shape.kernel;
  std::size_t windows = room / shape.stride + 1;
  if (shape.ceiling && room % shape.stride != 0 &&
      windows * shape.stride < size + shape.padding) {
    ++windows;
  }
  return windows;
}

std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  for (const std::size_t channels : {1, 3, 16, 17, 64}) {
    shapes.push_back({6, 8, channels, 2, 2, 0, false});
    shapes.push_back({7, 5, channels, 2, 2, 0, false});
    shapes.push_back({7, 5, channels, 2, 2, 0, true});
    shapes.push_back({7, 9, channels, 3, 2, 1, false});
    shapes.push_back({8, 8, channels, 3, 1, 1, false});
    shapes.push_back({9, 9, channels, 2, 3, 0, true});
  }
  return shapes;
}

// Pixel (i, j) of channel c, or nothing outside of the image.
struct Image {
  const Shape& shape;
  std::optional<std::size_t> Place(std::size_t image,
                                   std::size_t line,
                                   std::size_t row,
                                   std::size_t i,
                                   std::size_t j,
                                   std::size_t c) const {
    const std::size_t y = line * shape.stride + i;
    const std::size_t x = row * shape.stride + j;
    if (y < shape.padding || x < shape.padding) return std::nullopt;
    if (y - shape.padding >= shape.height || x - shape.padding >= shape.width) {
      return std::nullopt;
    }
    return ((image * shape.height + y - shape.padding) * shape.width + x -
            shape.padding) *
               shape.channels +
           c;
  }
};

// The definition, pixel by pixel: forward values and where gradients go.
template <class Real>
void Check(const Shape& shape, bool ties) {
  constexpr std::size_t kImages = 2;
  const std::size_t out_height = Windows(shape.height, shape);
  const std::size_t out_width = Windows(shape.width, shape);
  const std::size_t n = shape.channels;
  auto x = Noise<Real>(kImages * shape.height * shape.width * n, 1);
  if (ties) {
    for (Real& value : x) value = std::round(value);
  }
  const auto dy = Noise<Real>(kImages * out_height * out_width * n, 2);
  std::vector<Real> y(dy.size()), mean(dy.size()), winner(dy.size());
  std::vector<Real> dx(x.size(), Real{9}), d_mean(x.size(), Real{9});
  std::vector<Real> d_relu(x.size(), Real{9});
  const Pool<Real> pool{.images = kImages,
                        .channels = n,
                        .height = shape.height,
                        .width = shape.width,
                        .out_height = out_height,
                        .out_width = out_width,
                        .kernel = shape.kernel,
                        .stride = shape.stride,
                        .padding = shape.padding};
  const auto in = [&](auto* data) {
    return Rows<std::remove_pointer_t<decltype(data)>>{
        data, n, shape.width * n, shape.height * shape.width * n};
  };
  const auto out = [&](auto* data) {
    return Rows<std::remove_pointer_t<decltype(data)>>{
        data, n, out_width * n, out_height * out_width * n};
  };
  const auto constant = [](const std::vector<Real>& values) {
    return values.data();
  };
  MaxPoolForward(pool, in(constant(x)), out(y.data()), winner.data());
  MaxPoolBackward(pool,
                  winner.data(),
                  out(constant(y)),
                  out(constant(dy)),
                  false,
                  in(dx.data()));
  MaxPoolBackward(pool,
                  winner.data(),
                  out(constant(y)),
                  out(constant(dy)),
                  true,
                  in(d_relu.data()));
  AveragePoolForward(pool, in(constant(x)), out(mean.data()));
  AveragePoolBackward(pool, out(constant(dy)), in(d_mean.data()));

  std::vector<double> expected(x.size(), 0.0), expected_mean(x.size(), 0.0);
  std::vector<double> expected_relu(x.size(), 0.0);
  const Image image{shape};
  for (std::size_t b = 0; b < kImages; ++b) {
    for (std::size_t line = 0; line < out_height; ++line) {
      for (std::size_t row = 0; row < out_width; ++row) {
        for (std::size_t c = 0; c < n; ++c) {
          const std::size_t at =
              ((b * out_height + line) * out_width + row) * n + c;
          std::vector<std::size_t> places;
          for (std::size_t i = 0; i < shape.kernel; ++i) {
            for (std::size_t j = 0; j < shape.kernel; ++j) {
              const auto place = image.Place(b, line, row, i, j, c);
              if (place) places.push_back(*place);
            }
          }
          std::size_t best = places.front();
          double sum = 0.0;
          for (const std::size_t place : places) {
            if (x[place] > x[best]) best = place;
            sum += static_cast<double>(x[place]);
          }
          ASSERT_EQ(y[at], x[best]);
          const auto count = static_cast<double>(places.size());
          EXPECT_NEAR(
              static_cast<double>(mean[at]), sum / count, 20 * kEpsilon<Real>);
          expected[best] += static_cast<double>(dy[at]);
          if (x[best] > 0) expected_relu[best] += static_cast<double>(dy[at]);
          for (const std::size_t place : places) {
            expected_mean[place] += static_cast<double>(dy[at]) / count;
          }
        }
      }
    }
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(dx[i]), expected[i], 40 * kEpsilon<Real>);
    EXPECT_NEAR(
        static_cast<double>(d_relu[i]), expected_relu[i], 40 * kEpsilon<Real>);
    EXPECT_NEAR(
        static_cast<double>(d_mean[i]), expected_mean[i], 40 * kEpsilon<Real>);
  }
}

TEST_P(Pools, AreTheDefinitionPixelByPixel) {
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(
        std::to_string(shape.height) + "x" + std::to_string(shape.width) + "x" +
        std::to_string(shape.channels) + " k" + std::to_string(shape.kernel) +
        " s" + std::to_string(shape.stride) + " p" +
        std::to_string(shape.padding));
    Check<float>(shape, false);
    // Of equal values the first wins.
    Check<float>(shape, true);
    Check<double>(shape, false);
  }
}

TEST_P(Pools, KeepWhatIsNotANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (std::size_t place = 0; place < 4; ++place) {
    std::vector<float> x{1.0F, 2.0F, 3.0F, 4.0F};
    x[place] = nan;
    float y = 0.0F;
    float winner = -1.0F;
    const Pool<float> pool{.images = 1,
                           .channels = 1,
                           .height = 2,
                           .width = 2,
                           .out_height = 1,
                           .out_width = 1,
                           .kernel = 2,
                           .stride = 2};
    MaxPoolForward(pool,
                   Rows<const float>{x.data(), 1, 2, 4},
                   Rows<float>{&y, 1, 1, 1},
                   &winner);
    EXPECT_TRUE(std::isnan(y)) << place;
    EXPECT_EQ(winner, static_cast<float>(place));
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets,
                         Pools,
                         ::testing::ValuesIn(InstructionSets()));

}  // namespace
}  // namespace fedtorch::kernel
