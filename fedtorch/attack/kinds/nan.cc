// Values that are not numbers: all of them, or a single one in an update that
// is harmless otherwise, the mean of those it knows. The single one is what
// rules miss that look at norms only.
#include "fedtorch/attack/attack.h"
#include "fedtorch/attack/statistics.h"

#include <limits>

namespace fedtorch::attack {
namespace {

class Nan final : public Attack {
 public:
  explicit Nan(config::Section& section)
      : one_(section.Choice({.name = "coordinates",
                             .help = "All of them, or only the first of the "
                                     "mean of the honest updates."},
                            {"all", "one"},
                            "all") == "one") {}

  bool crafts() const override { return true; }

  Crafted Craft(const Scene& scene) override {
    constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();
    Crafted crafted;
    if (one_) {
      crafted.vectors.push_back(MeanOf(*scene.known));
      if (!crafted.vectors.back().empty()) {
        crafted.vectors.back().front() = kNotANumber;
      }
    } else {
      crafted.vectors.emplace_back(
          static_cast<std::size_t>(scene.known->dimension), kNotANumber);
    }
    return crafted;
  }

 private:
  bool one_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<Nan>(section);
}

}  // namespace

extern const Kind kNan;
constinit const Kind kNan{
    .name = "nan",
    .summary =
        "Sends values that are not numbers, in all coordinates or in one.",
    .source = "robustness suites",
    .knowledge = "nothing; honest updates with coordinates one",
    .make = Make};

}  // namespace fedtorch::attack
