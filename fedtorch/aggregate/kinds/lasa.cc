// LASA: per tensor of the model, the mean of the clients whose largest weights
// have a usual norm and a usual balance of signs there.
//
// Avoids: a division by a spread of 0, a sign balance of a tensor without
// weights, and ties at the edge of the sparsification that would drop all of
// them (the lowest coordinates stay).
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/norms.h"
#include "fedtorch/core/errors.h"

#include <tbb/parallel_for.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

namespace fedtorch::aggregate {
namespace {

constexpr std::int64_t kColumns = 4096;  // joined by one task

struct Piece {
  std::int64_t first = 0;
  std::int64_t size = 0;
  bool is_weight = false;  // may be thinned out
};

// The tensors of the model, and what lies between them, in their order; the
// whole vector where the model is unknown.
std::vector<Piece> Pieces(std::span<const Block> blocks, std::int64_t d) {
  std::vector<Piece> pieces;
  std::int64_t next = 0;
  bool weights = false;
  for (const Block& block : blocks) {
    FEDTORCH_CHECK(block.offset >= next && block.offset + block.size <= d,
                   "blocks follow each other within the vector");
    if (block.offset > next) pieces.push_back({next, block.offset - next});
    pieces.push_back({block.offset, block.size, block.shape.size() >= 2});
    weights = weights || block.shape.size() >= 2;
    next = block.offset + block.size;
  }
  if (next < d) pieces.push_back({next, d - next});
  if (!weights) {
    for (Piece& piece : pieces) piece.is_weight = true;
  }
  return pieces;
}

// Says which values of a row survive: of all weights the largest by magnitude,
// the lowest of equals first. Other values all survive.
struct Cut {
  double bound = -1.0;        // what is larger survives
  std::int64_t last_tie = 0;  // what is as large, up to this coordinate

  bool Keeps(const Piece& piece, std::int64_t k, double value) const {
    const double size = std::fabs(value);
    return !piece.is_weight || size > bound || (size == bound && k <= last_tie);
  }
};

template <class Real>
Cut CutOf(const Real* row, const std::vector<Piece>& pieces, double sparsity) {
  std::vector<Real> sizes;
  for (const Piece& piece : pieces) {
    if (!piece.is_weight) continue;
    for (std::int64_t k = piece.first; k < piece.first + piece.size; ++k) {
      sizes.push_back(std::fabs(row[k]));
    }
  }
  const auto kept = static_cast<std::size_t>((1.0 - sparsity) *
                                             static_cast<double>(sizes.size()));
  if (kept >= sizes.size()) return {};
  // The largest value that falls out stands at the edge.
  const auto edge = sizes.begin() + static_cast<std::ptrdiff_t>(kept);
  std::nth_element(sizes.begin(), edge, sizes.end(), std::greater<Real>());
  const Real bound = *edge;
  auto ties = static_cast<std::int64_t>(kept) -
              std::count_if(sizes.begin(), edge, [bound](Real size) {
                return size > bound;
              });
  Cut cut{static_cast<double>(bound), -1};
  for (const Piece& piece : pieces) {
    if (!piece.is_weight) continue;
    for (std::int64_t k = piece.first; k < piece.first + piece.size; ++k) {
      if (ties == 0) return cut;
      if (std::fabs(row[k]) != bound) continue;
      cut.last_tie = k;
      --ties;
    }
  }
  return cut;
}

// Whether each value is less than `bound` standard deviations from the median.
std::vector<char> NearTheMedian(const std::vector<double>& values,
                                double bound) {
  const auto count = static_cast<double>(values.size());
  // Divided by the largest, so that squares stay finite.
  double most = 0.0;
  for (const double value : values) most = std::max(most, std::fabs(value));
  std::vector<char> near(values.size(), 1);
  if (most == 0.0) return near;
  double mean = 0.0;
  for (const double value : values) mean += value / most / count;
  double variance = 0.0;
  for (const double value : values) {
    variance += (value / most - mean) * (value / most - mean) / count;
  }
  const double median = MedianOf(values) / most;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double apart = std::fabs(values[i] / most - median);
    near[i] = apart == 0.0 || apart < bound * std::sqrt(variance) ? 1 : 0;
  }
  return near;
}

class Lasa final : public Aggregator {
 public:
  explicit Lasa(config::Section& section)
      : norm_bound_(section.Real(
            {.name = "lambda_n",
             .help = "How far the norm of a tensor may be from the median.",
             .unit = "standard deviations"},
            2.0,
            {.min = 0.0, .open_min = true})),
        sign_bound_(section.Real(
            {.name = "lambda_s",
             .help = "How far the balance of signs of a tensor may be from the "
                     "median.",
             .unit = "standard deviations"},
            1.0,
            {.min = 0.0, .open_min = true})),
        sparsity_(section.Real(
            {.name = "sparsity",
             .help = "Share of the weights of an update, the smallest, that "
                     "are set to zero."},
            0.3,
            {.min = 0.0, .max = 1.0, .open_max = true})),
        dense_(section.Choice(
                   {.name = "average",
                    .help = "What is averaged once the clients are chosen: the "
                            "sparsified updates, or the dense ones."},
                   {"sparse", "dense"},
                   "sparse") == "dense") {}

  Result Aggregate(const Inputs& inputs,
                   const Context& context) const override {
    const std::vector<double> norms = NormsByValue(inputs);
    const double bound = MedianOf(norms);
    std::vector<double> factors;
    for (const double norm : norms)
      factors.push_back(ClippingFactor(norm, bound));
    const std::vector<Piece> pieces =
        Pieces(context.blocks, inputs.dimension());
    Result result;
    result.vector.resize(static_cast<std::size_t>(inputs.dimension()));
    std::set<std::int64_t> used;
    inputs.table().Visit([&](auto rows) {
      std::vector<Cut> cuts(rows.size());
      Matrix lengths(static_cast<std::int64_t>(pieces.size()), inputs.size());
      Matrix balances = lengths;
      tbb::parallel_for(std::size_t{0}, rows.size(), [&](std::size_t i) {
        cuts[i] = CutOf(rows[i], pieces, sparsity_);
        for (std::size_t p = 0; p < pieces.size(); ++p) {
          Measure(rows[i],
                  cuts[i],
                  pieces[p],
                  factors[i],
                  &lengths(static_cast<std::int64_t>(p),
                           static_cast<std::int64_t>(i)),
                  &balances(static_cast<std::int64_t>(p),
                            static_cast<std::int64_t>(i)));
        }
      });
      for (std::size_t p = 0; p < pieces.size(); ++p) {
        const auto row = static_cast<std::int64_t>(p);
        const std::vector<std::size_t> kept =
            Kept({lengths.Row(row).begin(), lengths.Row(row).end()},
                 {balances.Row(row).begin(), balances.Row(row).end()});
        Join(rows, cuts, factors, kept, pieces[p], result.vector);
        for (const std::size_t i : kept) {
          if (factors[i] != 0.0) used.insert(static_cast<std::int64_t>(i));
        }
      }
    });
    std::set<std::int64_t> base;
    for (const std::int64_t i : used) {
      const std::vector<double> row = inputs.BaseCoefficients(i);
      for (std::size_t k = 0; k < row.size(); ++k) {
        if (row[k] != 0.0) base.insert(static_cast<std::int64_t>(k));
      }
    }
    result.kept.assign(base.begin(), base.end());
    return result;
  }

 private:
  // Norm of the clipped and thinned piece, and (plus - minus) / (plus + minus)
  // of its signs: shares of signs differ from it by constants only.
  template <class Real>
  static void Measure(const Real* row,
                      const Cut& cut,
                      const Piece& piece,
                      double factor,
                      double* length,
                      double* balance) {
    double square = 0.0;
    std::int64_t positive = 0;
    std::int64_t negative = 0;
    for (std::int64_t k = piece.first; k < piece.first + piece.size; ++k) {
      const auto value = static_cast<double>(row[k]);
      if (!cut.Keeps(piece, k, value)) continue;
      square += factor * value * (factor * value);
      if (row[k] > 0) ++positive;
      if (row[k] < 0) ++negative;
    }
    *length = std::sqrt(square);
    *balance = positive + negative == 0
                   ? 0.0
                   : static_cast<double>(positive - negative) /
                         static_cast<double>(positive + negative);
  }

  // Who passes both checks; everybody where nobody does.
  std::vector<std::size_t> Kept(const std::vector<double>& lengths,
                                const std::vector<double>& balances) const {
    const std::vector<char> by_length = NearTheMedian(lengths, norm_bound_);
    const std::vector<char> by_sign = NearTheMedian(balances, sign_bound_);
    std::vector<std::size_t> kept;
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      all.push_back(i);
      if (by_length[i] != 0 && by_sign[i] != 0) kept.push_back(i);
    }
    return kept.empty() ? all : kept;
  }

  template <class Real>
  void Join(std::span<const Real* const> rows,
            const std::vector<Cut>& cuts,
            const std::vector<double>& factors,
            const std::vector<std::size_t>& kept,
            const Piece& piece,
            std::span<double> out) const {
    const std::int64_t tasks = (piece.size + kColumns - 1) / kColumns;
    tbb::parallel_for(std::int64_t{0}, tasks, [&](std::int64_t task) {
      const std::int64_t first = piece.first + task * kColumns;
      const std::int64_t last =
          std::min(piece.first + piece.size, first + kColumns);
      for (const std::size_t i : kept) {
        const double factor = factors[i] / static_cast<double>(kept.size());
        for (std::int64_t k = first; k < last; ++k) {
          const auto value = static_cast<double>(rows[i][k]);
          if (!dense_ && !cuts[i].Keeps(piece, k, value)) continue;
          out[static_cast<std::size_t>(k)] += factor * value;
        }
      }
    });
  }

  double norm_bound_;
  double sign_bound_;
  double sparsity_;
  bool dense_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<Lasa>(section);
}

}  // namespace

extern const Kind kLasa;
constinit const Kind kLasa{
    .name = "lasa",
    .summary =
        "Per tensor of the model (over the whole vector where it is unknown), "
        "the mean of the sparsified updates with a usual norm and balance of "
        "signs, clipped to the median norm.",
    .source = "Xu, Zhang, Hu 2025, algorithm 1",
    .preconditions = "n >= 1",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
