#include "tests/aggregate/rule_case.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace fedtorch::aggregate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct Hostile {
  std::string name;
  std::vector<double> (*row)(std::size_t dimension, std::size_t index);
};

const std::vector<Hostile>& HostileRows() {
  using Row = std::vector<double>;
  static const std::vector<Hostile> all = {
      {"1e3", [](std::size_t d, std::size_t) { return Row(d, 1e3); }},
      {"1e20", [](std::size_t d, std::size_t) { return Row(d, 1e20); }},
      {"-1e30", [](std::size_t d, std::size_t) { return Row(d, -1e30); }},
      {"largest float",
       [](std::size_t d, std::size_t) {
         return Row(d, static_cast<double>(std::numeric_limits<float>::max()));
       }},
      {"huge and different",
       [](std::size_t d, std::size_t i) {
         Row row(d, i % 2 == 0 ? 1e18 : -3e22);
         row[i % d] = -row[i % d];
         return row;
       }},
      {"zero", [](std::size_t d, std::size_t) { return Row(d, 0.0); }},
      {"denormal", [](std::size_t d, std::size_t) { return Row(d, 1e-42); }},
      {"smallest", [](std::size_t d, std::size_t) { return Row(d, 5e-324); }},
      {"infinite",
       [](std::size_t d, std::size_t) { return Row(d, kInfinity); }},
      {"minus infinite",
       [](std::size_t d, std::size_t) { return Row(d, -kInfinity); }},
      {"NaN", [](std::size_t d, std::size_t) { return Row(d, kNaN); }},
      {"one NaN",
       [](std::size_t d, std::size_t) {
         Row row(d, 1.0);
         row[d / 2] = kNaN;
         return row;
       }},
  };
  return all;
}

bool IsFinite(const std::vector<double>& vector) {
  return std::all_of(vector.begin(), vector.end(), [](double value) {
    return std::isfinite(value);
  });
}

struct FloatRows {
  std::vector<std::vector<float>> rows;
  UpdateTable table;

  explicit FloatRows(const Rows& from) {
    std::vector<const float*> pointers;
    for (const auto& row : from) rows.emplace_back(row.begin(), row.end());
    for (const auto& row : rows) pointers.push_back(row.data());
    table.rows = std::move(pointers);
    table.dimension = static_cast<std::int64_t>(from.front().size());
  }
};

// Equal also where both are NaN.
bool SameBits(const Rows& a, const Rows& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t k = 0; k < a[i].size(); ++k) {
      if (!(a[i][k] == b[i][k] ||
            (std::isnan(a[i][k]) && std::isnan(b[i][k])))) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

Rows DrawRows(std::uint64_t seed, std::int64_t rows, std::int64_t dimension) {
  core::Stream stream = core::Stream::Named(seed, "rows");
  Rows all(static_cast<std::size_t>(rows));
  for (auto& row : all) {
    for (std::int64_t k = 0; k < dimension; ++k) {
      row.push_back(
          static_cast<double>(static_cast<float>(1.0 + stream.Normal())));
    }
  }
  return all;
}

Result Join(const Pipeline& pipeline,
            const Rows& rows,
            const Context& context,
            bool as_float) {
  if (!as_float) return pipeline.Aggregate(TableOf(rows), context);
  const FloatRows floats(rows);
  return pipeline.Aggregate(floats.table, context);
}

std::vector<double> Joined(const std::string& rule,
                           const Rows& rows,
                           const Context& context,
                           bool as_float) {
  return Join(PipelineFrom({}, rule), rows, context, as_float).vector;
}

void ExpectEquals(
    const std::string& rule,
    const std::vector<std::int64_t>& sizes,
    const std::function<std::vector<double>(const Rows&, std::size_t f)>&
        slow) {
  std::uint64_t seed = 0;
  for (const std::int64_t n : sizes) {
    for (const std::int64_t d : {1, 17, 300}) {
      const Rows rows = DrawRows(++seed, n, d);
      for (const std::int64_t f :
           {std::int64_t{0}, std::int64_t{1}, n / 5, (n - 1) / 2}) {
        if (2 * f >= n) continue;
        for (const bool as_float : {false, true}) {
          EXPECT_THAT(
              Joined(rule, rows, {.f = f}, as_float),
              testing::Pointwise(testing::DoubleNear(1e-13),
                                 slow(rows, static_cast<std::size_t>(f))))
              << "n " << n << ", d " << d << ", f " << f;
        }
      }
    }
  }
}

Rows Staged(const std::string& stage,
            const Rows& rows,
            const Context& context) {
  auto document =
      config::Document::FromText("stage: " + stage, "aggregate_test.yaml");
  auto root = document.Root();
  const auto made = config::MakeKind(
      root, {.name = "stage", .help = ""}, pre::AllKinds(), std::nullopt);
  document.Finish();
  const UpdateTable table = TableOf(rows);
  const Inputs inputs(table);
  const Inputs mixed = inputs.Mixed(made->Mix(inputs, context));
  Rows out;
  for (const double* row : std::get<1>(mixed.table().rows)) {
    out.emplace_back(row, row + table.dimension);
  }
  return out;
}

void ExpectSurvives(const std::string& rule,
                    std::int64_t n,
                    std::int64_t f,
                    bool bounded) {
  constexpr std::int64_t kDimension = 50;
  const Rows honest = DrawRows(77, n, kDimension);
  std::vector<double> mean(kDimension);
  for (std::int64_t i = f; i < n; ++i) {
    for (std::size_t k = 0; k < mean.size(); ++k) {
      mean[k] +=
          honest[static_cast<std::size_t>(i)][k] / static_cast<double>(n - f);
    }
  }
  const std::vector<double> model(kDimension, 0.25);
  const Context context{.f = f, .seed = 5, .round = 3, .model = model};
  const std::vector<std::vector<std::string>> stages = {
      {},
      {"nnm"},
      {"{name: bucketing, size: 1}"},
      {"{name: static_clipping, max_norm: 5}"},
      {"arc"}};
  for (const Hostile& hostile : HostileRows()) {
    Rows rows = honest;
    for (std::size_t i = 0; i < static_cast<std::size_t>(f); ++i) {
      rows[i] = hostile.row(kDimension, i);
    }
    for (const auto& before : stages) {
      const Pipeline pipeline = PipelineFrom(before, rule);
      for (const bool as_float : {false, true}) {
        SCOPED_TRACE(rule + " behind " +
                     (before.empty() ? "nothing" : before.front()) + " on " +
                     hostile.name + (as_float ? " floats" : " doubles"));
        const Rows copy = rows;
        const Result result = Join(pipeline, rows, context, as_float);
        EXPECT_TRUE(SameBits(copy, rows));
        ASSERT_EQ(result.vector.size(), mean.size());
        EXPECT_TRUE(IsFinite(result.vector));
        EXPECT_EQ(Join(pipeline, rows, context, as_float).vector,
                  result.vector);
        // Honest rows have a spread of about 7.
        if (bounded) {
          EXPECT_LE(Distance(result.vector, mean), 12.0);
        }
      }
    }
  }
  // Nobody is hostile, and nobody is expected to be.
  for (const double value : {0.0, 1.0, -3.5e10, 1e-42}) {
    const Rows same(static_cast<std::size_t>(n),
                    std::vector<double>(kDimension, value));
    for (const bool as_float : {false, true}) {
      SCOPED_TRACE(rule + " on identical rows of " + std::to_string(value));
      EXPECT_TRUE(IsFinite(
          Join(PipelineFrom({}, rule), same, context, as_float).vector));
      Context none = context;
      none.f = 0;
      EXPECT_TRUE(
          IsFinite(Join(PipelineFrom({}, rule), same, none, as_float).vector));
    }
  }
  Context none = context;
  none.f = 0;
  const Pipeline alone = PipelineFrom({}, rule);
  if (alone.Obstacle(1, 0).empty()) {
    EXPECT_TRUE(IsFinite(Join(alone, {honest[0]}, none, false).vector));
    EXPECT_TRUE(IsFinite(Join(alone, {honest[0]}, none, true).vector));
  }
}

double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k)
    sum += (a[k] - b[k]) * (a[k] - b[k]);
  return std::sqrt(sum);
}

}  // namespace fedtorch::aggregate
