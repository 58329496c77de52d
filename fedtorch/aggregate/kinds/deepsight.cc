// DeepSight: clusters of clients whose output layers moved alike, without those
// in which many were trained towards few classes.
//
// Avoids: energies whose squares overflow, ratios to probabilities of 0, models
// without finite outputs, a median over the admitted only, and a mean of no
// rows (the old model stays).
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/chosen_rows.h"
#include "fedtorch/aggregate/clustering.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::aggregate {
namespace {

// Probabilities on noise can be as good as 0.
constexpr double kLeastProbability = 1e-6;
constexpr double kLargestRatio = 1.0 / kLeastProbability;

// The last layer, dense: one column of weights a class, and perhaps biases.
struct OutputLayer {
  const Block* weight = nullptr;
  const Block* bias = nullptr;
  std::int64_t classes = 0;
};

OutputLayer FindOutputLayer(std::span<const Block> blocks) {
  OutputLayer layer;
  for (std::size_t i = blocks.size(); i-- > 0 && layer.weight == nullptr;) {
    if (blocks[i].shape.size() != 2) continue;
    layer.weight = &blocks[i];
    layer.classes = blocks[i].shape[1];
    if (i + 1 < blocks.size() && blocks[i + 1].shape.size() == 1 &&
        blocks[i + 1].shape[0] == layer.classes) {
      layer.bias = &blocks[i + 1];
    }
  }
  if (layer.weight == nullptr) {
    throw core::RunError(
        "deepsight needs a model whose last layer is dense, found none among "
        "its " +
        std::to_string(blocks.size()) + " tensors");
  }
  return layer;
}

// What the output layers of the updates say.
struct Inspection {
  Matrix energies;              // [n, classes] NEUP, each row sums to 1
  std::vector<double> exceeds;  // [n] classes with much of the largest energy
  Matrix biases;                // [n, n] cosine distances
};

Matrix DistancesByCosine(const Matrix& rows) {
  std::vector<double> largest;
  std::vector<double> squares;
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    double most = 0.0;
    for (const double value : rows.Row(i)) {
      most = std::max(most, std::fabs(value));
    }
    double square = 0.0;
    for (const double value : rows.Row(i)) {
      if (most > 0.0) square += value / most * (value / most);
    }
    largest.push_back(most);
    squares.push_back(square);
  }
  Matrix distances(rows.rows(), rows.rows());
  for (std::int64_t i = 0; i < rows.rows(); ++i) {
    for (std::int64_t j = 0; j < i; ++j) {
      const auto a = static_cast<std::size_t>(i);
      const auto b = static_cast<std::size_t>(j);
      double distance = 0.0;
      if (largest[a] > 0.0 && largest[b] > 0.0) {
        // Half the squared distance of unit vectors, which is 0 for equals.
        for (std::int64_t k = 0; k < rows.columns(); ++k) {
          const double part = rows(i, k) / largest[a] / std::sqrt(squares[a]) -
                              rows(j, k) / largest[b] / std::sqrt(squares[b]);
          distance += 0.5 * part * part;
        }
      } else if (largest[a] > 0.0 || largest[b] > 0.0) {
        distance = 1.0;
      }
      distances(i, j) = distances(j, i) = distance;
    }
  }
  return distances;
}

Inspection Inspect(const Inputs& inputs,
                   const OutputLayer& layer,
                   double least_threshold) {
  const std::int64_t n = inputs.size();
  const std::int64_t classes = layer.classes;
  Inspection found{Matrix(n, classes), {}, {}};
  // Without biases the sums of the columns stand in for them.
  Matrix directions(n, classes);
  inputs.table().Visit([&](auto rows) {
    for (std::int64_t i = 0; i < n; ++i) {
      const auto* row = rows[static_cast<std::size_t>(i)];
      const auto energy = found.energies.Row(i);
      const auto direction = directions.Row(i);
      for (std::int64_t k = 0; k < layer.weight->size; ++k) {
        const auto value = static_cast<double>(row[layer.weight->offset + k]);
        const auto at = static_cast<std::size_t>(k % classes);
        energy[at] += std::fabs(value);
        if (layer.bias == nullptr) direction[at] += value;
      }
      for (std::int64_t k = 0; layer.bias != nullptr && k < classes; ++k) {
        const auto value = static_cast<double>(row[layer.bias->offset + k]);
        energy[static_cast<std::size_t>(k)] += std::fabs(value);
        direction[static_cast<std::size_t>(k)] = value;
      }
    }
  });
  const double threshold =
      std::max(least_threshold, 1.0 / static_cast<double>(classes));
  for (std::int64_t i = 0; i < n; ++i) {
    const auto energy = found.energies.Row(i);
    const double most = *std::max_element(energy.begin(), energy.end());
    double sum = 0.0;
    double exceeding = 0.0;
    for (double& value : energy) {
      value = most > 0.0 ? value / most * (value / most) : 0.0;
      sum += value;
      if (value > threshold) exceeding += 1.0;
    }
    for (double& value : energy) value = sum > 0.0 ? value / sum : 0.0;
    found.exceeds.push_back(exceeding);
  }
  found.biases = DistancesByCosine(directions);
  return found;
}

// Mean ratio of the probabilities of each client's model to those of the old
// model on the same noise, [n, classes].
Matrix Divisions(const Inputs& inputs,
                 ServerData& server,
                 std::int64_t samples,
                 std::uint64_t seed) {
  const Matrix before = server.OutputsOnNoise(
      std::vector<double>(static_cast<std::size_t>(inputs.dimension())),
      samples,
      seed);
  Matrix ratios(inputs.size(), before.columns());
  std::vector<double> unit(static_cast<std::size_t>(inputs.size()));
  for (std::int64_t i = 0; i < inputs.size(); ++i) {
    unit[static_cast<std::size_t>(i)] = 1.0;
    const Matrix after =
        server.OutputsOnNoise(inputs.Combine(unit), samples, seed);
    unit[static_cast<std::size_t>(i)] = 0.0;
    for (std::int64_t s = 0; s < after.rows(); ++s) {
      for (std::int64_t c = 0; c < after.columns(); ++c) {
        ratios(i, c) += after(s, c) / (before(s, c) + kLeastProbability);
      }
    }
    for (double& value : ratios.Row(i)) {
      value /= static_cast<double>(std::max<std::int64_t>(1, after.rows()));
      // False for what is not a number.
      if (!(value <= kLargestRatio)) value = kLargestRatio;
    }
  }
  return ratios;
}

// Adds `votes` where two are in different clusters; noise counts as one. Whole
// numbers, so that pairs told apart by equally many are equally far apart.
void AddApart(const Labels& labels, std::int64_t votes, Matrix* distances) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::size_t j = 0; j < labels.size(); ++j) {
      if (labels[i] == labels[j]) continue;
      (*distances)(static_cast<std::int64_t>(i),
                   static_cast<std::int64_t>(j)) += static_cast<double>(votes);
    }
  }
}

class DeepSight final : public Aggregator {
 public:
  explicit DeepSight(config::Section& section)
      : seeds_(section.Int(
            {.name = "noise_sets",
             .help = "Sets of random inputs on which outputs are compared.",
             .unit = "sets"},
            3,
            {.min = 1})),
        samples_(section.Int({.name = "noise_samples",
                              .help = "Random inputs in a set.",
                              .unit = "samples"},
                             20000,
                             {.min = 1})),
        threshold_(section.Real(
            {.name = "threshold",
             .help = "Share of the largest energy that a class must exceed to "
                     "count; 1 / classes where that is more."},
            0.01,
            {.min = 0.0, .max = 1.0})),
        tau_(section.Real(
            {.name = "tau",
             .help = "Share of suspicious clients that condemns a cluster."},
            1.0 / 3.0,
            {.min = 0.0, .max = 1.0, .open_min = true})),
        form_{.min_cluster =
                  section.Int({.name = "min_cluster",
                               .help = "Members of the smallest cluster.",
                               .unit = "clients"},
                              5,
                              {.min = 2}),
              .min_samples = section.Int(
                  {.name = "min_samples",
                   .help = "Neighbours that the density at a client is "
                           "measured by.",
                   .unit = "clients"},
                  3,
                  {.min = 1})} {}

  bool needs_server_data() const override { return true; }

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    FEDTORCH_CHECK(context.server != nullptr,
                   "deepsight needs a server's data");
    const Inspection found =
        Inspect(inputs, FindOutputLayer(context.blocks), threshold_);
    // Each of the three points of view counts as much as all sets of noise.
    Matrix apart(inputs.size(), inputs.size());
    AddApart(Hdbscan(found.biases, form_), seeds_, &apart);
    AddApart(
        Hdbscan(EuclideanDistances(found.energies), form_), seeds_, &apart);
    core::Stream stream = core::Stream::Named(
        context.seed, "deepsight", {static_cast<std::uint64_t>(context.round)});
    for (std::int64_t k = 0; k < seeds_; ++k) {
      const Matrix ratios =
          Divisions(inputs, *context.server, samples_, stream.Bits64());
      AddApart(Hdbscan(EuclideanDistances(ratios), form_), 1, &apart);
    }
    HdbscanForm last = form_;
    last.single = true;
    const std::vector<double> norms = NormsByValue(inputs);
    return Joined(
        inputs,
        {.coefficients = ClippedMean(
             norms, Admitted(Hdbscan(apart, last), found), MedianOf(norms)),
         .scores = found.exceeds});
  }

 private:
  // The members of clusters with few suspicious ones; noise is out.
  std::vector<std::int64_t> Admitted(const Labels& labels,
                                     const Inspection& found) const {
    const double bound = 0.5 * MedianOf(found.exceeds);
    const std::size_t n = labels.size();
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < n; ++i) {
      if (labels[i] == kNoise) continue;
      double members = 0.0;
      double suspicious = 0.0;
      for (std::size_t j = 0; j < n; ++j) {
        if (labels[j] != labels[i]) continue;
        members += 1.0;
        if (found.exceeds[j] <= bound) suspicious += 1.0;
      }
      if (suspicious < tau_ * members) {
        kept.push_back(static_cast<std::int64_t>(i));
      }
    }
    return kept;
  }

  std::int64_t seeds_;
  std::int64_t samples_;
  double threshold_;
  double tau_;
  HdbscanForm form_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<DeepSight>(section);
}

}  // namespace

extern const Kind kDeepsight;
constinit const Kind kDeepsight{
    .name = "deepsight",
    .summary =
        "Mean of the clusters of updates with like output layers and few "
        "members trained towards few classes, clipped to the median norm.",
    .source = "Rieger, Nguyen, Miettinen, Sadeghi 2022, algorithms 1 to 3",
    .preconditions =
        "n >= 1; the server can run models; the last layer is dense",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
