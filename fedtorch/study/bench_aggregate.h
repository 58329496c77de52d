#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace fedtorch::study {

/// Reports one rule beside its plain formulation in LibTorch's operators.
struct RuleTime {
  std::string rule;  ///< a name of AggregateRules()
  std::int64_t n = 0;
  std::int64_t d = 0;
  std::int64_t f = 0;
  double ms = 0.0;           ///< best of several, wall time, all threads
  double libtorch_ms = 0.0;  ///< likewise
  double speed_up = 0.0;     ///< libtorch_ms / ms
};

/// The rules that are measured: mean-free ones of common use.
std::vector<std::string> AggregateRules();

/// Joins `n` updates of `d` values drawn from a normal distribution by each of
/// `rules`, f = n / 5, as a round does it (rows known to be finite), and by the
/// plain formulation, in turns. `done` is called after each rule.
/// Requires: n >= 8, d >= 1, threads >= 1. Cost: memory for n * d floats and
/// what LibTorch takes; some seconds a rule.
void MeasureRules(const std::vector<std::string>& rules,
                  std::int64_t n,
                  std::int64_t d,
                  std::int64_t threads,
                  const std::function<void(const RuleTime&)>& done);

}  // namespace fedtorch::study
