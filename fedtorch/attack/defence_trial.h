#pragma once

#include "fedtorch/attack/attack.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fedtorch::attack {

/// Lets adversaries try what the defence makes of the updates they know and
/// copies of b = u mu + v p, where mu is the mean of the updates and p a
/// direction.
///
/// The cohort that is tried is the one of the round: the known updates in the
/// places of the honest ones and a copy of b in the place of each adversary, by
/// ascending client id, all of equal weight. Who knows fewer updates than there
/// are honest ones repeats them in turn. Where rule and stages weigh vectors,
/// the trial is in terms of inner products, O(n^3) each; elsewhere values are
/// joined, of at most 10,000 columns chosen at random where the defence keeps
/// nothing as long as an update and asks nothing of the server, and of all
/// columns where it does.
/// Randomness: stream (seed, "attack", round) for the columns. Threads: one
/// caller; parallel inside, same bits for any number.
class DefenceTrial {
 public:
  /// `mean` and `direction` [d]; the direction is empty where it is not used.
  /// Requires: scene.defence, a known row; scene and vectors live longer.
  DefenceTrial(const Scene& scene,
               std::span<const double> mean,
               std::span<const double> direction);
  ~DefenceTrial();

  struct Outcome {
    /// |aggregate - mu|, over the columns tried.
    double distance = 0.0;
    /// Whether the defence says which rows it took.
    bool selects = false;
    /// Whether as many copies as possible are among those rows: all, or all of
    /// the rows where there are fewer.
    bool selected = false;
  };
  /// Throws: RunError as Pipeline::Aggregate does.
  Outcome Try(double along_mean, double along_direction) const;

  /// Whether trials are in terms of inner products.
  bool by_inner_products() const;
  /// How many columns are joined where they are not.
  std::int64_t num_columns() const;

 private:
  struct Members;
  std::unique_ptr<Members> members_;
};

}  // namespace fedtorch::attack
