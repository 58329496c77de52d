#include "fedtorch/metric/classification.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

namespace fedtorch::metric {
namespace {

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

void CheckClass(std::int64_t label, std::int64_t num_classes) {
  FEDTORCH_CHECK(label >= 0 && label < num_classes,
                 "expected a class below " + std::to_string(num_classes) +
                     ", found " + std::to_string(label));
}

}  // namespace

Tally::Tally(std::int64_t num_classes) : num_classes_(num_classes) {
  FEDTORCH_CHECK(num_classes >= 1, "at least one class");
  const auto classes = static_cast<std::size_t>(num_classes);
  targets_.assign(classes, 0);
  predicted_.assign(classes, 0);
  hits_.assign(classes, 0);
}

void Tally::Add(double loss, std::int64_t predicted, std::int64_t target) {
  CheckClass(predicted, num_classes_);
  CheckClass(target, num_classes_);
  ++count_;
  loss_sum_ += loss;
  ++targets_[static_cast<std::size_t>(target)];
  ++predicted_[static_cast<std::size_t>(predicted)];
  if (predicted == target) {
    ++correct_;
    ++hits_[static_cast<std::size_t>(target)];
  }
}

void Tally::AddScore(double score, std::int64_t target) {
  CheckClass(target, 2);
  scores_.push_back(score);
  score_targets_.push_back(target);
}

void Tally::Merge(const Tally& other) {
  FEDTORCH_CHECK(other.num_classes_ == num_classes_, "classes differ");
  count_ += other.count_;
  correct_ += other.correct_;
  loss_sum_ += other.loss_sum_;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    targets_[i] += other.targets_[i];
    predicted_[i] += other.predicted_[i];
    hits_[i] += other.hits_[i];
  }
  scores_.insert(scores_.end(), other.scores_.begin(), other.scores_.end());
  score_targets_.insert(score_targets_.end(),
                        other.score_targets_.begin(),
                        other.score_targets_.end());
}

double Tally::Loss() const {
  return count_ == 0 ? kNotANumber : loss_sum_ / static_cast<double>(count_);
}

double Tally::Accuracy() const {
  return count_ == 0
             ? kNotANumber
             : static_cast<double>(correct_) / static_cast<double>(count_);
}

double Tally::MacroF1() const {
  double sum = 0.0;
  std::int64_t classes = 0;
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    // 2 TP + FP + FN of the class.
    const std::int64_t occurrences = targets_[i] + predicted_[i];
    if (occurrences == 0) continue;
    sum +=
        2.0 * static_cast<double>(hits_[i]) / static_cast<double>(occurrences);
    ++classes;
  }
  return classes == 0 ? kNotANumber : sum / static_cast<double>(classes);
}

std::optional<double> Tally::Auc() const {
  std::vector<std::pair<double, std::int64_t>> sorted;
  sorted.reserve(scores_.size());
  bool ordered = true;
  std::int64_t positives = 0;
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    sorted.emplace_back(scores_[i], score_targets_[i]);
    positives += score_targets_[i];
    ordered &= !std::isnan(scores_[i]);
  }
  const std::int64_t negatives =
      static_cast<std::int64_t>(sorted.size()) - positives;
  if (positives == 0 || negatives == 0) return std::nullopt;
  // NaN has no place in an order.
  if (!ordered) return kNotANumber;
  std::sort(sorted.begin(), sorted.end());
  // Counts twice the pairs (positive, negative) that are in order, ties once.
  std::int64_t twice_wins = 0;
  std::int64_t negatives_below = 0;
  for (std::size_t start = 0; start < sorted.size();) {
    std::int64_t tied_positives = 0;
    std::int64_t tied_negatives = 0;
    std::size_t end = start;
    for (; end < sorted.size() && sorted[end].first == sorted[start].first;
         ++end) {
      ++(sorted[end].second == 1 ? tied_positives : tied_negatives);
    }
    twice_wins += tied_positives * (2 * negatives_below + tied_negatives);
    negatives_below += tied_negatives;
    start = end;
  }
  return static_cast<double>(twice_wins) /
         (2.0 * static_cast<double>(positives) *
          static_cast<double>(negatives));
}

double Tally::Perplexity() const { return std::exp(Loss()); }

}  // namespace fedtorch::metric
