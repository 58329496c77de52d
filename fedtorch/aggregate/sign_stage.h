#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/inputs.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace fedtorch::aggregate {

/// Is the admission of SignGuard: a norm near the median norm (its S1) and a
/// place in the largest cluster by sign statistics of a random run of
/// coordinates (its S2).
/// Source: Xu, Huang, Song, Lan 2022, algorithm 2.
class SignStage {
 public:
  /// Reads `variant`, `clustering`, `share`, `scale_shares`, `lower`, `upper`,
  /// and with dbscan `radius` and `min_points`.
  static SignStage Read(config::Section& section);

  /// Returns the rows in both sets, ascending; may be none. `norms` as of
  /// NormsByValue(inputs). Randomness: the stream (seed, `purpose`, round).
  /// Cost: O(nd share); O(nd) with an aggregate before and O(n^2 d) without
  /// one for the variants sim and dist.
  std::vector<std::int64_t> Admitted(const Inputs& inputs,
                                     const Context& context,
                                     std::span<const double> norms,
                                     std::string_view purpose) const;

 private:
  enum class Variant { kPlain, kSimilarity, kDistance };
  enum class Clustering { kMeanShift, kDbscan, kKMeans };

  Matrix Features(const Inputs& inputs,
                  const Context& context,
                  std::span<const double> norms,
                  std::string_view purpose) const;

  Variant variant_ = Variant::kPlain;
  Clustering clustering_ = Clustering::kMeanShift;
  double share_ = 0.1;
  bool scale_shares_ = false;
  double lower_ = 0.1;
  double upper_ = 3.0;
  double radius_ = 0.05;
  std::int64_t min_points_ = 2;
};

}  // namespace fedtorch::aggregate
