// Local model poisoning of coordinate-wise rules, trimmed mean and median
// alike: every coordinate just outside of the honest values, on the side away
// from where the honest mean mu goes. Drawn by each adversary on its own.
//
// mu > 0: from [min/b, min] where min > 0, [b min, min] where it is negative;
// mu < 0: from [max, b max] where max > 0, [max, max/b] where it is negative;
// mu = 0: 0. With `form: deviation`, for adversaries that do not see the
// extremes: mu minus or plus 3 to 4 standard deviations.
// Avoids: one test of the sign for both sides, after which coordinates with
// mu < 0 are left alone.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"
#include "fedtorch/core/stream.h"

#include <tbb/parallel_for.h>

#include <algorithm>

namespace fedtorch::attack {
namespace {

constexpr std::size_t kPart = 65536;

class FangTrimmedMean final : public Attack {
 public:
  explicit FangTrimmedMean(config::Section& section)
      : deviation_(section.Choice({.name = "form",
                                   .help = "What a coordinate is measured "
                                           "from: the extremes of the honest "
                                           "values, or mean and deviation."},
                                  {"extremes", "deviation"},
                                  "extremes") == "deviation"),
        b_(section.Real({.name = "b",
                         .help = "How many times the extreme value it goes at "
                                 "most; form extremes only."},
                        2.0,
                        {.min = 1.0, .open_min = true})) {
    if (!section.recording() && deviation_ && b_ != 2.0) {
      section.Fail("b", "form deviation takes 3 to 4 deviations; take it out");
    }
  }

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    const auto dimension = static_cast<std::size_t>(scene.known->dimension);
    // Each coordinate lies between `near` and `far`.
    std::vector<double> near(dimension);
    std::vector<double> far(dimension);
    if (deviation_) {
      FromDeviation(*scene.known, &near, &far);
    } else {
      FromExtremes(*scene.known, &near, &far);
    }
    Crafted crafted;
    for (const std::int64_t client : scene.clients) {
      std::vector<double>& vector = crafted.vectors.emplace_back(dimension);
      tbb::parallel_for(
          std::size_t{0},
          (dimension + kPart - 1) / kPart,
          [&](std::size_t part) {
            core::Stream stream =
                core::Stream::Named(scene.seed,
                                    "attack",
                                    {static_cast<std::uint64_t>(scene.round),
                                     static_cast<std::uint64_t>(client),
                                     part});
            const std::size_t last = std::min(dimension, (part + 1) * kPart);
            for (std::size_t k = part * kPart; k < last; ++k) {
              vector[k] = near[k] + stream.Uniform() * (far[k] - near[k]);
            }
          });
    }
    return crafted;
  }

 private:
  void FromExtremes(const aggregate::UpdateTable& known,
                    std::vector<double>* near,
                    std::vector<double>* far) const {
    const std::vector<double> mean = MeanOf(known);
    known.Visit([&](auto rows) {
      tbb::parallel_for(std::size_t{0},
                        (mean.size() + kPart - 1) / kPart,
                        [&](std::size_t part) {
                          const std::size_t last =
                              std::min(mean.size(), (part + 1) * kPart);
                          for (std::size_t k = part * kPart; k < last; ++k) {
                            if (mean[k] == 0.0) continue;
                            const bool down = mean[k] > 0.0;
                            auto extreme = rows[0][k];
                            for (const auto* row : rows) {
                              extreme = down ? std::min(extreme, row[k])
                                             : std::max(extreme, row[k]);
                            }
                            const auto edge = static_cast<double>(extreme);
                            // Away from the values is towards 0 where they end
                            // before it.
                            const bool inward = down ? edge > 0.0 : edge < 0.0;
                            (*near)[k] = edge;
                            (*far)[k] = inward ? edge / b_ : edge * b_;
                          }
                        });
    });
  }

  static void FromDeviation(const aggregate::UpdateTable& known,
                            std::vector<double>* near,
                            std::vector<double>* far) {
    const Statistics statistics = StatisticsOf(known, 0);
    for (std::size_t k = 0; k < near->size(); ++k) {
      const double mean = statistics.mean[k];
      if (mean == 0.0) continue;
      const double step = mean > 0.0 ? -statistics.std[k] : statistics.std[k];
      (*near)[k] = mean + 3.0 * step;
      (*far)[k] = mean + 4.0 * step;
    }
  }

  bool deviation_;
  double b_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<FangTrimmedMean>(section);
}

}  // namespace

extern const Kind kFangTrimmedMean;
constinit const Kind kFangTrimmedMean{
    .name = "fang_trimmed_mean",
    .summary =
        "Every coordinate just outside of the honest values, against "
        "trimmed mean and median.",
    .source = "Fang, Cao, Jia, Gong 2020 (attack on trimmed mean)",
    .knowledge = "honest updates",
    .make = Make};

}  // namespace fedtorch::attack
