// Krum that estimates the number of adversaries itself, then averages.
//
// Every vector looks at its sorted squared distances to the others: those
// beyond twice the median less the smallest count as extreme, and so do those
// behind the widest gap where it stands out. Its score leaves out that many.
//
// Avoids: an estimate that lets two equal vectors far away win, which see a gap
// right behind each other and call all others adversaries; with
// `limit: majority` gaps that leave no honest majority are not looked at.
#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/selection.h"
#include "fedtorch/aggregate/spectrum.h"

#include <algorithm>

namespace fedtorch::aggregate {
namespace {

constexpr std::int64_t kFewest = 5;
// How much wider than the typical gap, and how much farther behind it than
// before it, as in the published implementation.
constexpr double kWider = 5.0;
constexpr double kFarther = 10.0;

// How many of the last of `sorted` stand behind its widest gap, at most `most`;
// 0 where that gap does not stand out. Of equal gaps the last one is meant,
// which accuses fewest.
std::int64_t BehindGap(std::span<const double> sorted, std::int64_t most) {
  const auto count = static_cast<std::int64_t>(sorted.size());
  if (count < 3) return 0;
  std::vector<double> gaps;
  for (std::size_t k = 0; k + 1 < sorted.size(); ++k) {
    gaps.push_back(sorted[k + 1] - sorted[k]);
  }
  const std::int64_t first = std::max<std::int64_t>(0, count - 1 - most);
  if (first >= count - 1) return 0;
  auto widest = static_cast<std::size_t>(first);
  for (std::size_t k = widest; k < gaps.size(); ++k) {
    if (gaps[k] >= gaps[widest]) widest = k;
  }
  const double gap = gaps[widest];
  const double before = sorted[widest];
  const double behind = sorted[widest + 1];
  gaps.erase(gaps.begin() + static_cast<std::ptrdiff_t>(widest));
  const auto middle =
      gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
  std::nth_element(gaps.begin(), middle, gaps.end());
  const bool stands_out =
      gap > kWider * *middle && behind > 0.0 && behind >= kFarther * before;
  return stands_out ? count - 1 - static_cast<std::int64_t>(widest) : 0;
}

class ArKrum final : public Aggregator {
 public:
  explicit ArKrum(config::Section& section)
      : majority_(section.Choice(
                      {.name = "limit",
                       .help = "Which gaps may separate adversaries: those "
                               "that leave an honest majority, n >= 2f + 3, or "
                               "any, as in the published implementation."},
                      {"majority", "none"},
                      "majority") == "majority") {}

  std::string Obstacle(std::int64_t n, Adversaries f) const override {
    if (n >= kFewest) return {};
    return "ar_krum needs n >= " + std::to_string(kFewest) +
           " updates, found n = " + std::to_string(n) +
           " with f = " + std::to_string(f);
  }

  std::optional<Combination> Combine(const Geometry& geometry,
                                     const Inputs& inputs,
                                     const Context&) const override {
    const std::int64_t n = inputs.size();
    const Matrix distances = SquaredDistances(geometry, n);
    Combination result;
    std::vector<std::int64_t> estimates;
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<double> others;
      for (std::int64_t j = 0; j < n; ++j) {
        if (j != i) others.push_back(distances(i, j));
      }
      std::sort(others.begin(), others.end());
      estimates.push_back(Estimate(others, n));
      const std::int64_t count =
          std::max<std::int64_t>(1, n - estimates.back() - 2);
      double sum = 0.0;
      for (std::int64_t k = 0; k < count; ++k) {
        sum += others[static_cast<std::size_t>(k)];
      }
      result.scores.push_back(sum);
    }
    const std::int64_t best = Smallest(result.scores, 1).front();
    const std::int64_t f = estimates[static_cast<std::size_t>(best)];
    // The best itself comes first, whichever others are equal to it.
    std::vector<double> from(distances.Row(best).begin(),
                             distances.Row(best).end());
    from[static_cast<std::size_t>(best)] = -1.0;
    result.coefficients = MeanOver(
        Smallest(from, std::max<std::int64_t>(1, n - f)), geometry.size());
    result.diagnostics["aggregate/estimated_f"] = static_cast<double>(f);
    return result;
  }

 private:
  std::int64_t Estimate(std::span<const double> sorted, std::int64_t n) const {
    const auto count = static_cast<std::int64_t>(sorted.size());
    const double median = sorted[sorted.size() / 2];
    const double farthest = median + (median - sorted.front());
    const auto kept = std::upper_bound(sorted.begin(), sorted.end(), farthest) -
                      sorted.begin();
    const std::int64_t extreme = count - kept;
    const std::int64_t most = majority_ ? (n - 3) / 2 : n;
    return std::max(
        extreme, BehindGap(sorted.first(static_cast<std::size_t>(kept)), most));
  }

  bool majority_;
};

std::unique_ptr<Aggregator> Make(config::Section& section) {
  return std::make_unique<ArKrum>(section);
}

}  // namespace

extern const Kind kArKrum;
constinit const Kind kArKrum{
    .name = "ar_krum",
    .summary =
        "Mean of the updates nearest to Krum's choice, with f estimated "
        "from gaps between distances.",
    .source =
        "Yang, Imam et al. 2025 (arXiv 2505.17226), algorithms 1 and 2; "
        "gaps as in velocity-fl",
    .preconditions = "n >= 5",
    .reduction = Reduction::kTable,
    .make = Make};

}  // namespace fedtorch::aggregate
