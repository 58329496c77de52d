#pragma once

#include "fedtorch/aggregate/aggregator.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::aggregate {

/// Holds the updates of one round.
struct Round {
  std::vector<std::vector<double>> rows;
  std::vector<std::int64_t> clients;
};

/// Draws rounds in which some of `population` clients take part, each time
/// others; every client has a direction of its own beside one that all share.
std::vector<Round> DrawRounds(std::uint64_t seed,
                              std::int64_t rounds,
                              std::int64_t population,
                              std::int64_t dimension);

/// Plays rounds as a server would: model and last aggregate move with the
/// result.
class Player {
 public:
  Player(const std::string& rule, std::int64_t f, std::int64_t dimension);
  Result Play(const Round& round, bool floats = false);
  Aggregator& rule() { return *rule_; }
  /// Goes on with a new rule that was given the state of the old one.
  void Replace();

 private:
  std::string text_;
  std::unique_ptr<Aggregator> rule_;
  std::int64_t f_;
  std::int64_t round_ = 0;
  std::vector<double> model_;
  std::vector<double> previous_;
};

/// Expects that a rule loaded from a state goes on as the one that was saved,
/// to the bit, also where clients were away for some rounds.
void ExpectResumes(const std::string& rule, std::int64_t f);
/// Expects that state does not grow from round to round once all clients were
/// seen and windows are full.
void ExpectBoundedState(const std::string& rule, std::int64_t f);
/// Expects finite, repeatable results on huge, zero, denormal and identical
/// rows, float and double, over several rounds.
void ExpectSurvives(const std::string& rule, std::int64_t f, std::int64_t n);

}  // namespace fedtorch::aggregate
