#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace fedtorch::metric {

/// Collects the predictions of a set of samples, chunk by chunk.
///
/// Chunks are merged in the order of their index, so the result does not
/// depend on which thread finished first. A text model with T targets a sample
/// counts every position as one prediction.
class Tally {
 public:
  explicit Tally(std::int64_t num_classes);

  /// Adds one prediction: its loss in nats, the class of highest score (the
  /// lowest index wins ties), and the true class.
  void Add(double loss, std::int64_t predicted, std::int64_t target);
  /// Adds the score of class 1 (its probability) for two-class AUC.
  void AddScore(double score, std::int64_t target);
  void Merge(const Tally& other);

  std::int64_t count() const { return count_; }
  std::int64_t correct() const { return correct_; }
  /// Mean loss in nats; NaN when empty (as are the others).
  double Loss() const;
  double Accuracy() const;
  /// Unweighted mean of the F1 of the classes that occur as target or
  /// prediction; a class with neither is left out.
  double MacroF1() const;
  /// Area under the ROC curve by ranks (ties count one half); nullopt unless
  /// scores were added and both classes occur; NaN where a score is NaN.
  std::optional<double> Auc() const;
  /// exp(mean loss).
  double Perplexity() const;

 private:
  std::int64_t num_classes_;
  std::int64_t count_ = 0;
  std::int64_t correct_ = 0;
  double loss_sum_ = 0.0;
  std::vector<std::int64_t> targets_;    // [classes]
  std::vector<std::int64_t> predicted_;  // [classes]
  std::vector<std::int64_t> hits_;       // [classes]
  std::vector<double> scores_;
  std::vector<std::int64_t> score_targets_;
};

/// Summarises one metric over clients.
struct Spread {
  std::int64_t clients = 0;
  double mean = 0, weighted_mean = 0, std = 0, min = 0, p10 = 0, median = 0,
         p90 = 0, max = 0;
  /// Mean of the floor(max(1, N / 10)) worst clients.
  double worst10_mean = 0;
};

/// Says which end of a metric is the bad one.
enum class Worst {
  kLowest,   ///< e.g. accuracy
  kHighest,  ///< e.g. loss
};

/// Computes the spread of values [N] with weights [N] (samples). `std` is the
/// population standard deviation; quantiles interpolate linearly between
/// order statistics (Hyndman and Fan 1996, type 7). The order of the clients
/// does not change a bit. NaN for no clients and where a value is NaN; the
/// weighted mean is NaN where all weights are 0.
Spread Summarise(std::span<const double> values,
                 std::span<const double> weights,
                 Worst worst = Worst::kLowest);

}  // namespace fedtorch::metric
