// Mimic: all adversaries repeat one honest client, so that its data counts f +
// 1 times. Against unequal data; every vector it sends is an honest one.
//
// `target: row` copies a fixed row. `target: power` finds the direction z in
// which honest updates differ most, by one step of power iteration a round,
// copies the client that lies farthest along it, and stays with that client
// after `warmup` rounds. Running mean m_t and z_t: m <- t/(1+t) m + mu/(1+t),
// s = sum_i <x_i - m, z> (x_i - m), z <- t/(1+t) z + s/|s|/(1+t), normalised.
// A client that is absent from a cohort cannot be copied: then the farthest of
// those present is. mu is the mean of the updates it knows.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"
#include "fedtorch/core/stream.h"

#include <algorithm>
#include <string>

namespace fedtorch::attack {
namespace {

class Mimic final : public Attack {
 public:
  explicit Mimic(config::Section& section)
      : power_(section.Choice({.name = "target",
                               .help = "A fixed row of the honest updates, or "
                                       "the one farthest along the direction "
                                       "of their largest variance."},
                              {"row", "power"},
                              "row") == "power"),
        row_(section.Int({.name = "row",
                          .help = "Which of the updates it knows, in the "
                                  "order of client ids; target row only."},
                         0,
                         {.min = 0})),
        warmup_(section.Int({.name = "warmup",
                             .help = "Rounds in which the direction improves "
                                     "and the client may change; target power "
                                     "only.",
                             .unit = "rounds"},
                            1,
                            {.min = 1})) {
    if (section.recording()) return;
    if (power_ && row_ != 0) {
      section.Fail("row", "target power finds its row; take it out");
    }
    if (!power_ && warmup_ != 1) {
      section.Fail("warmup", "target row is fixed; take it out");
    }
  }

  bool crafts() const override { return true; }

  std::string Obstacle(std::int64_t n, std::int64_t f) const override {
    if (power_ || row_ < n - f) return {};
    return "mimic: row " + std::to_string(row_) +
           " is not among the n - f = " + std::to_string(n - f) +
           " honest updates (n = " + std::to_string(n) +
           ", f = " + std::to_string(f) + ")";
  }

  Crafted Craft(const Scene& scene) override {
    const std::int64_t row =
        power_ ? Farthest(scene) : std::min(row_, scene.known->num_rows() - 1);
    Crafted crafted;
    scene.known->Visit([&](auto rows) {
      const auto* from = rows[static_cast<std::size_t>(row)];
      crafted.vectors.emplace_back(from, from + scene.known->dimension);
    });
    crafted.diagnostics["attack/client"] =
        static_cast<double>(scene.known->client(row));
    return crafted;
  }

  aggregate::State SaveState() const override {
    if (!power_) return {};
    return {{"mean", mean_},
            {"direction", direction_},
            {"counts",
             {static_cast<double>(rounds_), static_cast<double>(client_)}}};
  }
  void LoadState(const aggregate::State& state) override {
    if (!power_) return;
    mean_ = state.at("mean");
    direction_ = state.at("direction");
    rounds_ = static_cast<std::int64_t>(state.at("counts").at(0));
    client_ = static_cast<std::int64_t>(state.at("counts").at(1));
  }

 private:
  // Moves the direction on, and returns the row to copy.
  std::int64_t Farthest(const Scene& scene) {
    const aggregate::UpdateTable& known = *scene.known;
    const bool warming = rounds_ < warmup_;
    if (warming) Improve(scene);
    ++rounds_;
    if (!warming) {
      for (std::int64_t i = 0; i < known.num_rows(); ++i) {
        if (known.client(i) == client_) return i;
      }
    }
    const std::vector<double> origin(direction_.size());
    const std::vector<double> along =
        OffsetsOf(known, origin, direction_).along;
    const auto row =
        std::max_element(along.begin(), along.end()) - along.begin();
    if (warming) client_ = known.client(row);
    return row;
  }

  void Improve(const Scene& scene) {
    const aggregate::UpdateTable& known = *scene.known;
    const std::vector<double> mean = MeanOf(known);
    const auto t = static_cast<double>(rounds_);
    if (rounds_ == 0) {
      mean_ = mean;
      direction_.resize(mean.size());
      core::Stream stream = core::Stream::Named(scene.seed, "attack");
      for (double& value : direction_) value = stream.Normal();
    } else {
      for (std::size_t k = 0; k < mean.size(); ++k) {
        mean_[k] = t / (1.0 + t) * mean_[k] + mean[k] / (1.0 + t);
      }
    }
    const std::vector<double> along = OffsetsOf(known, mean_, direction_).along;
    std::vector<double> sum(mean.size());
    known.Visit([&](auto rows) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        for (std::size_t k = 0; k < sum.size(); ++k) {
          sum[k] += along[i] * (static_cast<double>(rows[i][k]) - mean_[k]);
        }
      }
    });
    const double norm = NormOf(sum);
    // Updates that do not differ point nowhere; the direction stays.
    if (norm == 0.0) return;
    const double keep = rounds_ == 0 ? 0.0 : t / (1.0 + t);
    for (std::size_t k = 0; k < sum.size(); ++k) {
      direction_[k] = keep * direction_[k] + sum[k] / norm / (1.0 + t);
    }
    const double length = NormOf(direction_);
    if (length == 0.0) return;
    for (double& value : direction_) value /= length;
  }

  bool power_;
  std::int64_t row_;
  std::int64_t warmup_;
  std::vector<double> mean_;
  std::vector<double> direction_;
  std::int64_t rounds_ = 0;  // in which it attacked
  std::int64_t client_ = -1;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Mimic>(section);
}

}  // namespace

extern const Kind kMimic;
constinit const Kind kMimic{
    .name = "mimic",
    .summary = "Repeats the update of one honest client.",
    .source = "Karimireddy, He, Jaggi 2022; warm-up as in their program",
    .knowledge = "honest updates",
    .make = Make};

}  // namespace fedtorch::attack
