#include "tests/aggregate/aggregate_case.h"
#include "tests/aggregate/rounds_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace fedtorch::aggregate {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

using Rows = std::vector<std::vector<double>>;

Rows Zero(std::size_t rows, std::size_t columns) {
  return Rows(rows, std::vector<double>(columns));
}

Rows Times(const Rows& x, const Rows& y) {
  Rows z = Zero(x.size(), y[0].size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t k = 0; k < y.size(); ++k) {
      for (std::size_t j = 0; j < y[0].size(); ++j)
        z[i][j] += x[i][k] * y[k][j];
    }
  }
  return z;
}

Rows Turned(const Rows& x) {
  Rows y = Zero(x[0].size(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j < x[0].size(); ++j) y[j][i] = x[i][j];
  }
  return y;
}

void Add(const Rows& x, Rows* to) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j < x[0].size(); ++j) (*to)[i][j] += x[i][j];
  }
}

// Solves x y = z for y by elimination.
Rows Solve(Rows x, Rows z) {
  const std::size_t n = x.size();
  for (std::size_t c = 0; c < n; ++c) {
    std::size_t pivot = c;
    for (std::size_t r = c; r < n; ++r) {
      if (std::fabs(x[r][c]) > std::fabs(x[pivot][c])) pivot = r;
    }
    std::swap(x[c], x[pivot]);
    std::swap(z[c], z[pivot]);
    for (std::size_t r = 0; r < n; ++r) {
      if (r == c) continue;
      const double factor = x[r][c] / x[c][c];
      for (std::size_t k = 0; k < n; ++k) x[r][k] -= factor * x[c][k];
      for (std::size_t k = 0; k < z[0].size(); ++k) {
        z[r][k] -= factor * z[c][k];
      }
    }
  }
  for (std::size_t r = 0; r < n; ++r) {
    for (double& value : z[r]) value /= x[r][r];
  }
  return z;
}

// Alternates with whole matrices A [clients, clients] and B [values, values].
Rows Forecast(std::vector<Rows> history) {
  const std::size_t m = history[0].size();
  const std::size_t p = history[0][0].size();
  if (history.size() < 2) return history.back();
  double squares = 0;
  for (const Rows& x : history) {
    for (const auto& row : x) {
      for (const double value : row) squares += value * value;
    }
  }
  const double scale = std::sqrt(squares / double(history.size() * m * p));
  for (Rows& x : history) {
    for (auto& row : x) {
      for (double& value : row) value /= scale;
    }
  }
  Rows a = Zero(m, m);
  Rows b = Zero(p, p);
  for (std::size_t k = 0; k < p; ++k) b[k][k] = 1;
  for (int step = 0; step < 100; ++step) {
    Rows products = Zero(m, m);
    Rows sums = Zero(m, m);
    for (std::size_t k = 0; k < m; ++k) sums[k][k] = 1;
    for (std::size_t t = 1; t < history.size(); ++t) {
      const Rows z = Times(history[t - 1], b);
      Add(Times(history[t], Turned(z)), &products);
      Add(Times(z, Turned(z)), &sums);
    }
    a = Turned(Solve(sums, Turned(products)));
    products = Zero(p, p);
    sums = Zero(p, p);
    for (std::size_t k = 0; k < p; ++k) sums[k][k] = 1;
    for (std::size_t t = 1; t < history.size(); ++t) {
      const Rows w = Times(a, history[t - 1]);
      Add(Times(Turned(w), history[t]), &products);
      Add(Times(Turned(w), w), &sums);
    }
    b = Solve(sums, products);
  }
  Rows result = Times(Times(a, history.back()), b);
  for (auto& row : result) {
    for (double& value : row) value *= scale;
  }
  return result;
}

TEST(Flanders, ForecastsAsWholeMatricesDo) {
  // More values than rows of the history, and fewer.
  for (const std::int64_t d : {3, 40}) {
    const std::int64_t f = 2;
    const std::size_t window = 4;
    Player player("{name: flanders, window: 4}", f, d);
    std::vector<double> model(static_cast<std::size_t>(d), 0.5);
    std::vector<std::pair<std::vector<double>,
                          std::map<std::int64_t, std::vector<double>>>>
        past;
    for (const Round& round : DrawRounds(5, 9, 8, d)) {
      const Result result = player.Play(round);
      Rows models = round.rows;
      for (auto& row : models) {
        for (std::size_t k = 0; k < row.size(); ++k) row[k] += model[k];
      }
      std::vector<std::size_t> order(round.rows.size());
      std::iota(order.begin(), order.end(), 0u);
      if (!past.empty()) {
        std::vector<Rows> history;
        for (std::size_t t = past.size() > window ? past.size() - window : 0;
             t < past.size();
             ++t) {
          Rows& x = history.emplace_back();
          for (const std::int64_t client : round.clients) {
            const auto own = past[t].second.find(client);
            x.push_back(own == past[t].second.end() ? past[t].first
                                                    : own->second);
          }
        }
        const Rows forecast = Forecast(history);
        std::vector<double> errors;
        for (std::size_t i = 0; i < models.size(); ++i) {
          double sum = 0;
          for (std::size_t k = 0; k < models[i].size(); ++k) {
            sum += std::pow(models[i][k] - forecast[i][k], 2);
          }
          errors.push_back(std::sqrt(sum));
        }
        EXPECT_THAT(result.scores, Pointwise(DoubleNear(1e-6), errors));
        std::stable_sort(order.begin(), order.end(), [&](auto x, auto y) {
          return errors[x] < errors[y];
        });
        order.resize(order.size() - static_cast<std::size_t>(f));
      }
      std::sort(order.begin(), order.end());
      std::vector<std::int64_t> kept(order.begin(), order.end());
      EXPECT_EQ(result.kept, kept);
      for (std::size_t k = 0; k < model.size(); ++k) {
        model[k] += result.vector[k];
      }
      past.emplace_back(model, std::map<std::int64_t, std::vector<double>>());
      for (const std::size_t i : order) {
        past.back().second[round.clients[i]] = models[i];
      }
    }
  }
}

TEST(Flanders, DropsAMajorityThatLeavesTheWay) {
  // Six of nine begin to send noise in round 6.
  std::vector<Round> rounds = DrawRounds(6, 10, 9, 30);
  Player player("{name: flanders, keep: 3}", 0, 30);
  for (std::size_t t = 0; t < rounds.size(); ++t) {
    Round round = rounds[t];
    if (t >= 5) {
      for (std::size_t i = 3; i < round.rows.size(); ++i) {
        for (double& value : round.rows[i]) value = -20.0 * value;
      }
    }
    const Result result = player.Play(round);
    if (t >= 5) {
      EXPECT_THAT(result.kept, ElementsAre(0, 1, 2)) << "round " << t + 1;
    }
  }
}

TEST(Flanders, SamplesTheSameValuesInEveryRound) {
  // One value of many; rows differ in all, so errors are those of one value.
  Player player("{name: flanders, samples: 1, keep: 1}", 0, 50);
  const Round first{{std::vector<double>(50, 1.0)}, {0}};
  player.Play(first);
  Round second{{std::vector<double>(50, 1.0), std::vector<double>(50, 2.0)},
               {0, 1}};
  // Models: 2.5 and 3.5 against a history of one matrix, 1.5 for both.
  EXPECT_THAT(player.Play(second).scores, ElementsAre(1.0, 2.0));
}

TEST(Flanders, HandsOnToAnotherRule) {
  Player player("{name: flanders, keep: 3, rule: median}", 0, 1);
  player.Play({{{1}, {1}, {1}, {1}}, {0, 1, 2, 3}});
  EXPECT_THAT(player.Play({{{1}, {1.5}, {4}, {90}}, {0, 1, 2, 3}}).vector,
              ElementsAre(1.5));
}

TEST(Flanders, NamesNAndFWhereTheyDoNotFit) {
  EXPECT_EQ(FromText("{name: flanders, f: 2}")->Obstacle(3, 0), "");
  EXPECT_EQ(FromText("{name: flanders, f: 2}")->Obstacle(2, 0),
            "flanders needs n > f updates, found n = 2 with f = 2");
  EXPECT_EQ(FromText("{name: flanders, keep: 1}")->Obstacle(1, 5), "");
  // Seven of eight pass, five are enough for one adversary, four are not.
  const auto krum =
      FromText("{name: flanders, f: 1, rule: {name: krum, f: 1}}");
  EXPECT_EQ(krum->Obstacle(6, 0), "");
  EXPECT_THAT(krum->Obstacle(5, 0), HasSubstr("found n = 4 with f = 1"));
}

TEST(Flanders, NeedsADeclaredNumberOnlyWithoutItsOwn) {
  EXPECT_TRUE(FromText("flanders")->needs_declared_f());
  EXPECT_FALSE(FromText("{name: flanders, f: 1}")->needs_declared_f());
  EXPECT_FALSE(FromText("{name: flanders, keep: 3}")->needs_declared_f());
  EXPECT_TRUE(
      FromText("{name: flanders, keep: 3, rule: krum}")->needs_declared_f());
}

TEST(Flanders, ResumesToTheBit) {
  ExpectResumes("{name: flanders, window: 5}", 2);
  ExpectResumes("{name: flanders, window: 5, rule: afa}", 2);
  ExpectBoundedState("{name: flanders, window: 6}", 1);
}

TEST(Flanders, SurvivesExtremeRows) {
  for (const std::int64_t n : {1, 2, 7}) {
    ExpectSurvives("{name: flanders, keep: 1}", 0, n);
    ExpectSurvives("flanders", n / 2, n);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
