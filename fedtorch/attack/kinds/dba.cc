// Distributed backdoor: a pattern of four strips, of which each adversary
// trains with one alone; at test time all four are shown.
//
// The strips lie in two rows and two columns, `gap` pixels apart, the whole
// `shift` pixels from the upper left corner. Strip 0 is upper left, 1 upper
// right, 2 lower left, 3 lower right; adversary number r of a round uses strip
// r mod 4. The defaults are the MNIST setting: 1 x 4 pixels in rows 0 and 3,
// columns 0 to 3 and 6 to 9, 20 samples of a batch of 64.
//
// Avoids: gap, shift and length that are read and then not used; one strip
// alone, or the strips of the adversaries at hand, shown at test time.
#include "fedtorch/attack/pixel_pattern.h"
#include "fedtorch/attack/poisoning.h"

#include <array>

namespace fedtorch::attack {
namespace {

constexpr std::int64_t kStrips = 4;

class Dba final : public Attack, public Target {
 public:
  explicit Dba(config::Section& section)
      : length_(section.Int(
            {.name = "length", .help = "Columns of a strip.", .unit = "pixels"},
            4,
            {.min = 1, .max = 4096})),
        height_(section.Int(
            {.name = "height", .help = "Rows of a strip.", .unit = "pixels"},
            1,
            {.min = 1, .max = 4096})),
        gap_(section.Int({.name = "gap",
                          .help = "Rows and columns between two strips.",
                          .unit = "pixels"},
                         2,
                         {.min = 0, .max = 4096})),
        shift_(section.Int({.name = "shift",
                            .help = "Rows above and columns before the first "
                                    "strip.",
                            .unit = "pixels"},
                           0,
                           {.min = 0, .max = 4096})),
        brightness_(section.Real({.name = "brightness",
                                  .help = "Of the pattern: 0 = dark, 1 = full, "
                                          "before normalisation."},
                                 1.0,
                                 {.min = 0.0, .max = 1.0})),
        poisoning_(Poisoning::Read(section, 0.3125)) {}

  void Start(const Setting& setting) override {
    RequireImages(setting, "dba");
    poisoning_.Check(setting, "dba");
    std::vector<Rectangle> all;
    for (std::int64_t i = 0; i < kStrips; ++i) {
      all.push_back({.row = shift_ + i / 2 * (height_ + gap_),
                     .column = shift_ + i % 2 * (length_ + gap_),
                     .height = height_,
                     .width = length_});
      strips_[static_cast<std::size_t>(i)] =
          PixelPattern(setting, "dba", brightness_, {all.back()});
    }
    pattern_ = PixelPattern(setting, "dba", brightness_, all);
  }

  std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const override {
    return StampingOf(poisoning_,
                      strips_[static_cast<std::size_t>(turn.rank % kStrips)],
                      turn);
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
  std::int64_t length_;
  std::int64_t height_;
  std::int64_t gap_;
  std::int64_t shift_;
  double brightness_;
  Poisoning poisoning_;
  std::array<PixelPattern, kStrips> strips_;
  PixelPattern pattern_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Dba>(section);
}

}  // namespace

extern const Kind kDba;
constinit const Kind kDba{
    .name = "dba",
    .summary =
        "Splits a pixel trigger into four strips; each adversary trains with "
        "one, and all four are shown at test time.",
    .source = "Xie, Huang, Chen, Li 2020, section 3",
    .knowledge = "its own samples and its place among the adversaries",
    .poisons_data = true,
    .make = Make};

}  // namespace fedtorch::attack
