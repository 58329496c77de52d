#pragma once

#include <cstdint>
#include <span>

namespace fedtorch::metric {

/// Counts how often a model does what an attacker wants of it.
///
/// A sample whose true class is the wanted one never counts: there a clean
/// model succeeds as well, which would lift its rate to one in the number of
/// classes.
class AttackSuccess {
 public:
  /// Adds a prediction for a sample of class `label`.
  void Add(std::int64_t predicted, std::int64_t label, std::int64_t wanted) {
    if (label == wanted) return;
    ++count_;
    if (predicted == wanted) ++hits_;
  }

  std::int64_t count() const { return count_; }
  std::int64_t hits() const { return hits_; }
  /// hits / count; NaN when nothing counted.
  double Rate() const;

 private:
  std::int64_t count_ = 0;
  std::int64_t hits_ = 0;
};

/// Sums up success rates over the rounds of a run. Success comes and goes with
/// the adversaries' participation, so the last value alone says little.
struct SuccessOverRounds {
  double last = 0.0;
  double best = 0.0;         ///< highest
  double recent_mean = 0.0;  ///< of the last rounds
};

/// Returns last, highest and the mean of the last `recent` of `rates` [rounds
/// that were evaluated, in order]; of all, where there are fewer. NaN for no
/// rates, and wherever a rate that enters is NaN. Requires: recent >= 1.
SuccessOverRounds SummariseSuccess(std::span<const double> rates,
                                   std::int64_t recent);

}  // namespace fedtorch::metric
