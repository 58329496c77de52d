// Label flip: adversaries train honestly on wrong targets.
//
// mirror: y -> C - 1 - y; the middle class of an odd number stays. pair: the
// source becomes the target, all else stays. derangement: a one-to-one map
// without fixed points, each equally likely, the same for all adversaries and
// rounds. random: another class, drawn anew each time a sample is seen.
// The gradient is of the usual training step (dropout, clipping and all), and
// each adversary flips its own samples; nobody's mean is sent in its place.
//
// Success of a map is the share of untouched test samples that the model takes
// for what they were flipped to, over the classes that the map changes; random
// has no target to be measured by.
#include "fedtorch/attack/poisoning.h"
#include "fedtorch/core/errors.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

namespace fedtorch::attack {
namespace {

class LabelFlip final : public Attack, public Target {
 public:
  explicit LabelFlip(config::Section& section)
      : map_(section.Choice(
            {.name = "map",
             .help = "mirror: class y becomes C - 1 - y. pair: source becomes "
                     "target. derangement: one map without fixed points, "
                     "drawn from the seed. random: another class each time."},
            {"mirror", "pair", "derangement", "random"},
            "mirror")),
        source_(section.OptionalInt(
            {.name = "source", .help = "Class that map pair flips."},
            {.min = 0})),
        target_(section.OptionalInt(
            {.name = "target", .help = "Class that map pair flips it to."},
            {.min = 0})) {
    if (section.recording()) return;
    for (const auto& [name, value] :
         {std::pair("source", source_), std::pair("target", target_)}) {
      if (map_ == "pair" && !value) {
        section.Fail(name, "required key is missing; map pair needs a class");
      } else if (map_ != "pair" && value) {
        section.Fail(name,
                     "expected null, for map is " + map_ +
                         "; remove it or write map: pair");
      }
    }
    if (source_ && source_ == target_) {
      section.Fail("target",
                   "expected another class than source, which is " +
                       std::to_string(*source_));
    }
  }

  void Start(const Setting& setting) override {
    if (setting.num_classes < 2) {
      throw core::ConfigError("attack label_flip: expected at least 2 classes");
    }
    flipped_.resize(static_cast<std::size_t>(setting.num_classes));
    std::iota(flipped_.begin(), flipped_.end(), 0);
    if (map_ == "mirror") {
      std::reverse(flipped_.begin(), flipped_.end());
    } else if (map_ == "pair") {
      RequireClass(setting, "label_flip", "source", *source_);
      RequireClass(setting, "label_flip", "target", *target_);
      flipped_[static_cast<std::size_t>(*source_)] = *target_;
    } else if (map_ == "derangement") {
      // Rejection keeps all derangements equally likely; a shuffle is one with
      // probability 1/e. Round 0 is nobody's turn.
      auto stream = core::Stream::Named(setting.seed, "attack", {0});
      do {
        stream.Shuffle(std::span(flipped_));
      } while (HasFixedPoint());
    }
  }

  std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const override {
    class Flipping final : public client::Tampering {
     public:
      Flipping(const LabelFlip& attack, const Turn& turn)
          : attack_(attack), stream_(StreamOf(turn)) {}
      void BeforeStep(const client::TamperedBatch& batch) override {
        for (std::int64_t& label : batch.targets) {
          label = attack_.Flip(label, stream_);
        }
      }

     private:
      const LabelFlip& attack_;
      core::Stream stream_;
    };
    return std::make_unique<Flipping>(*this, turn);
  }

  const Target* target() const override {
    return map_ == "random" ? nullptr : this;
  }
  bool Counts(std::int64_t label) const override {
    return Wanted(label) != label;
  }
  void Present(const client::TamperedBatch& /*batch*/) const override {}
  std::int64_t Wanted(std::int64_t label) const override {
    return flipped_[static_cast<std::size_t>(label)];
  }

 private:
  std::int64_t Flip(std::int64_t label, core::Stream& stream) const {
    if (map_ != "random") return Wanted(label);
    const auto other =
        static_cast<std::int64_t>(stream.Below(flipped_.size() - 1));
    return other < label ? other : other + 1;
  }
  bool HasFixedPoint() const {
    for (std::size_t i = 0; i < flipped_.size(); ++i) {
      if (flipped_[i] == static_cast<std::int64_t>(i)) return true;
    }
    return false;
  }

  std::string map_;
  std::optional<std::int64_t> source_;
  std::optional<std::int64_t> target_;
  std::vector<std::int64_t> flipped_;  // [classes], of the maps
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<LabelFlip>(section);
}

}  // namespace

extern const Kind kLabelFlip;
constinit const Kind kLabelFlip{
    .name = "label_flip",
    .summary = "Adversaries train on wrong targets.",
    .source =
        "Tolpegin, Truex, Gursoy, Liu 2020, section 3 (pair); Karimireddy, "
        "He, Jaggi 2022, section 6 (mirror)",
    .knowledge = "its own samples",
    .poisons_data = true,
    .make = Make};

}  // namespace fedtorch::attack
