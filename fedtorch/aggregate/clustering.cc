#include "fedtorch/aggregate/clustering.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace fedtorch::aggregate {
namespace {

// Points at no distance would have infinite density, and differences of
// infinities are not numbers.
constexpr double kLeastDistance = 1e-200;

// Renames clusters by their first members.
Labels InOrder(const std::vector<std::int64_t>& names) {
  Labels labels;
  std::vector<std::int64_t> seen;
  for (const std::int64_t name : names) {
    if (name < 0) {
      labels.push_back(kNoise);
      continue;
    }
    const auto found = std::find(seen.begin(), seen.end(), name);
    labels.push_back(found - seen.begin());
    if (found == seen.end()) seen.push_back(name);
  }
  return labels;
}

struct Edge {
  double distance = 0.0;
  std::size_t a = 0;
  std::size_t b = 0;
};

double At(const Matrix& matrix, std::size_t i, std::size_t j) {
  return matrix(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j));
}

std::vector<double> CoreDistances(const Matrix& distances,
                                  std::int64_t min_samples) {
  const auto n = static_cast<std::size_t>(distances.rows());
  std::vector<double> cores(n);
  if (n < 2) return cores;
  const auto nth = static_cast<std::size_t>(
      std::clamp<std::int64_t>(min_samples, 1, distances.rows() - 1));
  std::vector<double> others;
  for (std::size_t i = 0; i < n; ++i) {
    others.clear();
    for (std::size_t j = 0; j < n; ++j) {
      if (j != i) others.push_back(At(distances, i, j));
    }
    const auto place = others.begin() + static_cast<std::ptrdiff_t>(nth - 1);
    std::nth_element(others.begin(), place, others.end());
    cores[i] = *place;
  }
  return cores;
}

// Prim's tree over the distances at which two points are mutually reachable,
// shortest edge first.
std::vector<Edge> SpanningTree(const Matrix& distances,
                               const std::vector<double>& cores) {
  const std::size_t n = cores.size();
  std::vector<Edge> edges;
  std::vector<double> best(n, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> from(n, 0);
  std::vector<char> done(n, 0);
  std::size_t current = 0;
  for (std::size_t step = 1; step < n; ++step) {
    done[current] = 1;
    std::size_t next = n;
    for (std::size_t j = 0; j < n; ++j) {
      if (done[j] != 0) continue;
      const double reach =
          std::max({cores[current], cores[j], At(distances, current, j)});
      if (reach < best[j]) {
        best[j] = reach;
        from[j] = current;
      }
      if (next == n || best[j] < best[next]) next = j;
    }
    edges.push_back({best[next], from[next], next});
    current = next;
  }
  std::stable_sort(
      edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
        return a.distance < b.distance;
      });
  return edges;
}

// A set of points and the distance at which its parts merge; the first n nodes
// are the points themselves.
struct Node {
  double distance = 0.0;
  std::size_t size = 1;
  std::vector<std::size_t> parts;
};

// The last node holds all points. Edges of one length merge at once.
std::vector<Node> Dendrogram(std::size_t n, const std::vector<Edge>& edges) {
  std::vector<Node> nodes(n);
  std::vector<std::size_t> root(n);
  std::iota(root.begin(), root.end(), std::size_t{0});
  std::vector<std::vector<std::size_t>> merging(n);
  for (std::size_t i = 0; i < n; ++i) merging[i] = {i};
  const auto find = [&root](std::size_t i) {
    while (root[i] != i) {
      root[i] = root[root[i]];
      i = root[i];
    }
    return i;
  };
  for (std::size_t first = 0; first < edges.size();) {
    std::size_t last = first;
    while (last < edges.size() &&
           edges[last].distance == edges[first].distance) {
      const std::size_t a = find(edges[last].a);
      const std::size_t b = find(edges[last].b);
      root[b] = a;
      merging[a].insert(merging[a].end(), merging[b].begin(), merging[b].end());
      merging[b].clear();
      ++last;
    }
    for (std::size_t edge = first; edge < last; ++edge) {
      std::vector<std::size_t>& parts = merging[find(edges[edge].a)];
      if (parts.size() < 2) continue;
      Node node{edges[first].distance, 0, std::move(parts)};
      for (const std::size_t part : node.parts) node.size += nodes[part].size;
      parts = {nodes.size()};
      nodes.push_back(std::move(node));
    }
    first = last;
  }
  return nodes;
}

// The tree without the parts that are too small to be clusters. Densities are
// inverse distances.
struct Condensed {
  struct Cluster {
    double birth = 0.0;
    double death = 0.0;
    double stability = 0.0;
    std::size_t parent = 0;
  };
  std::vector<Cluster> clusters;  // parents first; the first has all points
  std::vector<std::size_t> home;  // of each point: where it fell out
  std::vector<double> density;    // of each point: when it fell out
};

Condensed Condense(const std::vector<Node>& nodes,
                   std::size_t n,
                   std::size_t min_cluster) {
  Condensed tree;
  tree.home.resize(n);
  tree.density.resize(n);
  tree.clusters.emplace_back();
  const auto drop = [&](std::size_t part, std::size_t cluster, double density) {
    std::vector<std::size_t> open = {part};
    while (!open.empty()) {
      const std::size_t node = open.back();
      open.pop_back();
      if (node < n) {
        tree.home[node] = cluster;
        tree.density[node] = density;
      }
      open.insert(
          open.end(), nodes[node].parts.begin(), nodes[node].parts.end());
    }
  };
  std::vector<std::pair<std::size_t, std::size_t>> open = {
      {nodes.size() - 1, 0}};
  while (!open.empty()) {
    const auto [node, cluster] = open.back();
    open.pop_back();
    const double density = 1.0 / std::max(nodes[node].distance, kLeastDistance);
    const double birth = tree.clusters[cluster].birth;
    std::vector<std::size_t> large;
    for (const std::size_t part : nodes[node].parts) {
      if (nodes[part].size >= min_cluster) {
        large.push_back(part);
        continue;
      }
      drop(part, cluster, density);
      tree.clusters[cluster].stability +=
          static_cast<double>(nodes[part].size) * (density - birth);
    }
    if (large.size() == 1) {
      open.emplace_back(large.front(), cluster);
      continue;
    }
    tree.clusters[cluster].death = density;
    for (const std::size_t part : large) {
      tree.clusters[cluster].stability +=
          static_cast<double>(nodes[part].size) * (density - birth);
      open.emplace_back(part, tree.clusters.size());
      tree.clusters.push_back(
          {.birth = density, .death = density, .parent = cluster});
    }
  }
  return tree;
}

// Excess of mass: a cluster stays unless those inside it weigh more together.
std::vector<char> Chosen(const Condensed& tree, bool single) {
  const std::size_t count = tree.clusters.size();
  std::vector<char> chosen(count, 0);
  std::vector<double> inside(count, 0.0);
  for (std::size_t c = count; c-- > 0;) {
    const Condensed::Cluster& cluster = tree.clusters[c];
    if ((c > 0 || single) && cluster.stability >= inside[c]) {
      chosen[c] = 1;
      inside[c] = cluster.stability;
    }
    if (c > 0) inside[cluster.parent] += inside[c];
  }
  std::vector<char> covered(count, 0);
  for (std::size_t c = 1; c < count; ++c) {
    const std::size_t parent = tree.clusters[c].parent;
    covered[c] = chosen[parent] != 0 || covered[parent] != 0 ? 1 : 0;
    if (covered[c] != 0) chosen[c] = 0;
  }
  return chosen;
}

double SquaredDistance(std::span<const double> a, std::span<const double> b) {
  double sum = 0.0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    sum += (a[k] - b[k]) * (a[k] - b[k]);
  }
  return sum;
}

// The nearest row of `centres`, the lowest of equals, and its squared distance.
std::pair<std::int64_t, double> Nearest(std::span<const double> point,
                                        const Matrix& centres,
                                        std::int64_t count) {
  std::pair<std::int64_t, double> best{0,
                                       SquaredDistance(point, centres.Row(0))};
  for (std::int64_t c = 1; c < count; ++c) {
    const double distance = SquaredDistance(point, centres.Row(c));
    if (distance < best.second) best = {c, distance};
  }
  return best;
}

void CopyRow(std::span<const double> from, std::span<double> to) {
  std::copy(from.begin(), from.end(), to.begin());
}

}  // namespace

Labels Hdbscan(const Matrix& distances, const HdbscanForm& form) {
  const auto n = static_cast<std::size_t>(distances.rows());
  FEDTORCH_CHECK(form.min_cluster >= 2, "a cluster has two points at least");
  if (n == 0) return {};
  if (n == 1) return {form.single ? 0 : kNoise};
  const std::vector<double> cores = CoreDistances(distances, form.min_samples);
  const std::vector<Node> nodes = Dendrogram(n, SpanningTree(distances, cores));
  const Condensed tree =
      Condense(nodes, n, static_cast<std::size_t>(form.min_cluster));
  const std::vector<char> chosen = Chosen(tree, form.single);
  std::vector<std::int64_t> names(n, kNoise);
  for (std::size_t i = 0; i < n; ++i) {
    std::size_t cluster = tree.home[i];
    while (cluster > 0 && chosen[cluster] == 0) {
      cluster = tree.clusters[cluster].parent;
    }
    if (chosen[cluster] == 0) continue;
    // Into the cluster of all points belongs only who stays to its end.
    if (cluster == 0 && tree.density[i] < tree.clusters[0].death) continue;
    names[i] = static_cast<std::int64_t>(cluster);
  }
  return InOrder(names);
}

Labels AverageLinkage(const Matrix& distances, std::int64_t count) {
  const auto n = static_cast<std::size_t>(distances.rows());
  Matrix between = distances;
  std::vector<double> sizes(n, 1.0);
  std::vector<char> alive(n, 1);
  std::vector<std::int64_t> names(n);
  std::iota(names.begin(), names.end(), std::int64_t{0});
  // The nearest cluster behind each, as names of first members.
  std::vector<std::size_t> nearest(n, n);
  const auto search = [&](std::size_t i) {
    nearest[i] = n;
    for (std::size_t j = i + 1; j < n; ++j) {
      if (alive[j] == 0) continue;
      if (nearest[i] == n || At(between, i, j) < At(between, i, nearest[i])) {
        nearest[i] = j;
      }
    }
  };
  for (std::size_t i = 0; i < n; ++i) search(i);
  for (auto left = static_cast<std::int64_t>(n);
       left > std::max<std::int64_t>(1, count);
       --left) {
    std::size_t a = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (alive[i] == 0 || nearest[i] == n) continue;
      if (a == n || At(between, i, nearest[i]) < At(between, a, nearest[a])) {
        a = i;
      }
    }
    const std::size_t b = nearest[a];
    alive[b] = 0;
    for (std::int64_t& name : names) {
      if (name == static_cast<std::int64_t>(b)) {
        name = static_cast<std::int64_t>(a);
      }
    }
    for (std::size_t j = 0; j < n; ++j) {
      if (alive[j] == 0 || j == a) continue;
      const double mean =
          (sizes[a] * At(between, a, j) + sizes[b] * At(between, b, j)) /
          (sizes[a] + sizes[b]);
      between(static_cast<std::int64_t>(a), static_cast<std::int64_t>(j)) =
          between(static_cast<std::int64_t>(j), static_cast<std::int64_t>(a)) =
              mean;
    }
    sizes[a] += sizes[b];
    for (std::size_t i = 0; i < n; ++i) {
      if (alive[i] == 0) continue;
      if (i == a || nearest[i] == a || nearest[i] == b) {
        search(i);
      } else if (i < a && (At(between, i, a) < At(between, i, nearest[i]) ||
                           (At(between, i, a) == At(between, i, nearest[i]) &&
                            a < nearest[i]))) {
        nearest[i] = a;
      }
    }
  }
  return InOrder(names);
}

Labels Dbscan(const Matrix& distances, double radius, std::int64_t min_points) {
  const auto n = static_cast<std::size_t>(distances.rows());
  std::vector<char> core(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    std::int64_t near = 0;
    for (std::size_t j = 0; j < n; ++j) {
      if (At(distances, i, j) <= radius) ++near;
    }
    core[i] = near >= min_points ? 1 : 0;
  }
  Labels names(n, kNoise);
  std::int64_t next = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (core[i] == 0 || names[i] != kNoise) continue;
    std::vector<std::size_t> open = {i};
    names[i] = next;
    while (!open.empty()) {
      const std::size_t point = open.back();
      open.pop_back();
      if (core[point] == 0) continue;
      for (std::size_t j = 0; j < n; ++j) {
        if (names[j] != kNoise || At(distances, point, j) > radius) continue;
        names[j] = next;
        open.push_back(j);
      }
    }
    ++next;
  }
  return InOrder(names);
}

double EstimateBandwidth(const Matrix& points, double quantile) {
  const std::int64_t n = points.rows();
  if (n == 0) return 0.0;
  const std::int64_t nth = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(quantile * static_cast<double>(n)), 1, n);
  double sum = 0.0;
  std::vector<double> squares(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      squares[static_cast<std::size_t>(j)] =
          SquaredDistance(points.Row(i), points.Row(j));
    }
    const auto place = squares.begin() + (nth - 1);
    std::nth_element(squares.begin(), place, squares.end());
    sum += std::sqrt(*place);
  }
  return sum / static_cast<double>(n);
}

Labels MeanShift(const Matrix& points, double bandwidth) {
  constexpr int kMostSteps = 300;
  const std::int64_t n = points.rows();
  double largest = 0.0;
  for (const double value : points.values()) {
    largest = std::max(largest, std::fabs(value));
  }
  // A window of no width would lose its own point to rounding.
  const double radius = std::max(bandwidth, 1e-12 * largest);
  const double reach = radius * radius;
  Matrix centres(n, points.columns());
  std::vector<std::int64_t> covered(static_cast<std::size_t>(n));
  std::vector<double> mean(static_cast<std::size_t>(points.columns()));
  for (std::int64_t i = 0; i < n; ++i) {
    CopyRow(points.Row(i), centres.Row(i));
    for (int step = 0; step < kMostSteps; ++step) {
      std::fill(mean.begin(), mean.end(), 0.0);
      std::int64_t count = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        if (SquaredDistance(points.Row(j), centres.Row(i)) > reach) continue;
        ++count;
        for (std::size_t k = 0; k < mean.size(); ++k) {
          mean[k] += points.Row(j)[k];
        }
      }
      covered[static_cast<std::size_t>(i)] = count;
      if (count == 0) break;
      for (double& value : mean) value /= static_cast<double>(count);
      const double moved = SquaredDistance(mean, centres.Row(i));
      CopyRow(mean, centres.Row(i));
      if (moved <= 1e-6 * reach) break;
    }
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) {
    return covered[static_cast<std::size_t>(a)] >
           covered[static_cast<std::size_t>(b)];
  });
  Matrix kept(n, points.columns());
  std::int64_t count = 0;
  for (const std::int64_t i : order) {
    if (covered[static_cast<std::size_t>(i)] == 0) continue;
    if (count > 0 && Nearest(centres.Row(i), kept, count).second <= reach) {
      continue;
    }
    CopyRow(centres.Row(i), kept.Row(count++));
  }
  Labels names;
  for (std::int64_t i = 0; i < n; ++i) {
    if (count == 0) {
      names.push_back(kNoise);
      continue;
    }
    const auto [centre, distance] = Nearest(points.Row(i), kept, count);
    names.push_back(distance <= reach ? centre : kNoise);
  }
  return InOrder(names);
}

Labels KMeans(const Matrix& points, std::int64_t count) {
  constexpr int kMostSteps = 300;
  const std::int64_t n = points.rows();
  const std::int64_t k = std::min(count, n);
  if (n == 0) return {};
  Matrix centres(k + 1, points.columns());
  // The mean stands in the first place until it has named the first centre.
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t c = 0; c < points.columns(); ++c) {
      centres(0, c) += points(i, c) / static_cast<double>(n);
    }
  }
  for (std::int64_t chosen = 0; chosen < k; ++chosen) {
    std::int64_t farthest = 0;
    double most = -1.0;
    for (std::int64_t i = 0; i < n; ++i) {
      const double distance =
          Nearest(points.Row(i), centres, std::max<std::int64_t>(1, chosen))
              .second;
      if (distance > most) {
        farthest = i;
        most = distance;
      }
    }
    CopyRow(points.Row(farthest), centres.Row(chosen));
  }
  Labels names(static_cast<std::size_t>(n), kNoise);
  for (int step = 0; step < kMostSteps; ++step) {
    bool moved = false;
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t nearest = Nearest(points.Row(i), centres, k).first;
      std::int64_t& name = names[static_cast<std::size_t>(i)];
      moved = moved || nearest != name;
      name = nearest;
    }
    if (!moved) break;
    for (std::int64_t c = 0; c < k; ++c) {
      const auto members = std::count(names.begin(), names.end(), c);
      if (members == 0) continue;
      std::fill(centres.Row(c).begin(), centres.Row(c).end(), 0.0);
      for (std::int64_t i = 0; i < n; ++i) {
        if (names[static_cast<std::size_t>(i)] != c) continue;
        for (std::int64_t p = 0; p < points.columns(); ++p) {
          centres(c, p) += points(i, p) / static_cast<double>(members);
        }
      }
    }
  }
  return InOrder(names);
}

std::vector<std::int64_t> LargestCluster(const Labels& labels) {
  std::vector<std::int64_t> sizes;
  for (const std::int64_t label : labels) {
    if (label == kNoise) continue;
    if (label >= static_cast<std::int64_t>(sizes.size())) {
      sizes.resize(static_cast<std::size_t>(label) + 1);
    }
    ++sizes[static_cast<std::size_t>(label)];
  }
  std::vector<std::int64_t> members;
  if (sizes.empty()) return members;
  const auto largest =
      std::max_element(sizes.begin(), sizes.end()) - sizes.begin();
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == largest) members.push_back(static_cast<std::int64_t>(i));
  }
  return members;
}

Matrix EuclideanDistances(const Matrix& points) {
  Matrix distances(points.rows(), points.rows());
  for (std::int64_t i = 0; i < points.rows(); ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      distances(i, j) = distances(j, i) =
          std::sqrt(SquaredDistance(points.Row(i), points.Row(j)));
    }
  }
  return distances;
}

Matrix CosineDistances(const Geometry& geometry,
                       std::int64_t n,
                       std::optional<std::int64_t> origin) {
  const auto count = static_cast<std::size_t>(n);
  std::vector<double> own(count);      // what |y_i + o|^2 has beside |o|^2
  std::vector<double> squares(count);  // |y_i + o|^2
  std::vector<double> towards(count);  // <y_i, o>
  const double base = origin ? geometry.SquaredNorm(*origin) : 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto row = static_cast<std::int64_t>(i);
    own[i] = geometry.SquaredNorm(row);
    if (origin) {
      towards[i] = geometry.Dot(row, *origin);
      own[i] += 2.0 * towards[i];
    }
    squares[i] = std::max(0.0, own[i] + base);
  }
  Matrix distances(n, n);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto a = static_cast<std::int64_t>(i);
      const auto b = static_cast<std::int64_t>(j);
      const double length = std::sqrt(squares[i]) * std::sqrt(squares[j]);
      double distance = 1.0;
      if (length > 0.0) {
        const double apart = geometry.SquaredDistance(a, b);
        if (apart <= 0.25 * length) {
          const double longer = (own[i] - own[j]) /
                                (std::sqrt(squares[i]) + std::sqrt(squares[j]));
          distance = 0.5 * (apart - longer * longer) / length;
        } else {
          const double product =
              geometry.Dot(a, b) + towards[i] + towards[j] + base;
          distance = 1.0 - product / length;
        }
      } else if (squares[i] == 0.0 && squares[j] == 0.0) {
        distance = 0.0;
      }
      distances(a, b) = distances(b, a) = std::clamp(distance, 0.0, 2.0);
    }
  }
  return distances;
}

std::vector<std::int64_t> MajorityCluster(const Matrix& distances) {
  const std::int64_t n = distances.rows();
  return LargestCluster(
      Hdbscan(distances,
              {.min_cluster = std::max<std::int64_t>(2, n / 2 + 1),
               .min_samples = 1,
               .single = true}));
}

}  // namespace fedtorch::aggregate
