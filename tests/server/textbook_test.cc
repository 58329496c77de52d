// The optimisers against the formulas of their papers, written out one
// coordinate at a time over the whole history, without running state.

#include "fedtorch/core/stream.h"
#include "tests/server/optimizer_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

namespace fedtorch::server {
namespace {

struct Settings {
  double lr = 0.0;
  double beta1 = 0.0;
  double beta2 = 0.0;
  double tau = 0.0;
  double v0 = 0.0;
  bool correct = false;

  std::string Text(const std::string& name) const {
    std::string text = "{name: " + name + ", lr: " + std::to_string(lr) +
                       ", beta1: " + std::to_string(beta1) +
                       ", tau: " + std::to_string(tau) +
                       ", v0: " + std::to_string(v0);
    if (name != "adagrad") {
      text += ", beta2: " + std::to_string(beta2) +
              ", bias_correction: " + (correct ? "adam" : "none");
    }
    return text + "}";
  }
};

// Draws settings of few digits, so that their texts are exact.
Settings DrawSettings(core::Stream& stream) {
  const auto decimal = [&stream](std::uint64_t below, double unit) {
    return static_cast<double>(stream.Below(below)) * unit;
  };
  Settings settings;
  settings.lr = 0.25 + decimal(8, 0.25);
  settings.beta1 = decimal(8, 0.125);
  settings.beta2 = decimal(8, 0.125);
  settings.tau = 0.015625 + decimal(8, 0.0625);
  settings.v0 = decimal(4, 0.25);
  settings.correct = stream.Below(2) == 1;
  return settings;
}

// m_t = (1 - beta1) sum_s beta1^(t - s) delta_s, with the t-th the last.
long double MeanOfHistory(const Vector& deltas,
                          std::size_t count,
                          double beta) {
  long double sum = 0.0L;
  for (std::size_t s = 0; s < count; ++s) {
    sum += std::pow(static_cast<long double>(beta),
                    static_cast<long double>(count - 1 - s)) *
           deltas[s];
  }
  return (1.0L - beta) * sum;
}

Vector Squares(const Vector& deltas) {
  Vector squares;
  for (const double delta : deltas) squares.push_back(delta * delta);
  return squares;
}

long double AdagradV(const Settings& settings,
                     const Vector& deltas,
                     std::size_t count) {
  long double v = settings.v0;
  for (std::size_t s = 0; s < count; ++s) v += deltas[s] * deltas[s];
  return v;
}

long double AdamV(const Settings& settings,
                  const Vector& deltas,
                  std::size_t count) {
  return std::pow(static_cast<long double>(settings.beta2),
                  static_cast<long double>(count)) *
             settings.v0 +
         MeanOfHistory(Squares(deltas), count, settings.beta2);
}

long double YogiV(const Settings& settings,
                  const Vector& deltas,
                  std::size_t count) {
  if (count == 0) return settings.v0;
  const long double before = YogiV(settings, deltas, count - 1);
  const long double square =
      static_cast<long double>(deltas[count - 1]) * deltas[count - 1];
  const long double sign = before > square   ? 1.0L
                           : before < square ? -1.0L
                                             : 0.0L;
  return before - (1.0L - settings.beta2) * square * sign;
}

using SecondMoment = long double (*)(const Settings&,
                                     const Vector&,
                                     std::size_t);

Vector TextbookPath(const Settings& settings,
                    const Vector& deltas,
                    SecondMoment second_moment) {
  long double x = 0.0L;
  Vector path;
  for (std::size_t count = 1; count <= deltas.size(); ++count) {
    long double m = MeanOfHistory(deltas, count, settings.beta1);
    long double v = second_moment(settings, deltas, count);
    if (settings.correct) {
      const auto power = static_cast<long double>(count);
      m /= 1.0L - std::pow(static_cast<long double>(settings.beta1), power);
      v /= 1.0L - std::pow(static_cast<long double>(settings.beta2), power);
    }
    x += settings.lr * m / (std::sqrt(v) + settings.tau);
    path.push_back(static_cast<double>(x));
  }
  return path;
}

void ExpectTextbook(const std::string& name, SecondMoment second_moment) {
  core::Stream stream = core::Stream::Named(1, "settings");
  for (int repetition = 0; repetition < 100; ++repetition) {
    Settings settings = DrawSettings(stream);
    if (name == "adagrad") settings.correct = false;
    Vector deltas;
    for (int i = 0; i < 12; ++i) deltas.push_back(2.0 * stream.Normal());
    EXPECT_THAT(
        ScalarSteps(settings.Text(name), deltas),
        testing::Pointwise(testing::DoubleNear(1e-12),
                           TextbookPath(settings, deltas, second_moment)))
        << settings.Text(name);
  }
}

TEST(Textbook, Adagrad) { ExpectTextbook("adagrad", AdagradV); }

TEST(Textbook, Adam) { ExpectTextbook("adam", AdamV); }

TEST(Textbook, Yogi) { ExpectTextbook("yogi", YogiV); }

TEST(Textbook, Momentum) {
  core::Stream stream = core::Stream::Named(2, "settings");
  for (const double beta : {0.0, 0.5, 0.875}) {
    for (const bool ema : {false, true}) {
      for (const bool nesterov : {false, true}) {
        Vector deltas;
        for (int i = 0; i < 12; ++i) deltas.push_back(stream.Normal());
        // v_t = gain sum_s beta^(t - s) delta_s.
        const double gain = ema ? 1.0 - beta : 1.0;
        double x = 0.0;
        Vector expected;
        for (std::size_t count = 1; count <= deltas.size(); ++count) {
          const auto mean =
              static_cast<double>(MeanOfHistory(deltas, count, beta));
          const double v = gain * mean / (1.0 - beta);
          x += 0.25 * (nesterov ? beta * v + gain * deltas[count - 1] : v);
          expected.push_back(x);
        }
        const std::string text =
            "{name: momentum, lr: 0.25, momentum: " + std::to_string(beta) +
            ", nesterov: " + (nesterov ? "true" : "false") +
            ", form: " + (ema ? "ema" : "pytorch") + "}";
        EXPECT_THAT(ScalarSteps(text, deltas),
                    testing::Pointwise(testing::DoubleNear(1e-12), expected))
            << text;
      }
    }
  }
}

}  // namespace
}  // namespace fedtorch::server
