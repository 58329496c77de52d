#include "tests/aggregate/direct_case.h"

#include "fedtorch/core/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

std::string WithF(std::string rule, std::int64_t f) {
  for (std::size_t at = rule.find('F'); at != std::string::npos;
       at = rule.find('F')) {
    rule.replace(at, 1, std::to_string(f));
  }
  return rule;
}

double ToFloat(double value) {
  return static_cast<double>(static_cast<float>(value));
}

}  // namespace

Rows DrawRows(std::uint64_t seed,
              std::int64_t n,
              std::int64_t d,
              std::int64_t far) {
  core::Stream stream = core::Stream::Named(seed, "direct");
  std::vector<double> centre;
  for (std::int64_t k = 0; k < d; ++k) centre.push_back(3.0 * stream.Normal());
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  stream.Shuffle(std::span(order));
  Rows rows(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool is_far = order[i] < far;
    for (const double value : centre) {
      rows[i].push_back(ToFloat(value + (is_far ? 4.0 : 1.0) * stream.Normal() +
                                (is_far ? 2.0 : 0.0)));
    }
  }
  return rows;
}

double DirectSquared(const std::vector<double>& a,
                     const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k)
    sum += (a[k] - b[k]) * (a[k] - b[k]);
  return sum;
}

std::vector<double> DirectMean(const Rows& rows, const Subset& subset) {
  std::vector<double> mean(rows.front().size());
  for (const std::int64_t row : subset) {
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] += rows[static_cast<std::size_t>(row)][k];
    }
  }
  for (double& value : mean) value /= static_cast<double>(subset.size());
  return mean;
}

std::vector<double> DirectWeighted(const Rows& rows,
                                   const std::vector<double>& weights) {
  std::vector<double> mean(rows.front().size());
  double total = 0.0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    total += weights[i];
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] += weights[i] * rows[i][k];
    }
  }
  for (double& value : mean) value /= total;
  return mean;
}

std::vector<Subset> Subsets(std::int64_t n, std::int64_t count) {
  std::vector<Subset> all;
  Subset subset(static_cast<std::size_t>(count));
  std::iota(subset.begin(), subset.end(), 0);
  while (true) {
    all.push_back(subset);
    std::int64_t place = count - 1;
    while (place >= 0 &&
           subset[static_cast<std::size_t>(place)] == n - count + place) {
      --place;
    }
    if (place < 0) return all;
    std::int64_t value = ++subset[static_cast<std::size_t>(place)];
    while (++place < count) subset[static_cast<std::size_t>(place)] = ++value;
  }
}

Subset DirectSmallest(const std::vector<double>& values, std::int64_t count) {
  Subset chosen;
  for (std::int64_t k = 0; k < count; ++k) {
    std::int64_t best = -1;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(values.size());
         ++i) {
      if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
      if (best < 0 || values[static_cast<std::size_t>(i)] <
                          values[static_cast<std::size_t>(best)]) {
        best = i;
      }
    }
    chosen.push_back(best);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

std::vector<double> DirectKrumScores(
    const Rows& rows,
    const Subset& among,
    std::int64_t neighbours,
    const std::function<double(double squared)>& distance) {
  std::vector<double> scores;
  for (const std::int64_t i : among) {
    std::vector<double> others;
    for (const std::int64_t j : among) {
      if (i == j) continue;
      others.push_back(
          distance(DirectSquared(rows[static_cast<std::size_t>(i)],
                                 rows[static_cast<std::size_t>(j)])));
    }
    std::sort(others.begin(), others.end());
    scores.push_back(std::accumulate(
        others.begin(),
        others.begin() + static_cast<std::ptrdiff_t>(neighbours),
        0.0));
  }
  return scores;
}

DirectTop DirectTopOf(const Rows& rows, const std::vector<double>& weights) {
  const std::vector<double> mean = DirectWeighted(rows, weights);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  DirectTop top;
  top.direction.assign(mean.size(), 0.0);
  for (std::size_t k = 0; k < mean.size(); ++k) {
    top.direction[k] = 1.0 + 0.1 * static_cast<double>(k % 7);
  }
  for (int step = 0; step < 20000; ++step) {
    std::vector<double> next(mean.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      double along = 0.0;
      for (std::size_t k = 0; k < mean.size(); ++k) {
        along += (rows[i][k] - mean[k]) * top.direction[k];
      }
      for (std::size_t k = 0; k < mean.size(); ++k) {
        next[k] += weights[i] / total * along * (rows[i][k] - mean[k]);
      }
    }
    double length = 0.0;
    for (const double value : next) length += value * value;
    length = std::sqrt(length);
    if (length == 0.0) return top;
    double change = 0.0;
    for (std::size_t k = 0; k < next.size(); ++k) {
      next[k] /= length;
      change = std::max(change, std::fabs(next[k] - top.direction[k]));
    }
    top.value = length;
    top.direction = next;
    if (change < 1e-14) break;
  }
  return top;
}

Result FloatResultOf(const std::string& rule,
                     const Rows& rows,
                     const Context& context) {
  std::vector<float> flat;
  for (const auto& row : rows) {
    for (const double value : row) flat.push_back(static_cast<float>(value));
  }
  const UpdateTable table =
      UpdateTable::Of(std::span<const float>(flat),
                      static_cast<std::int64_t>(rows.front().size()));
  return PipelineFrom({}, rule).Aggregate(table, context);
}

void ExpectSlow(const std::string& rule,
                const std::function<std::int64_t(std::int64_t f)>& least,
                const std::function<std::vector<double>(const Rows& rows,
                                                        std::int64_t f)>& slow,
                const std::vector<std::int64_t>& dimensions) {
  std::uint64_t seed = 100;
  for (const std::int64_t f : {0, 1, 2}) {
    for (const std::int64_t more : {0, 1, 4}) {
      const std::int64_t n = std::max<std::int64_t>(1, least(f) + more);
      for (const std::int64_t d : dimensions) {
        const Rows rows = DrawRows(++seed, n, d, f);
        const std::string text = WithF(rule, f);
        SCOPED_TRACE(text + " n = " + std::to_string(n) +
                     " d = " + std::to_string(d));
        const std::vector<double> expected = slow(rows, f);
        EXPECT_THAT(ResultOf(text, rows).vector,
                    testing::Pointwise(testing::DoubleNear(1e-9), expected));
        EXPECT_THAT(FloatResultOf(text, rows).vector,
                    testing::Pointwise(testing::DoubleNear(2e-5), expected));
      }
    }
  }
}

void ExpectTame(const std::string& rule,
                std::int64_t n,
                std::int64_t f,
                bool bounded) {
  const std::int64_t d = 50;
  const Rows honest = DrawRows(7, n, d, 0);
  double largest = 0.0;
  for (const auto& row : honest) {
    for (const double value : row)
      largest = std::max(largest, std::fabs(value));
  }
  using Fill = std::function<double(std::int64_t bad, std::int64_t k)>;
  const std::vector<std::pair<std::string, Fill>> fills = {
      {"1e20", [](auto, auto) { return 1e20; }},
      {"-1e30", [](auto, auto) { return -1e30; }},
      {"1e3 and 1e30",
       [](std::int64_t bad, std::int64_t k) {
         return bad % 2 == 0 ? 1e3 : (k % 2 == 0 ? 1e30 : -1e30);
       }},
      {"opposite",
       [](std::int64_t bad, auto) { return bad % 2 == 0 ? 1e20 : -1e20; }},
      {"zero", [](auto, auto) { return 0.0; }},
      {"denormal", [](auto, std::int64_t k) {
         return 1e-42 * static_cast<double>(k % 3);
       }}};
  for (const auto& [name, fill] : fills) {
    for (const bool behind : {false, true}) {
      SCOPED_TRACE(rule + " with rows of " + name);
      Rows rows = honest;
      for (std::int64_t bad = 0; bad < f; ++bad) {
        auto& row = rows[static_cast<std::size_t>(behind ? n - 1 - bad : bad)];
        for (std::int64_t k = 0; k < d; ++k) {
          row[static_cast<std::size_t>(k)] = fill(bad, k);
        }
      }
      for (const bool is_float : {false, true}) {
        const auto run = [&] {
          return is_float ? FloatResultOf(rule, rows) : ResultOf(rule, rows);
        };
        const std::vector<double> answer = run().vector;
        EXPECT_EQ(answer, run().vector);
        for (const double value : answer) {
          ASSERT_TRUE(std::isfinite(value));
          if (bounded) {
            ASSERT_LE(std::fabs(value), 2.0 * largest);
          }
        }
      }
    }
  }
  for (const double value : {0.0, 0.75, 1e20, -1e30, 1e-42, 1e-310}) {
    SCOPED_TRACE(rule + " with identical rows");
    const Rows rows(static_cast<std::size_t>(n), std::vector<double>(5, value));
    for (const double out : ResultOf(rule, rows).vector) {
      EXPECT_NEAR(out, value, 1e-12 * std::fabs(value));
    }
    for (const double out : FloatResultOf(rule, rows).vector) {
      EXPECT_NEAR(out, ToFloat(value), 1e-6 * std::fabs(ToFloat(value)));
    }
  }
}

double Kappa(const Rows& rows,
             const std::vector<double>& answer,
             std::int64_t f) {
  const auto n = static_cast<std::int64_t>(rows.size());
  double kappa = 0.0;
  for (const Subset& subset : Subsets(n, n - f)) {
    const std::vector<double> mean = DirectMean(rows, subset);
    double variance = 0.0;
    for (const std::int64_t row : subset) {
      variance += DirectSquared(rows[static_cast<std::size_t>(row)], mean);
    }
    variance /= static_cast<double>(subset.size());
    const double error = DirectSquared(answer, mean);
    if (error > 1e-18) {
      kappa =
          std::max(kappa,
                   variance > 0.0 ? error / variance
                                  : std::numeric_limits<double>::infinity());
    }
  }
  return kappa;
}

Rows DrawAttacked(std::uint64_t seed, std::int64_t n, std::int64_t f) {
  core::Stream stream = core::Stream::Named(seed, "attacked");
  const std::size_t d = 1 + static_cast<std::size_t>(stream.Below(4));
  const double away = std::exp(4.0 * stream.Uniform() - 2.0);
  const bool copies = stream.Below(2) == 0;
  std::vector<double> direction;
  for (std::size_t k = 0; k < d; ++k) direction.push_back(stream.Normal());
  Rows rows(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool bad = static_cast<std::int64_t>(i) < f;
    for (std::size_t k = 0; k < d; ++k) {
      const double noise = bad && copies ? 0.0 : stream.Normal();
      rows[i].push_back(noise + (bad ? away * direction[k] : 0.0));
    }
  }
  stream.Shuffle(std::span(rows));
  return rows;
}

}  // namespace fedtorch::aggregate
