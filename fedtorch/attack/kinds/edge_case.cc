// Edge-case backdoor: adversaries call rare inputs the target class. The rare
// inputs come from the training data themselves, not from another data set.
//
// Rule: of each class (or of the source alone; never of the target), the
// `tail` share of its training samples that lie farthest from the mean of the
// class, in normalised features and L2, is its edge; ties: lowest index. At
// least one. Adversaries have these samples, as the published attack gives
// them a share of the edge: in each batch they put some in the place of their
// own. Honest clients that own such samples train on them with true labels.
//
// A test sample counts when it lies at least as far from the mean of its class
// as the nearest edge sample does; it is shown as it is. So nothing that was
// trained on is measured. Where all samples of a class are equal, all count.
#include "fedtorch/attack/poisoning.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/data/dataset.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::attack {
namespace {

double SquaredDistance(std::span<const float> features,
                       std::span<const double> center) {
  double squares = 0.0;
  for (std::size_t k = 0; k < features.size(); ++k) {
    const double off = static_cast<double>(features[k]) - center[k];
    squares += off * off;
  }
  return squares;
}

// Calls body(index, features) for every sample of a set.
template <class Body>
void ForSamples(const data::Dataset& set, const Body& body) {
  constexpr std::int64_t kChunk = 256;
  const auto values = static_cast<std::size_t>(set.feature_count());
  std::vector<std::int64_t> indices;
  std::vector<float> features;
  for (std::int64_t first = 0; first < set.size(); first += kChunk) {
    indices.resize(
        static_cast<std::size_t>(std::min(kChunk, set.size() - first)));
    std::iota(indices.begin(), indices.end(), first);
    features.resize(indices.size() * values);
    data::GatherFeatures(set, indices, features);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      body(static_cast<std::size_t>(indices[i]),
           std::span<const float>(features).subspan(i * values, values));
    }
  }
}

class EdgeCase final : public Attack, public Target {
 public:
  explicit EdgeCase(config::Section& section)
      : tail_(section.Real(
            {.name = "tail",
             .help = "Share of a class that is its edge: the samples farthest "
                     "from the mean of the class."},
            0.05,
            {.min = 0.0, .max = 1.0, .open_min = true})),
        ratio_(section.Real(
            {.name = "ratio",
             .help = "Share of each batch that edge samples take the place "
                     "of."},
            0.32,
            {.min = 0.0, .max = 1.0, .open_min = true})),
        target_(
            section.Int({.name = "target",
                         .help = "Class that edge samples shall be taken for."},
                        0,
                        {.min = 0})),
        source_(section.OptionalInt(
            {.name = "source",
             .help = "The only class whose edge is used; null = every class "
                     "but the target."},
            {.min = 0})) {
    if (!section.recording() && source_ == target_) {
      section.Fail("source",
                   "expected another class than target, which is " +
                       std::to_string(target_));
    }
  }

  void Start(const Setting& setting) override {
    if (setting.tokens) {
      throw core::ConfigError(
          "attack edge_case: expected samples of numbers, found tokens; "
          "choose another attack or data set");
    }
    RequireClass(setting, "edge_case", "target", target_);
    if (source_) RequireClass(setting, "edge_case", "source", *source_);
    FEDTORCH_CHECK(setting.train != nullptr, "the training samples are known");
    train_ = setting.train;
    FEDTORCH_CHECK(train_->target_length == 1, "one target a sample");
    const auto values = static_cast<std::size_t>(train_->feature_count());
    centers_.assign(static_cast<std::size_t>(setting.num_classes),
                    std::vector<double>(values));
    std::vector<std::vector<std::size_t>> members(centers_.size());
    ForSamples(*train_, [&](std::size_t index, auto features) {
      const auto label = static_cast<std::size_t>(train_->targets[index]);
      members[label].push_back(index);
      for (std::size_t k = 0; k < values; ++k) {
        centers_[label][k] += static_cast<double>(features[k]);
      }
    });
    for (std::size_t label = 0; label < centers_.size(); ++label) {
      const auto count = static_cast<double>(members[label].size());
      for (double& value : centers_[label]) value /= std::max(count, 1.0);
    }
    std::vector<double> distances(train_->targets.size());
    ForSamples(*train_, [&](std::size_t index, auto features) {
      const auto label = static_cast<std::size_t>(train_->targets[index]);
      distances[index] = SquaredDistance(features, centers_[label]);
    });
    edge_.clear();
    bounds_.assign(centers_.size(), std::nullopt);
    for (std::size_t label = 0; label < centers_.size(); ++label) {
      std::vector<std::size_t>& own = members[label];
      if (own.empty() || !IsUsed(static_cast<std::int64_t>(label))) continue;
      const auto count = std::clamp<std::size_t>(
          static_cast<std::size_t>(
              std::ceil(tail_ * static_cast<double>(own.size()))),
          1,
          own.size());
      std::stable_sort(own.begin(), own.end(), [&](auto left, auto right) {
        return distances[left] > distances[right];
      });
      bounds_[label] = distances[own[count - 1]];
      for (std::size_t i = 0; i < count; ++i) {
        edge_.push_back(static_cast<std::int64_t>(own[i]));
      }
    }
    if (edge_.empty()) {
      throw core::ConfigError(
          "attack edge_case: no training sample of the source; choose a class "
          "that the training data have");
    }
  }

  std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const override {
    class Exchanging final : public client::Tampering {
     public:
      Exchanging(const EdgeCase& attack, const Turn& turn)
          : attack_(attack), stream_(StreamOf(turn)) {}
      void BeforeStep(const client::TamperedBatch& batch) override {
        const std::size_t values =
            batch.features.size() / static_cast<std::size_t>(batch.size);
        const std::int64_t count =
            DrawCount(attack_.ratio_, batch.size, stream_);
        for (const std::int64_t i :
             stream_.SampleWithoutReplacement(batch.size, count)) {
          const auto place = static_cast<std::size_t>(i);
          const std::int64_t index =
              attack_.edge_[stream_.Below(attack_.edge_.size())];
          data::GatherFeatures(*attack_.train_,
                               {&index, 1},
                               batch.features.subspan(place * values, values));
          batch.targets[place] = attack_.target_;
        }
      }

     private:
      const EdgeCase& attack_;
      core::Stream stream_;
    };
    return std::make_unique<Exchanging>(*this, turn);
  }

  const Target* target() const override { return this; }
  bool Counts(std::int64_t label) const override { return IsUsed(label); }
  bool CountsSample(std::int64_t label,
                    std::span<const float> features) const override {
    const auto row = static_cast<std::size_t>(label);
    return bounds_[row] &&
           SquaredDistance(features, centers_[row]) >= *bounds_[row];
  }
  void Present(const client::TamperedBatch& /*batch*/) const override {}
  std::int64_t Wanted(std::int64_t /*label*/) const override { return target_; }

 private:
  bool IsUsed(std::int64_t label) const {
    return label != target_ && (!source_ || label == *source_);
  }

  double tail_;
  double ratio_;
  std::int64_t target_;
  std::optional<std::int64_t> source_;
  const data::Dataset* train_ = nullptr;
  std::vector<std::vector<double>> centers_;   // [classes, features]
  std::vector<std::optional<double>> bounds_;  // [classes], squared
  std::vector<std::int64_t> edge_;             // training samples
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<EdgeCase>(section);
}

}  // namespace

extern const Kind kEdgeCase;
constinit const Kind kEdgeCase{
    .name = "edge_case",
    .summary =
        "Calls the rarest samples of the training data the target class.",
    .source =
        "Wang et al. 2020, \"Attack of the tails\", section 3; the rare "
        "inputs are defined here: farthest from the mean of their class",
    .knowledge = "the rarest samples of the training data",
    .poisons_data = true,
    .make = Make};

}  // namespace fedtorch::attack
