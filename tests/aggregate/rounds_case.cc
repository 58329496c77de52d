#include "tests/aggregate/rounds_case.h"

#include "fedtorch/core/stream.h"
#include "tests/aggregate/aggregate_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace fedtorch::aggregate {

std::vector<Round> DrawRounds(std::uint64_t seed,
                              std::int64_t rounds,
                              std::int64_t population,
                              std::int64_t dimension) {
  core::Stream stream = core::Stream::Named(seed, "rounds");
  const auto draw = [&] {
    std::vector<double> values;
    for (std::int64_t k = 0; k < dimension; ++k) {
      values.push_back(std::ldexp(std::round(stream.Normal() * 4096), -12));
    }
    return values;
  };
  const std::vector<double> shared = draw();
  std::vector<std::vector<double>> own;
  for (std::int64_t i = 0; i < population; ++i) own.push_back(draw());
  std::vector<Round> result;
  for (std::int64_t t = 0; t < rounds; ++t) {
    Round round;
    // More than half of them, and a changing number.
    const std::int64_t size =
        population - static_cast<std::int64_t>(stream.Below(
                         static_cast<std::uint64_t>((population + 3) / 4)));
    round.clients = stream.SampleWithoutReplacement(population, size);
    std::sort(round.clients.begin(), round.clients.end());
    for (std::int64_t& client : round.clients) {
      std::vector<double> row = draw();
      for (std::size_t k = 0; k < row.size(); ++k) {
        row[k] = shared[k] + 0.5 * own[static_cast<std::size_t>(client)][k] +
                 0.25 * row[k];
      }
      round.rows.push_back(std::move(row));
      client = client * 7 + 3;  // ids are no row numbers
    }
    result.push_back(std::move(round));
  }
  return result;
}

Player::Player(const std::string& rule, std::int64_t f, std::int64_t dimension)
    : text_(rule),
      rule_(FromText(rule)),
      f_(f),
      model_(static_cast<std::size_t>(dimension), 0.5) {}

Result Player::Play(const Round& round, bool floats) {
  ++round_;
  const Context context{.f = f_,
                        .seed = 5,
                        .round = round_,
                        .previous = previous_,
                        .model = model_};
  UpdateTable table = TableOf(round.rows);
  std::vector<std::vector<float>> values;
  if (floats) {
    std::vector<const float*> pointers;
    for (const auto& row : round.rows) {
      pointers.push_back(values.emplace_back(row.begin(), row.end()).data());
    }
    table.rows = std::move(pointers);
  }
  table.clients = round.clients;
  const Inputs inputs(table);
  Result result = rule_->Aggregate(inputs, context);
  EXPECT_EQ(rule_->Aggregate(inputs, context).vector, result.vector)
      << "asking must change nothing";
  rule_->Remember(inputs, context, result);
  previous_ = result.vector;
  for (std::size_t k = 0; k < model_.size(); ++k) {
    model_[k] += result.vector[k];
  }
  return result;
}

void Player::Replace() {
  const State state = rule_->SaveState();
  rule_ = FromText(text_);
  rule_->LoadState(state);
  EXPECT_EQ(rule_->SaveState(), state);
}

void ExpectResumes(const std::string& rule, std::int64_t f) {
  const std::int64_t dimension = 23;
  for (const bool floats : {false, true}) {
    const std::vector<Round> rounds = DrawRounds(9, 12, 11, dimension);
    Player straight(rule, f, dimension);
    std::vector<std::vector<double>> expected;
    for (const Round& round : rounds) {
      expected.push_back(straight.Play(round, floats).vector);
    }
    for (const std::size_t stop : {1u, 5u, 9u}) {
      Player player(rule, f, dimension);
      for (std::size_t t = 0; t < rounds.size(); ++t) {
        if (t == stop) player.Replace();
        EXPECT_EQ(player.Play(rounds[t], floats).vector, expected[t])
            << "round " << t + 1 << " after a stop at " << stop;
      }
      EXPECT_EQ(player.rule().SaveState(), straight.rule().SaveState());
    }
  }
}

void ExpectBoundedState(const std::string& rule, std::int64_t f) {
  const std::vector<Round> rounds = DrawRounds(10, 60, 9, 8);
  Player player(rule, f, 8);
  std::size_t largest = 0;
  for (std::size_t t = 0; t < rounds.size(); ++t) {
    player.Play(rounds[t]);
    std::size_t values = 0;
    for (const auto& [name, vector] : player.rule().SaveState()) {
      values += vector.size();
    }
    if (t < 30) {
      largest = std::max(largest, values);
    } else {
      EXPECT_LE(values, largest + largest / 4) << "round " << t + 1;
    }
  }
}

void ExpectSurvives(const std::string& rule, std::int64_t f, std::int64_t n) {
  const auto rows_of = [&](const auto& value_of) {
    Round round;
    for (std::int64_t i = 0; i < n; ++i) {
      round.clients.push_back(i);
      std::vector<double>& row = round.rows.emplace_back();
      for (std::int64_t k = 0; k < 6; ++k) row.push_back(value_of(i, k));
    }
    return round;
  };
  const auto plain = [](std::int64_t i, std::int64_t k) {
    return 1.0 + 0.125 * static_cast<double>((3 * i + 5 * k) % 7);
  };
  const std::map<std::string, Round> cases = {
      {"zero", rows_of([](auto, auto) { return 0.0; })},
      {"identical", rows_of([](auto, auto k) {
         return 1.5 - 0.1 * static_cast<double>(k);
       })},
      {"denormal",
       rows_of([&](auto i, auto k) { return (plain(i, k) - 1.5) * 4e-44; })},
      {"zero among others",
       rows_of([&](auto i, auto k) { return i < f ? 0.0 : plain(i, k); })},
      {"huge",
       rows_of([&](auto i, auto k) { return i < f ? 1e20 : plain(i, k); })},
      {"huge of both signs", rows_of([&](auto i, auto k) {
         return i < f ? ((i + k) % 2 == 0 ? 1e30 : -1e30) : plain(i, k);
       })},
      {"huge and less huge", rows_of([&](auto i, auto k) {
         return i < f ? (i == 0 ? 1e30 : 1e15) : plain(i, k);
       })},
      {"all huge",
       rows_of([&](auto i, auto k) { return (plain(i, k) - 1.3) * 1e30; })}};
  for (const auto& [name, round] : cases) {
    for (const bool floats : {false, true}) {
      Player player(rule, f, 6);
      Player again(rule, f, 6);
      for (int t = 0; t < 6; ++t) {
        // A usual round now and then, so that history and present differ.
        const Round& now = t % 3 == 2 ? rows_of(plain) : round;
        const Result result = player.Play(now, floats);
        EXPECT_TRUE(std::all_of(result.vector.begin(),
                                result.vector.end(),
                                [](double x) { return std::isfinite(x); }))
            << rule << ", " << name << ", round " << t + 1;
        EXPECT_TRUE(std::all_of(result.scores.begin(),
                                result.scores.end(),
                                [](double x) { return std::isfinite(x); }))
            << rule << ", " << name << ", round " << t + 1;
        EXPECT_EQ(again.Play(now, floats).vector, result.vector);
      }
    }
  }
  if (f > 0) return;
  Round largest = rows_of(
      [&](auto i, auto k) { return (i + k) % 2 == 0 ? 1e150 : -1e150; });
  Player player(rule, f, 6);
  for (int t = 0; t < 3; ++t) {
    for (const double value : player.Play(largest).vector) {
      EXPECT_TRUE(std::isfinite(value)) << rule;
    }
  }
}

}  // namespace fedtorch::aggregate
