#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/random_rows.h"
#include "tests/aggregate/server_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pointwise;

Result Trusted(const std::vector<std::vector<double>>& rows,
               std::vector<double> own,
               const std::string& rule = "fltrust") {
  FakeServer server;
  server.own = std::move(own);
  return ResultOf(rule, rows, {.server = &server});
}

TEST(FlTrust, WeighsTheReferenceInput) {
  const Result result = Trusted(InputC(), {1, 0});
  EXPECT_THAT(
      result.vector,
      ElementsAre(DoubleNear(.993816, 5e-7), DoubleNear(.049608, 5e-7)));
  EXPECT_THAT(result.scores,
              ElementsAre(DoubleNear(1, 1e-12),
                          DoubleNear(.995893, 5e-7),
                          DoubleNear(.993884, 5e-7),
                          DoubleNear(.980581, 5e-7),
                          DoubleNear(1, 1e-12),
                          DoubleNear(.992278, 5e-7),
                          0.0));
  EXPECT_THAT(result.kept, ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(FlTrust, TrustsNobodyOnTheOtherInputs) {
  // All rows of A point away from the server: the old model stays.
  const Result kept = Trusted(InputA(), {-1, -1, -1});
  EXPECT_THAT(kept.vector, ElementsAre(0.0, 0.0, 0.0));
  EXPECT_THAT(kept.kept, IsEmpty());
  // Or all count alike, each at the server's length 2: rows of norms 5 and 10.
  const Result alike =
      Trusted({{3, 4}, {6, 8}}, {-2, 0}, "{name: fltrust, no_trust: uniform}");
  EXPECT_THAT(alike.vector,
              ElementsAre(DoubleNear(1.2, 1e-12), DoubleNear(1.6, 1e-12)));
  EXPECT_THAT(alike.scores, ElementsAre(0.0, 0.0));
}

TEST(FlTrust, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const auto n = static_cast<std::int64_t>(seed * 3);
    const std::int64_t d = 5000 / static_cast<std::int64_t>(seed);
    const RandomRows rows = RandomRows::Draw(seed, n, d, n / 3);
    FakeServer server;
    server.own = rows.values[0];
    for (double& value : server.own) value = 0.5 * value + 0.1;
    std::vector<double> expected(static_cast<std::size_t>(d));
    double total = 0.0;
    double length = 0.0;
    for (const double value : server.own) length += value * value;
    length = std::sqrt(length);
    for (const auto& row : rows.values) {
      double norm = 0.0;
      double product = 0.0;
      for (std::size_t k = 0; k < row.size(); ++k) {
        norm += row[k] * row[k];
        product += row[k] * server.own[k];
      }
      norm = std::sqrt(norm);
      const double trust = std::max(0.0, product / norm / length);
      total += trust;
      for (std::size_t k = 0; k < row.size(); ++k) {
        expected[k] += trust * length / norm * row[k];
      }
    }
    for (double& value : expected) value /= total;
    for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
      EXPECT_THAT(PipelineFrom({}, "fltrust")
                      .Aggregate(table, {.server = &server})
                      .vector,
                  Pointwise(DoubleNear(1e-11), expected));
    }
  }
}

TEST(FlTrust, IsNeverLongerThanTheServersOwn) {
  // Of a row that is tiny beside the others only values know the length.
  std::vector<std::vector<float>> rows(6, std::vector<float>(40, 1.0F));
  rows[1].assign(40, 1e-20F);
  rows[2].assign(40, 1e30F);
  rows[3].assign(40, 0.0F);
  rows[4].assign(40, 1e-42F);
  rows[5].assign(40, 0.0F);
  rows[5][0] = 1e-8F;
  std::vector<float> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  FakeServer server;
  server.own.assign(40, 0.25);
  const Result result =
      PipelineFrom({}, "fltrust")
          .Aggregate(UpdateTable::Of(std::span<const float>(flat), 40),
                     {.server = &server});
  // Rows 0, 1, 2, 4 point the server's way, row 5 along one axis only, with
  // the cosine 1 / sqrt(40).
  const double cosine = 1.0 / std::sqrt(40.0);
  const double rest = 4.0 * 0.25 / (4.0 + cosine);
  EXPECT_NEAR(result.vector[0],
              rest + cosine / (4.0 + cosine) * 0.25 * std::sqrt(40.0),
              1e-6);
  EXPECT_NEAR(result.vector[1], rest, 1e-6);
  double square = 0.0;
  for (const double value : result.vector) square += value * value;
  EXPECT_LE(std::sqrt(square), 0.25 * std::sqrt(40.0));
  EXPECT_EQ(result.scores[3], 0.0);
}

TEST(FlTrust, KeepsTheModelWhenTheServerHasNothingToSay) {
  for (const std::string rule :
       {"fltrust", "{name: fltrust, no_trust: uniform}"}) {
    EXPECT_THAT(Trusted(InputA(), {0, 0, 0}, rule).vector,
                ElementsAre(0.0, 0.0, 0.0));
  }
}

TEST(FlTrust, SaysThatItNeedsTheServersSamples) {
  EXPECT_TRUE(PipelineFrom({}, "fltrust").needs_server_data());
  EXPECT_THAT(PipelineFrom({}, "fltrust").Obstacle(1, 0), IsEmpty());
}

}  // namespace
}  // namespace fedtorch::aggregate
