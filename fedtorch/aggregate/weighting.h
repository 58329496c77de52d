#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace fedtorch::aggregate {

/// How much each admitted update counts in a weighted mean.
enum class Weighting {
  kSamples,   ///< n_i * multiplicity, renormalised over the admitted cohort
  kUniform,   ///< multiplicity, renormalised
  kUnbiased,  ///< p_i * multiplicity / E[multiplicity], not renormalised
};

/// Holds what decides the weight of one update.
struct Weighed {
  std::int64_t samples = 0;
  std::int64_t multiplicity = 1;
  double share = 0.0;           ///< p_i, for kUnbiased
  double expected_count = 0.0;  ///< E[multiplicity], for kUnbiased
};

/// Returns one weight an update. An empty input gives an empty result.
/// Source: algorithms 1.4 (McMahan 2017 for kSamples; Horvitz and Thompson
/// 1952 for kUnbiased).
std::vector<double> Weights(Weighting weighting,
                            std::span<const Weighed> updates);

/// Returns the word of a config for a weighting.
std::string_view ToText(Weighting weighting);
/// Reads "samples", "uniform" or "unbiased"; nullopt for anything else.
std::optional<Weighting> ParseWeighting(std::string_view text);

}  // namespace fedtorch::aggregate
