#include "fedtorch/core/stream.h"
#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

using Vector = std::vector<double>;

double Dot(const Vector& x, const Vector& y) {
  double sum = 0;
  for (std::size_t k = 0; k < x.size(); ++k) sum += x[k] * y[k];
  return sum;
}

Vector Minus(const Vector& x, const Vector& y) {
  Vector z = x;
  for (std::size_t k = 0; k < z.size(); ++k) z[k] -= y[k];
  return z;
}

// The Hessian as a whole matrix, by one rank-two update a pair.
struct Dense {
  std::vector<Vector> b;

  Dense(const std::vector<Vector>& steps, const std::vector<Vector>& changes) {
    const std::size_t d = steps[0].size();
    const double sigma =
        Dot(steps.back(), changes.back()) / Dot(steps.back(), steps.back());
    b.assign(d, Vector(d));
    for (std::size_t k = 0; k < d; ++k) b[k][k] = sigma;
    for (std::size_t j = 0; j < steps.size(); ++j) {
      const Vector bs = Times(steps[j]);
      const double sbs = Dot(steps[j], bs);
      const double sy = Dot(steps[j], changes[j]);
      for (std::size_t k = 0; k < d; ++k) {
        for (std::size_t l = 0; l < d; ++l) {
          b[k][l] += changes[j][k] * changes[j][l] / sy - bs[k] * bs[l] / sbs;
        }
      }
    }
  }

  Vector Times(const Vector& v) const {
    Vector result;
    for (const Vector& row : b) result.push_back(Dot(row, v));
    return result;
  }
};

// Everything that happened, kept for ever and by absolute models.
struct Slow {
  std::size_t window;
  std::size_t start;
  std::vector<Vector> models, aggregates;
  std::map<std::int64_t, std::pair<std::size_t, Vector>> last;
  std::map<std::int64_t, std::vector<std::pair<std::size_t, double>>> scores;

  Vector Scores(const Round& round, const Vector& model) {
    const std::size_t t = models.size();
    std::map<std::int64_t, double> distances;
    if (t >= start && t >= 2) {
      std::vector<Vector> steps, changes;
      for (std::size_t j = t > window ? t - window : 1; j < t; ++j) {
        steps.push_back(Minus(models[j], models[j - 1]));
        changes.push_back(Minus(aggregates[j], aggregates[j - 1]));
      }
      const Dense dense(steps, changes);
      double sum = 0;
      for (std::size_t i = 0; i < round.rows.size(); ++i) {
        const auto found = last.find(round.clients[i]);
        if (found == last.end()) continue;
        const auto& [when, update] = found->second;
        if (t - 1 - when > steps.size()) continue;
        const Vector hvp = dense.Times(Minus(model, models[when]));
        Vector error = Minus(round.rows[i], update);
        error = Minus(error, hvp);
        distances[round.clients[i]] = std::sqrt(Dot(error, error));
        sum += distances[round.clients[i]];
      }
      for (auto& [client, distance] : distances) {
        distance *= double(distances.size()) / sum;
        scores[client].emplace_back(t, distance);
      }
    }
    Vector result;
    for (const std::int64_t client : round.clients) {
      double total = 0;
      double count = 0;
      for (const auto& [when, distance] : scores[client]) {
        if (t - when >= window) continue;
        total += distance;
        count += 1;
      }
      result.push_back(count == 0 ? 1.0 : total / count);
    }
    return result;
  }
};

// Updates of clients whose losses have one Hessian, with noise.
struct Quadratic {
  core::Stream stream = core::Stream::Named(3, "quadratic");
  std::map<std::int64_t, Vector> minima;

  Vector Update(std::int64_t client, const Vector& model) {
    Vector& minimum = minima[client];
    while (minimum.size() < model.size()) minimum.push_back(stream.Normal());
    Vector update;
    for (std::size_t k = 0; k < model.size(); ++k) {
      update.push_back(0.1 * double(1 + k % 4) * (minimum[k] - model[k]) +
                       0.01 * stream.Normal());
    }
    return update;
  }
};

TEST(Fldetector, ScoresAsTheWholeHessianDoes) {
  for (const bool all : {true, false}) {
    const std::size_t window = 4;
    const auto rule = FromText("{name: fldetector, window: 4, start_round: 3}");
    Slow slow{.window = window, .start = 3};
    Quadratic clients;
    core::Stream who = core::Stream::Named(8, "who");
    Vector model(6, 0.25);
    Vector previous;
    for (std::int64_t t = 1; t <= 14; ++t) {
      Round round;
      for (std::int64_t client = 0; client < 7; ++client) {
        if (!all && who.Below(3) == 0) continue;
        round.clients.push_back(11 * client);
        round.rows.push_back(clients.Update(client, model));
      }
      UpdateTable table = TableOf(round.rows);
      table.clients = round.clients;
      const Inputs inputs(table);
      const Context context{.round = t, .previous = previous, .model = model};
      const Result result = rule->Aggregate(inputs, context);
      EXPECT_THAT(result.scores,
                  Pointwise(DoubleNear(1e-7), slow.Scores(round, model)))
          << "round " << t;
      rule->Remember(inputs, context, result);
      for (std::size_t i = 0; i < round.rows.size(); ++i) {
        slow.last[round.clients[i]] = {slow.models.size(), round.rows[i]};
      }
      slow.models.push_back(model);
      slow.aggregates.push_back(result.vector);
      previous = result.vector;
      // The server's step is not 1.
      for (std::size_t k = 0; k < model.size(); ++k) {
        model[k] += 0.8 * result.vector[k];
      }
    }
  }
}

// Plays `rounds` rounds of which adversaries 8, 9, 10 send noise from `attack`
// on; returns how often each client was dropped.
std::map<std::int64_t, int> Drops(const std::string& rule,
                                  std::int64_t rounds,
                                  std::int64_t attack,
                                  std::int64_t* first) {
  Player player(rule, 3, 12);
  Quadratic clients;
  core::Stream noise = core::Stream::Named(4, "noise");
  Vector model(12, 0.5);  // that of Player
  std::map<std::int64_t, int> drops;
  *first = 0;
  for (std::int64_t t = 1; t <= rounds; ++t) {
    Round round;
    for (std::int64_t client = 0; client < 11; ++client) {
      round.clients.push_back(client);
      round.rows.push_back(clients.Update(client, model));
      if (client >= 8 && t >= attack) {
        for (double& value : round.rows.back()) value = 0.5 * noise.Normal();
      }
    }
    const Result result = player.Play(round);
    for (std::size_t k = 0; k < model.size(); ++k) {
      model[k] += result.vector[k];
    }
    for (std::int64_t client = 0; client < 11; ++client) {
      if (std::count(result.kept.begin(), result.kept.end(), client) == 0) {
        ++drops[client];
        if (*first == 0) *first = t;
      }
    }
  }
  return drops;
}

TEST(Fldetector, DropsClientsThatNobodyCanPredict) {
  std::int64_t first = 0;
  const auto drops =
      Drops("{name: fldetector, window: 5, start_round: 4}", 16, 5, &first);
  // Predictions begin in round 5, so five rounds are scored in round 9.
  EXPECT_EQ(first, 9);
  EXPECT_THAT(
      drops,
      ElementsAre(
          testing::Pair(8, 8), testing::Pair(9, 8), testing::Pair(10, 8)));
}

TEST(Fldetector, LetsAllPassWhileNobodyAttacks) {
  std::int64_t first = 0;
  EXPECT_THAT(
      Drops("{name: fldetector, window: 5, start_round: 4}", 16, 1000, &first),
      testing::IsEmpty());
}

TEST(Fldetector, WaitsForItsStartRound) {
  std::int64_t first = 0;
  EXPECT_THAT(Drops("fldetector", 16, 1, &first), testing::IsEmpty());
}

TEST(Fldetector, LetsInAsManyAsItsRuleNeeds) {
  // Krum with f = 3 needs 9 of 11: of three suspects the least bad one stays.
  std::int64_t first = 0;
  const std::string rule =
      "{name: fldetector, window: 5, start_round: 4, rule: {name: krum, f: 3}}";
  Player player(rule, 3, 12);
  EXPECT_THAT(FromText(rule)->Obstacle(8, 0),
              HasSubstr("n >= 2f + 3 = 9 updates, found n = 8 with f = 3"));
  // Krum keeps one row; what matters is that no round fails.
  EXPECT_FALSE(Drops(rule, 16, 5, &first).empty());
}

TEST(Fldetector, PassesOnWhatItsRuleNeeds) {
  EXPECT_FALSE(FromText("fldetector")->needs_declared_f());
  EXPECT_TRUE(FromText("{name: fldetector, rule: krum}")->needs_declared_f());
}

TEST(Fldetector, ResumesToTheBit) {
  ExpectResumes("{name: fldetector, window: 3, start_round: 2}", 0);
  ExpectResumes(
      "{name: fldetector, window: 3, start_round: 2, rule: {name: afa, xi: 1}}",
      0);
  ExpectBoundedState("{name: fldetector, window: 4, start_round: 2}", 0);
}

TEST(Fldetector, SurvivesExtremeRows) {
  for (const std::int64_t n : {1, 2, 7}) {
    ExpectSurvives("{name: fldetector, window: 2, start_round: 1}", 0, n);
    ExpectSurvives("{name: fldetector, window: 2, start_round: 1}", n / 2, n);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
