#include "fedtorch/aggregate/weighting.h"

#include "fedtorch/core/errors.h"

namespace fedtorch::aggregate {
namespace {

double RawWeight(Weighting weighting, const Weighed& update) {
  const auto multiplicity = static_cast<double>(update.multiplicity);
  switch (weighting) {
    case Weighting::kSamples:
      return static_cast<double>(update.samples) * multiplicity;
    case Weighting::kUniform:
      return multiplicity;
    case Weighting::kUnbiased:
      // A member that was set aside counts 0 times, whatever its law.
      if (update.multiplicity == 0) return 0.0;
      FEDTORCH_CHECK(update.expected_count > 0.0,
                     "a client was drawn that cannot be drawn");
      return update.share * multiplicity / update.expected_count;
  }
  FEDTORCH_CHECK(false, "unknown weighting");
}

}  // namespace

std::vector<double> Weights(Weighting weighting,
                            std::span<const Weighed> updates) {
  std::vector<double> weights;
  weights.reserve(updates.size());
  // Counts are whole numbers, so their sum is exact (below 2^53) and does not
  // depend on the order.
  double sum = 0.0;
  for (const Weighed& update : updates) {
    FEDTORCH_CHECK(update.samples >= 0 && update.multiplicity >= 0,
                   "counts must not be negative");
    weights.push_back(RawWeight(weighting, update));
    sum += weights.back();
  }
  // A cohort in which nothing counts keeps its zeros: such a round moves
  // nothing.
  if (weighting != Weighting::kUnbiased && sum > 0.0) {
    for (double& weight : weights) weight /= sum;
  }
  return weights;
}

std::string_view ToText(Weighting weighting) {
  switch (weighting) {
    case Weighting::kSamples:
      return "samples";
    case Weighting::kUniform:
      return "uniform";
    case Weighting::kUnbiased:
      return "unbiased";
  }
  FEDTORCH_CHECK(false, "unknown weighting");
}

std::optional<Weighting> ParseWeighting(std::string_view text) {
  for (const Weighting weighting :
       {Weighting::kSamples, Weighting::kUniform, Weighting::kUnbiased}) {
    if (text == ToText(weighting)) return weighting;
  }
  return std::nullopt;
}

}  // namespace fedtorch::aggregate
