#include "fedtorch/aggregate/clustering.h"

#include "fedtorch/core/stream.h"
#include "tests/aggregate/random_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

namespace fedtorch::aggregate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Matrix Points(const std::vector<std::vector<double>>& rows) {
  Matrix points(static_cast<std::int64_t>(rows.size()),
                static_cast<std::int64_t>(rows.front().size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy(rows[i].begin(),
              rows[i].end(),
              points.Row(static_cast<std::int64_t>(i)).begin());
  }
  return points;
}

Matrix OnALine(const std::vector<double>& places) {
  std::vector<std::vector<double>> rows;
  for (const double place : places) rows.push_back({place});
  return EuclideanDistances(Points(rows));
}

Matrix DrawPoints(std::uint64_t seed, std::int64_t n, std::int64_t columns) {
  core::Stream stream = core::Stream::Named(seed, "points");
  Matrix points(n, columns);
  for (std::int64_t i = 0; i < n; ++i) {
    const double centre = 4.0 * static_cast<double>(stream.Below(3));
    for (double& value : points.Row(i)) value = centre + stream.Normal();
  }
  return points;
}

// Whole numbers, so that many distances are equal.
Matrix DrawTies(std::uint64_t seed, std::int64_t n) {
  core::Stream stream = core::Stream::Named(seed, "ties");
  Matrix distances(n, n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      distances(i, j) = distances(j, i) =
          static_cast<double>(1 + stream.Below(5));
    }
  }
  return distances;
}

Labels InOrder(const std::vector<std::int64_t>& names) {
  std::vector<std::int64_t> seen;
  Labels labels;
  for (const std::int64_t name : names) {
    if (name == kNoise) {
      labels.push_back(kNoise);
      continue;
    }
    if (std::find(seen.begin(), seen.end(), name) == seen.end()) {
      seen.push_back(name);
    }
    labels.push_back(std::find(seen.begin(), seen.end(), name) - seen.begin());
  }
  return labels;
}

using Set = std::vector<std::int64_t>;

// Parts of `points` joined by distances that `joins` accepts.
template <class Joins>
std::vector<Set> Parts(const Set& points, Joins joins) {
  std::vector<Set> parts;
  std::set<std::int64_t> left(points.begin(), points.end());
  while (!left.empty()) {
    Set part = {*left.begin()};
    left.erase(left.begin());
    for (std::size_t k = 0; k < part.size(); ++k) {
      for (auto it = left.begin(); it != left.end();) {
        if (joins(part[k], *it)) {
          part.push_back(*it);
          it = left.erase(it);
        } else {
          ++it;
        }
      }
    }
    parts.push_back(part);
  }
  return parts;
}

// HDBSCAN by its definition: thresholds, connected parts, recursion.
struct SlowHdbscan {
  Matrix reach;
  std::int64_t min_cluster;

  SlowHdbscan(const Matrix& distances, const HdbscanForm& form)
      : reach(distances), min_cluster(form.min_cluster) {
    const std::int64_t n = distances.rows();
    std::vector<double> cores;
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<double> others;
      for (std::int64_t j = 0; j < n; ++j) {
        if (j != i) others.push_back(distances(i, j));
      }
      std::sort(others.begin(), others.end());
      cores.push_back(others[static_cast<std::size_t>(
          std::min<std::int64_t>(form.min_samples, n - 1) - 1)]);
    }
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        reach(i, j) = std::max({cores[static_cast<std::size_t>(i)],
                                cores[static_cast<std::size_t>(j)],
                                distances(i, j)});
      }
    }
  }

  struct Found {
    double mass = 0.0;
    std::vector<Set> clusters;
    Set last;  // who is left when the cluster falls apart
  };

  double Height(const Set& points) const {
    std::vector<double> heights;
    for (const auto i : points) {
      for (const auto j : points) {
        if (i != j) heights.push_back(reach(i, j));
      }
    }
    std::sort(heights.begin(), heights.end());
    for (const double height : heights) {
      const auto joins = [&](auto i, auto j) { return reach(i, j) <= height; };
      if (Parts(points, joins).size() == 1) return height;
    }
    return 0.0;
  }

  Found Of(const Set& all, double birth, bool may_stand) const {
    double own = 0.0;
    Set points = all;
    while (true) {
      const double height = Height(points);
      const double density = 1.0 / height;
      const auto joins = [&](auto i, auto j) { return reach(i, j) < height; };
      std::vector<Set> large;
      std::size_t kept = 0;
      for (const Set& part : Parts(points, joins)) {
        if (static_cast<std::int64_t>(part.size()) >= min_cluster) {
          large.push_back(part);
          kept += part.size();
        }
      }
      const std::size_t gone =
          large.size() == 1 ? points.size() - kept : points.size();
      own += static_cast<double>(gone) * (density - birth);
      if (large.size() == 1) {
        points = large.front();
        continue;
      }
      Found inside;
      for (const Set& part : large) {
        const Found found = Of(part, density, true);
        inside.mass += found.mass;
        inside.clusters.insert(inside.clusters.end(),
                               found.clusters.begin(),
                               found.clusters.end());
      }
      inside.last = points;
      if (may_stand && own >= inside.mass) return {own, {all}, points};
      return inside;
    }
  }

  Labels Run(bool single) const {
    Set all(static_cast<std::size_t>(reach.rows()));
    std::iota(all.begin(), all.end(), 0);
    const Found found = Of(all, 0.0, single);
    std::vector<std::int64_t> names(all.size(), kNoise);
    for (std::size_t c = 0; c < found.clusters.size(); ++c) {
      const bool whole = found.clusters[c].size() == all.size();
      for (const auto i : whole ? found.last : found.clusters[c]) {
        names[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(c);
      }
    }
    return InOrder(names);
  }
};

TEST(Hdbscan, FindsTwoGroupsOnALine) {
  const Matrix distances = OnALine({0, 10, 1, 11, 2, 12, 40});
  EXPECT_THAT(Hdbscan(distances, {.min_cluster = 3, .min_samples = 1}),
              ElementsAre(0, 1, 0, 1, 0, 1, kNoise));
}

TEST(Hdbscan, KeepsAParentWithMoreMassThanItsChildren) {
  // The four leave the whole at density 1/96.8 and part at 1/1.2, mass
  // 4 (0.8333 - 0.0103) = 3.29; each pair has 2 (1 - 0.8333) = 0.33.
  EXPECT_THAT(Hdbscan(OnALine({0, 1, 2.2, 3.2, 100, 101}),
                      {.min_cluster = 2, .min_samples = 1}),
              ElementsAre(0, 0, 0, 0, 1, 1));
  // Here they part at 1/50: mass 4 (0.02 - 0.001) against 2 (1 - 0.02) twice.
  EXPECT_THAT(Hdbscan(OnALine({0, 1, 51, 52, 1000, 1001}),
                      {.min_cluster = 2, .min_samples = 1}),
              ElementsAre(0, 0, 1, 1, 2, 2));
}

TEST(Hdbscan, TakesWhoStaysToTheEndForASingleCluster) {
  const Matrix distances = OnALine({0, 1, 2, 3, 10});
  EXPECT_THAT(
      Hdbscan(distances, {.min_cluster = 3, .min_samples = 1, .single = true}),
      ElementsAre(0, 0, 0, 0, kNoise));
  EXPECT_THAT(Hdbscan(distances, {.min_cluster = 3, .min_samples = 1}),
              ElementsAre(kNoise, kNoise, kNoise, kNoise, kNoise));
}

TEST(Hdbscan, MergesEqualDistancesAtOnce) {
  // Pairs of pairs would be two clusters if merges were made one by one.
  Matrix distances(4, 4);
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t j = 0; j < 4; ++j) distances(i, j) = i == j ? 0.0 : 1.0;
  }
  EXPECT_THAT(Hdbscan(distances, {.min_cluster = 2, .min_samples = 1}),
              ElementsAre(kNoise, kNoise, kNoise, kNoise));
  EXPECT_THAT(
      Hdbscan(distances, {.min_cluster = 2, .min_samples = 1, .single = true}),
      ElementsAre(0, 0, 0, 0));
}

TEST(Hdbscan, CountsSamplesBesideThePointItself) {
  // With two samples the core distance of every point is that to its second
  // neighbour: 4 for the first three, 100 and more for the pair.
  const Matrix distances = OnALine({0, 2, 4, 104, 105});
  EXPECT_THAT(Hdbscan(distances, {.min_cluster = 2, .min_samples = 1}),
              ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT(Hdbscan(distances, {.min_cluster = 2, .min_samples = 2}),
              ElementsAre(kNoise, kNoise, kNoise, kNoise, kNoise));
}

TEST(Hdbscan, LeavesFewPointsAlone) {
  EXPECT_THAT(Hdbscan(OnALine({3}), {.min_cluster = 2}), ElementsAre(kNoise));
  EXPECT_THAT(Hdbscan(OnALine({3}), {.min_cluster = 2, .single = true}),
              ElementsAre(0));
  EXPECT_THAT(Hdbscan(OnALine({3, 8}), {.min_cluster = 5, .single = true}),
              ElementsAre(0, 0));
  EXPECT_THAT(Hdbscan(Matrix(0, 0), {}), IsEmpty());
}

TEST(Hdbscan, TakesPointsAtNoDistance) {
  EXPECT_THAT(Hdbscan(Matrix(6, 6), {.min_cluster = 3, .single = true}),
              ElementsAre(0, 0, 0, 0, 0, 0));
  EXPECT_THAT(Hdbscan(OnALine({1, 1, 1, 7, 7, 7, 20}),
                      {.min_cluster = 3, .min_samples = 1, .single = true}),
              ElementsAre(0, 0, 0, 1, 1, 1, kNoise));
}

TEST(Hdbscan, EqualsItsDefinition) {
  int clustered = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const auto n = static_cast<std::int64_t>(2 + seed % 23);
    for (const Matrix& distances :
         {EuclideanDistances(DrawPoints(seed, n, 2)), DrawTies(seed, n)}) {
      for (const std::int64_t least : {2, 3, 5}) {
        for (const std::int64_t samples : {1, 3}) {
          for (const bool single : {false, true}) {
            const HdbscanForm form{least, samples, single};
            const Labels labels = Hdbscan(distances, form);
            EXPECT_EQ(labels, SlowHdbscan(distances, form).Run(single))
                << "seed " << seed << ", least " << least << ", samples "
                << samples << ", single " << single;
            clustered += *std::max_element(labels.begin(), labels.end()) > 0;
          }
        }
      }
    }
  }
  EXPECT_GT(clustered, 100);
}

// Distances between clusters from all pairs, anew for every merge.
Labels SlowAverageLinkage(const Matrix& distances, std::size_t count) {
  std::vector<Set> clusters;
  for (std::int64_t i = 0; i < distances.rows(); ++i) clusters.push_back({i});
  while (clusters.size() > count) {
    double least = 1e300;
    std::size_t a = 0;
    std::size_t b = 0;
    for (std::size_t i = 0; i < clusters.size(); ++i) {
      for (std::size_t j = i + 1; j < clusters.size(); ++j) {
        double sum = 0.0;
        for (const auto p : clusters[i]) {
          for (const auto q : clusters[j]) sum += distances(p, q);
        }
        sum /= static_cast<double>(clusters[i].size() * clusters[j].size());
        if (sum < least) {
          least = sum;
          a = i;
          b = j;
        }
      }
    }
    clusters[a].insert(
        clusters[a].end(), clusters[b].begin(), clusters[b].end());
    clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(b));
  }
  std::vector<std::int64_t> names(static_cast<std::size_t>(distances.rows()));
  for (std::size_t c = 0; c < clusters.size(); ++c) {
    for (const auto i : clusters[c]) {
      names[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(c);
    }
  }
  return InOrder(names);
}

TEST(AverageLinkage, MergesByMeansNotByNearestMembers) {
  // 0, 2, 4 are one cluster at 3; then 7 is at mean 5 from it and at 4.5 from
  // 11.5, although 4 is only 3 away.
  EXPECT_THAT(AverageLinkage(OnALine({0, 2, 4, 7, 11.5}), 2),
              ElementsAre(0, 0, 0, 1, 1));
}

TEST(AverageLinkage, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const auto n = static_cast<std::int64_t>(1 + seed % 17);
    const Matrix distances = EuclideanDistances(DrawPoints(seed, n, 3));
    for (const std::int64_t count : {1, 2, 4}) {
      EXPECT_EQ(AverageLinkage(distances, count),
                SlowAverageLinkage(distances, static_cast<std::size_t>(count)));
    }
  }
}

TEST(AverageLinkage, GivesTiesToTheLowest) {
  EXPECT_THAT(AverageLinkage(Matrix(4, 4), 2), ElementsAre(0, 0, 0, 1));
  EXPECT_THAT(AverageLinkage(OnALine({0, 1, 2}), 2), ElementsAre(0, 0, 1));
  EXPECT_THAT(AverageLinkage(OnALine({5}), 2), ElementsAre(0));
}

Labels SlowDbscan(const Matrix& distances, double radius, std::int64_t least) {
  Set cores;
  for (std::int64_t i = 0; i < distances.rows(); ++i) {
    const auto row = distances.Row(i);
    if (std::count_if(row.begin(), row.end(), [&](double d) {
          return d <= radius;
        }) >= least) {
      cores.push_back(i);
    }
  }
  const std::vector<Set> parts =
      Parts(cores, [&](auto i, auto j) { return distances(i, j) <= radius; });
  std::vector<std::int64_t> names(static_cast<std::size_t>(distances.rows()),
                                  kNoise);
  for (std::int64_t i = 0; i < distances.rows(); ++i) {
    for (std::size_t c = parts.size(); c-- > 0;) {
      for (const auto core : parts[c]) {
        if (core == i ||
            (std::find(cores.begin(), cores.end(), i) == cores.end() &&
             distances(core, i) <= radius)) {
          names[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(c);
        }
      }
    }
  }
  return InOrder(names);
}

TEST(Dbscan, GrowsFromCoresOnly) {
  // 3 is on the border of both groups and joins the first; it joins no others.
  const Matrix distances = OnALine({0, 1, 2, 3, 4, 5, 6, 20});
  EXPECT_THAT(Dbscan(distances, 1.0, 3),
              ElementsAre(0, 0, 0, 0, 0, 0, 0, kNoise));
  EXPECT_THAT(Dbscan(OnALine({0, 1, 1, 2, 3, 3, 4}), 1.0, 4),
              ElementsAre(0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(Dbscan(OnALine({0, .5, 1, 1.9, 2.8, 3.3, 3.8}), 1.0, 4),
              ElementsAre(0, 0, 0, 0, 1, 1, 1));
}

TEST(Dbscan, EqualsItsDefinition) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const auto n = static_cast<std::int64_t>(1 + seed);
    const Matrix distances = EuclideanDistances(DrawPoints(seed, n, 2));
    for (const double radius : {0.3, 1.0, 2.0}) {
      for (const std::int64_t least : {1, 2, 4}) {
        EXPECT_EQ(Dbscan(distances, radius, least),
                  SlowDbscan(distances, radius, least));
      }
    }
  }
}

TEST(EstimateBandwidth, IsTheMeanDistanceToTheMiddleNeighbour) {
  // n = 4, the second nearest with the point itself first: 1, 1, 1, 8.
  EXPECT_DOUBLE_EQ(EstimateBandwidth(Points({{0}, {1}, {2}, {10}}), 0.5),
                   11.0 / 4.0);
  EXPECT_DOUBLE_EQ(EstimateBandwidth(Points({{0}, {4}}), 0.1), 0.0);
}

TEST(MeanShift, FindsGroupsAndLeavesOutStragglers) {
  // Windows of radius 1.5 rest at 1 (three points), at 10.5 (two) and at 30.
  EXPECT_THAT(MeanShift(Points({{0}, {10}, {1}, {11}, {2}, {30}}), 1.5),
              ElementsAre(0, 1, 0, 1, 0, 2));
}

TEST(MeanShift, CallsNoiseWhatIsFarFromAllThatStay) {
  // From 0 the window rests at 0.5, from all others at 1.75, within one radius
  // of it: only the fuller window stays, and 0 is farther than 1.26 from it.
  EXPECT_THAT(MeanShift(Points({{0}, {1}, {2}, {2}, {2}}), 1.26),
              ElementsAre(kNoise, 0, 0, 0, 0));
}

TEST(MeanShift, TakesEqualPointsAndNoWidth) {
  EXPECT_THAT(MeanShift(Points({{.1, .7}, {.1, .7}, {.1, .7}}), 0.0),
              ElementsAre(0, 0, 0));
  EXPECT_THAT(MeanShift(Points({{.1}, {.3}, {.1}, {.1}}), 0.0),
              ElementsAre(0, 1, 0, 0));
  EXPECT_THAT(MeanShift(Points({{0}, {0}}), 0.0), ElementsAre(0, 0));
}

TEST(KMeans, StartsFromTheFarthestPoints) {
  // The mean is 5.4: the first centre is 12, the second 0.
  EXPECT_THAT(KMeans(Points({{0}, {1}, {2}, {12}, {12}}), 2),
              ElementsAre(0, 0, 0, 1, 1));
  EXPECT_THAT(KMeans(Points({{3}, {3}, {3}}), 2), ElementsAre(0, 0, 0));
  EXPECT_THAT(KMeans(Points({{3}}), 2), ElementsAre(0));
}

TEST(KMeans, FindsTheBestSplitOfTwoGroups) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    core::Stream stream = core::Stream::Named(seed, "k-means");
    Matrix points(9, 2);
    for (std::int64_t i = 0; i < 9; ++i) {
      for (double& value : points.Row(i)) {
        value = (i % 3 == 0 ? 8.0 : 0.0) + stream.Normal();
      }
    }
    double least = 1e300;
    unsigned best = 0;
    for (unsigned split = 1; split < 256; ++split) {  // the last point in 0
      double cost = 0.0;
      for (const unsigned side : {0U, 1U}) {
        for (std::int64_t k = 0; k < 2; ++k) {
          double sum = 0.0;
          double squares = 0.0;
          double count = 0.0;
          for (unsigned i = 0; i < 9; ++i) {
            if ((split >> i & 1U) != side) continue;
            sum += points(i, k);
            squares += points(i, k) * points(i, k);
            count += 1.0;
          }
          cost += squares - sum * sum / count;
        }
      }
      if (cost < least) {
        least = cost;
        best = split;
      }
    }
    std::vector<std::int64_t> names;
    for (unsigned i = 0; i < 9; ++i) names.push_back(best >> i & 1U);
    EXPECT_EQ(KMeans(points, 2), InOrder(names));
  }
}

TEST(LargestCluster, PrefersTheLowestLabel) {
  EXPECT_THAT(LargestCluster({0, kNoise, 1, 1, 0, 2}), ElementsAre(0, 4));
  EXPECT_THAT(LargestCluster({0, 1, 1}), ElementsAre(1, 2));
  EXPECT_THAT(LargestCluster({kNoise, kNoise}), IsEmpty());
}

long double SlowCosineDistance(const std::vector<double>& a,
                               const std::vector<double>& b,
                               const std::vector<double>& origin) {
  long double aa = 0.0L;
  long double bb = 0.0L;
  long double difference = 0.0L;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const long double x = static_cast<long double>(a[k]) + origin[k];
    const long double y = static_cast<long double>(b[k]) + origin[k];
    aa += x * x;
    bb += y * y;
  }
  for (std::size_t k = 0; k < a.size(); ++k) {
    const long double x = static_cast<long double>(a[k]) + origin[k];
    const long double y = static_cast<long double>(b[k]) + origin[k];
    const long double part = x / std::sqrt(aa) - y / std::sqrt(bb);
    difference += part * part;
  }
  return difference / 2.0L;
}

TEST(CosineDistances, EqualTheirDefinitionForUpdatesAndForModels) {
  const std::int64_t d = 300;
  const RandomRows rows = RandomRows::Draw(5, 7, d, 2);
  for (const double size : {0.0, 1.0, 1e4}) {
    core::Stream stream = core::Stream::Named(6, "model");
    std::vector<double> model;
    for (std::int64_t k = 0; k < d; ++k) {
      model.push_back(static_cast<float>(size * stream.Normal()));
    }
    for (const UpdateTable& table : {rows.Doubles(), rows.Floats()}) {
      const Inputs inputs = Inputs(table).WithReferences({model});
      const Matrix distances = CosineDistances(inputs.geometry(), 7, 7);
      for (std::int64_t i = 0; i < 7; ++i) {
        EXPECT_EQ(distances(i, i), 0.0);
        for (std::int64_t j = 0; j < i; ++j) {
          const auto expected = static_cast<double>(
              SlowCosineDistance(rows.values[static_cast<std::size_t>(i)],
                                 rows.values[static_cast<std::size_t>(j)],
                                 model));
          EXPECT_NEAR(
              distances(i, j) / expected, 1.0, table.is_double() ? 1e-9 : 1e-4)
              << "model of " << size;
          EXPECT_EQ(distances(i, j), distances(j, i));
        }
      }
    }
  }
}

TEST(CosineDistances, AreExactlyZeroForEqualRowsAndOneForZero) {
  RandomRows rows = RandomRows::Draw(7, 5, 100, 0);
  rows.floats[3] = rows.floats[1];
  rows.floats[0].assign(100, 0.0F);
  rows.floats[4].assign(100, 0.0F);
  const Inputs inputs(rows.Floats());
  const Matrix distances = CosineDistances(inputs.geometry(), 5);
  EXPECT_EQ(distances(1, 3), 0.0);
  EXPECT_EQ(distances(0, 4), 0.0);
  EXPECT_EQ(distances(0, 1), 1.0);
  EXPECT_GT(distances(1, 2), 0.0);
}

TEST(MajorityCluster, IsTheFirstMajorityThatGrowsTogether) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const auto n = static_cast<std::int64_t>(1 + seed % 19);
    const Matrix distances = EuclideanDistances(DrawPoints(seed, n, 2));
    Set all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), 0);
    std::vector<double> heights(distances.values().begin(),
                                distances.values().end());
    std::sort(heights.begin(), heights.end());
    Set expected;
    for (const double height : heights) {
      const auto joins = [&](auto i, auto j) {
        return distances(i, j) <= height;
      };
      for (Set& part : Parts(all, joins)) {
        if (static_cast<std::int64_t>(part.size()) < n / 2 + 1) continue;
        std::sort(part.begin(), part.end());
        expected = part;
      }
      if (!expected.empty()) break;
    }
    EXPECT_EQ(MajorityCluster(distances), expected);
  }
}

}  // namespace
}  // namespace fedtorch::aggregate
