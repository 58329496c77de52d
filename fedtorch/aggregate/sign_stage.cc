#include "fedtorch/aggregate/sign_stage.h"

#include "fedtorch/aggregate/clustering.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/core/stream.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

// Writes the shares of positive, zero and negative values of a random run of
// coordinates into the first three columns.
void WriteShares(const Inputs& inputs,
                 double share,
                 core::Stream stream,
                 Matrix* features) {
  const std::int64_t d = inputs.dimension();
  if (d == 0) return;
  const std::int64_t length = std::clamp<std::int64_t>(
      static_cast<std::int64_t>(share * static_cast<double>(d)), 1, d);
  const auto first = static_cast<std::int64_t>(
      stream.Below(static_cast<std::uint64_t>(d - length + 1)));
  inputs.table().Visit([&](auto rows) {
    tbb::parallel_for(std::size_t{0}, rows.size(), [&](std::size_t i) {
      std::int64_t positive = 0;
      std::int64_t negative = 0;
      for (std::int64_t k = first; k < first + length; ++k) {
        if (rows[i][k] > 0) ++positive;
        if (rows[i][k] < 0) ++negative;
      }
      const auto row = features->Row(static_cast<std::int64_t>(i));
      const auto whole = static_cast<double>(length);
      row[0] = static_cast<double>(positive) / whole;
      row[1] = static_cast<double>(length - positive - negative) / whole;
      row[2] = static_cast<double>(negative) / whole;
    });
  });
}

// Divides each of the first three columns by its largest entry.
void ScaleShares(Matrix* features) {
  for (std::int64_t k = 0; k < 3; ++k) {
    double most = 0.0;
    for (std::int64_t i = 0; i < features->rows(); ++i) {
      most = std::max(most, (*features)(i, k));
    }
    for (std::int64_t i = 0; i < features->rows() && most > 0.0; ++i) {
      (*features)(i, k) /= most;
    }
  }
}

// Median over the others of what `between` says of two vectors.
template <class Between>
std::vector<double> MediansOverOthers(std::int64_t n, const Between& between) {
  std::vector<double> medians;
  for (std::int64_t i = 0; i < n; ++i) {
    std::vector<double> others;
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) others.push_back(between(i, j));
    }
    medians.push_back(MedianOf(std::move(others)));
  }
  return medians;
}

std::vector<double> Cosines(const Inputs& inputs,
                            const Context& context,
                            std::span<const double> norms) {
  if (context.previous.empty()) {
    const Matrix distances = CosineDistances(inputs.geometry(), inputs.size());
    return MediansOverOthers(
        inputs.size(), [&](auto i, auto j) { return 1.0 - distances(i, j); });
  }
  double square = 0.0;
  for (const double value : context.previous) square += value * value;
  std::vector<double> cosines = Products(inputs, context.previous);
  for (std::size_t i = 0; i < cosines.size(); ++i) {
    cosines[i] =
        norms[i] > 0.0 && square > 0.0
            ? std::clamp(cosines[i] / norms[i] / std::sqrt(square), -1.0, 1.0)
            : 0.0;
  }
  return cosines;
}

std::vector<double> Distances(const Inputs& inputs, const Context& context) {
  if (!context.previous.empty()) return DistancesTo(inputs, context.previous);
  const Geometry& geometry = inputs.geometry();
  return MediansOverOthers(inputs.size(), [&](auto i, auto j) {
    return std::sqrt(geometry.SquaredDistance(i, j));
  });
}

}  // namespace

SignStage SignStage::Read(config::Section& section) {
  SignStage stage;
  const std::string variant = section.Choice(
      {.name = "variant",
       .help = "What is clustered beside shares of signs: nothing (plain), the "
               "cosine to the last aggregate (sim), or the distance to it "
               "(dist)."},
      {"plain", "sim", "dist"},
      "plain");
  stage.variant_ = variant == "sim"    ? Variant::kSimilarity
                   : variant == "dist" ? Variant::kDistance
                                       : Variant::kPlain;
  const std::string clustering =
      section.Choice({.name = "clustering",
                      .help = "How the statistics are clustered; kmeans makes "
                              "two clusters."},
                     {"meanshift", "dbscan", "kmeans"},
                     "meanshift");
  stage.clustering_ = clustering == "dbscan"   ? Clustering::kDbscan
                      : clustering == "kmeans" ? Clustering::kKMeans
                                               : Clustering::kMeanShift;
  stage.share_ = section.Real(
      {.name = "share",
       .help = "Share of the coordinates whose signs are counted, side by side "
               "from a random place on."},
      0.1,
      {.min = 0.0, .max = 1.0, .open_min = true});
  stage.scale_shares_ = section.Bool(
      {.name = "scale_shares",
       .help = "Divides each share of signs by its largest among the updates, "
               "as the authors' code does."},
      false);
  stage.lower_ = section.Real(
      {.name = "lower",
       .help = "Norms that count are above this multiple of the median norm."},
      0.1,
      {.min = 0.0, .max = 1.0, .open_max = true});
  stage.upper_ = section.Real(
      {.name = "upper",
       .help = "Norms that count are below this multiple of the median norm."},
      3.0,
      {.min = 1.0, .open_min = true});
  if (stage.clustering_ == Clustering::kDbscan || section.recording()) {
    stage.radius_ = section.Real(
        {.name = "radius",
         .help = "With dbscan: the distance within which statistics are "
                 "neighbours."},
        0.05,
        {.min = 0.0});
    stage.min_points_ = section.Int(
        {.name = "min_points",
         .help = "With dbscan: neighbours that make a core, itself included.",
         .unit = "clients"},
        2,
        {.min = 1});
  }
  return stage;
}

Matrix SignStage::Features(const Inputs& inputs,
                           const Context& context,
                           std::span<const double> norms,
                           std::string_view purpose) const {
  Matrix features(inputs.size(), variant_ == Variant::kPlain ? 3 : 4);
  WriteShares(
      inputs,
      share_,
      core::Stream::Named(
          context.seed, purpose, {static_cast<std::uint64_t>(context.round)}),
      &features);
  if (scale_shares_) ScaleShares(&features);
  if (variant_ == Variant::kSimilarity) {
    const std::vector<double> cosines = Cosines(inputs, context, norms);
    for (std::size_t i = 0; i < cosines.size(); ++i) {
      features(static_cast<std::int64_t>(i), 3) = 0.5 * (1.0 + cosines[i]);
    }
  } else if (variant_ == Variant::kDistance) {
    // Between 0 and 1 with 0.5 at the median: one huge distance must not widen
    // the scale for all others.
    const std::vector<double> distances = Distances(inputs, context);
    const double median = MedianOf(distances);
    for (std::size_t i = 0; i < distances.size(); ++i) {
      features(static_cast<std::int64_t>(i), 3) =
          distances[i] > 0.0 ? distances[i] / (distances[i] + median) : 0.0;
    }
  }
  return features;
}

std::vector<std::int64_t> SignStage::Admitted(const Inputs& inputs,
                                              const Context& context,
                                              std::span<const double> norms,
                                              std::string_view purpose) const {
  const Matrix features = Features(inputs, context, norms, purpose);
  Labels labels;
  switch (clustering_) {
    case Clustering::kMeanShift:
      labels = MeanShift(features, EstimateBandwidth(features, 0.5));
      break;
    case Clustering::kDbscan:
      labels = Dbscan(EuclideanDistances(features), radius_, min_points_);
      break;
    case Clustering::kKMeans:
      labels = KMeans(features, 2);
      break;
  }
  const double median = MedianOf({norms.begin(), norms.end()});
  std::vector<std::int64_t> kept;
  for (const std::int64_t i : LargestCluster(labels)) {
    const double norm = norms[static_cast<std::size_t>(i)];
    if (norm > lower_ * median && norm < upper_ * median) kept.push_back(i);
  }
  return kept;
}

}  // namespace fedtorch::aggregate
