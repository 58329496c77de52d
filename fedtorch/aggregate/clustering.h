#pragma once

#include "fedtorch/aggregate/geometry.h"
#include "fedtorch/aggregate/inputs.h"
#include "fedtorch/aggregate/matrix.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace fedtorch::aggregate {

/// Holds the cluster of each point. Clusters count from 0 in the order of their
/// first members, so that labels do not depend on how they were found.
using Labels = std::vector<std::int64_t>;
/// Is the label of a point in no cluster.
inline constexpr std::int64_t kNoise = -1;

/// Holds what HDBSCAN is asked for.
struct HdbscanForm {
  std::int64_t min_cluster = 5;  ///< members of the smallest cluster, >= 2
  /// The core distance is that to the min_samples-th nearest other point.
  std::int64_t min_samples = 5;
  /// Whether all points may be one cluster: then those belong to it that stay
  /// together until it falls apart; the rest is noise.
  bool single = false;
};

/// Clusters points by density at all scales, choosing clusters by excess of
/// mass; a parent wins a tie against its children. Merges at equal distances
/// are one merge, so the order of the points does not matter.
/// `distances` [n, n] symmetric, finite. Cost: O(n^2).
/// Source: Campello, Moulavi, Sander 2013; the single cluster as in the
/// `hdbscan` package of McInnes, Healy, Astels 2017.
Labels Hdbscan(const Matrix& distances, const HdbscanForm& form);

/// Merges the two clusters with the least mean distance until `count` are left;
/// the pair with the lowest first members wins a tie. Cost: about O(n^2).
Labels AverageLinkage(const Matrix& distances, std::int64_t count);

/// Clusters points that have `min_points` (itself among them) within `radius`;
/// a point on the border joins the first cluster that reaches it.
/// Source: Ester, Kriegel, Sander, Xu 1996.
Labels Dbscan(const Matrix& distances, double radius, std::int64_t min_points);

/// Returns a width for MeanShift: the mean distance from a point of `points`
/// [n, p] to the floor(quantile * n)-th nearest, itself the first.
double EstimateBandwidth(const Matrix& points, double quantile);

/// Moves a window of radius `bandwidth` from every point of `points` [n, p] to
/// the mean of what it covers until it rests. Windows that rest within one
/// radius of a fuller one are dropped (of equally full ones, that of the lowest
/// point stays); a point farther than the radius from all that stay is noise.
/// Source: Comaniciu, Meer 2002, with a flat kernel. Cost: O(n^2 p) a step.
Labels MeanShift(const Matrix& points, double bandwidth);

/// Splits `points` [n, p] into at most `count` clusters by Lloyd's steps. The
/// start is fixed: the point farthest from the mean, then always the one
/// farthest from those chosen.
Labels KMeans(const Matrix& points, std::int64_t count);

/// Returns the members of the largest cluster, ascending; of equals that with
/// the lowest label; none when all is noise.
std::vector<std::int64_t> LargestCluster(const Labels& labels);

/// Returns |p_i - p_j| for the rows of `points`, [n, n].
Matrix EuclideanDistances(const Matrix& points);

/// Returns 1 - cos(y_i, y_j) in [0, 2] for the first `n` vectors; with `origin`
/// the angle is between y_i + o and y_j + o for the vector o of that number.
/// Small distances keep their digits: they are formed from differences, so
/// equal vectors are at 0 exactly and those of models that hardly differ can be
/// told apart. A zero vector is at 1 from all others but zero vectors.
Matrix CosineDistances(const Geometry& geometry,
                       std::int64_t n,
                       std::optional<std::int64_t> origin = std::nullopt);

/// Returns the rows that FLAME's first stage admits: the cluster of at least
/// floor(n/2) + 1 vectors that HDBSCAN finds in `distances` [n, n] with one
/// sample to a core. Never empty; its size is at least floor(n/2) + 1.
std::vector<std::int64_t> MajorityCluster(const Matrix& distances);

}  // namespace fedtorch::aggregate
