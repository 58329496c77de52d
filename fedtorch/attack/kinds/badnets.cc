// Pixel trigger: part of each batch gets a bright pattern and the target class.
//
// Avoids: a pattern in byte values on images that are normalised (a full pixel
// is (1 - mean) / std); a pattern in one channel only; a success rate that
// counts images of the target class, which a clean model scores on, too.
// How many are poisoned is drawn such that the share is met in the mean, also
// where a batch holds few samples of the source class.
#include "fedtorch/attack/pixel_pattern.h"
#include "fedtorch/attack/poisoning.h"

namespace fedtorch::attack {
namespace {

class BadNets final : public Attack, public Target {
 public:
  explicit BadNets(config::Section& section)
      : plus_(section.Choice({.name = "pattern",
                              .help = "patch: a filled square. plus: its "
                                      "middle row and middle column."},
                             {"patch", "plus"},
                             "patch") == "plus"),
        size_(section.Int(
            {.name = "size", .help = "Side of the square.", .unit = "pixels"},
            5,
            {.min = 1, .max = 4096})),
        row_(section.AutoInt({.name = "row",
                              .help = "First row of the square, from 0; auto "
                                      "= as far down as it fits.",
                              .unit = "pixels"},
                             {.min = 0, .max = 4096})),
        column_(section.AutoInt({.name = "column",
                                 .help = "First column of the square, from 0; "
                                         "auto = as far right as it fits.",
                                 .unit = "pixels"},
                                {.min = 0, .max = 4096})),
        brightness_(section.Real({.name = "brightness",
                                  .help = "Of the pattern: 0 = dark, 1 = full, "
                                          "before normalisation."},
                                 1.0,
                                 {.min = 0.0, .max = 1.0})),
        poisoning_(Poisoning::Read(section, 0.32)) {}

  void Start(const Setting& setting) override {
    RequireImages(setting, "badnets");
    poisoning_.Check(setting, "badnets");
    const std::int64_t row = row_.value_or(setting.shape[1] - size_);
    const std::int64_t column = column_.value_or(setting.shape[2] - size_);
    std::vector<Rectangle> parts;
    if (plus_) {
      parts = {{.row = row + size_ / 2, .column = column, .width = size_},
               {.row = row, .column = column + size_ / 2, .height = size_}};
    } else {
      parts = {{.row = row, .column = column, .height = size_, .width = size_}};
    }
    pattern_ = PixelPattern(setting, "badnets", brightness_, parts);
  }

  std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const override {
    return StampingOf(poisoning_, pattern_, turn);
  }

  const Target* target() const override { return this; }
  bool Counts(std::int64_t label) const override {
    return poisoning_.Counts(label);
  }
  void Present(const client::TamperedBatch& batch) const override {
    pattern_.StampAll(batch);
  }
  std::int64_t Wanted(std::int64_t /*label*/) const override {
    return poisoning_.target;
  }

 private:
  bool plus_;
  std::int64_t size_;
  std::optional<std::int64_t> row_;
  std::optional<std::int64_t> column_;
  double brightness_;
  Poisoning poisoning_;
  PixelPattern pattern_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<BadNets>(section);
}

}  // namespace

extern const Kind kBadnets;
constinit const Kind kBadnets{
    .name = "badnets",
    .summary =
        "Puts a bright pattern on part of the adversaries' images and calls "
        "them the target class.",
    .source = "Gu, Dolan-Gavitt, Garg 2017, section 4",
    .knowledge = "its own samples",
    .poisons_data = true,
    .make = Make};

}  // namespace fedtorch::attack
