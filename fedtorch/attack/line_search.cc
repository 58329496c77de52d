#include "fedtorch/attack/line_search.h"

namespace fedtorch::attack {

LineSearch LineSearch::Read(config::Section& section) {
  LineSearch search;
  search.start =
      section.Real({.name = "start", .help = "Strength that is tried first."},
                   search.start,
                   {.min = 0.0, .max = 1e6});
  search.step =
      section.Real({.name = "step",
                    .help = "First step of the search; it doubles until a "
                            "trial is no better, then shrinks.",
                    .aliases = {"delta"}},
                   search.step,
                   {.min = 0.0, .max = 1e6, .open_min = true});
  search.shrink = section.Real(
      {.name = "shrink",
       .help = "Factor on the step after a trial that is no better.",
       .aliases = {"ratio"}},
      search.shrink,
      {.min = 0.0, .max = 1.0, .open_min = true, .open_max = true});
  search.evaluations =
      section.Int({.name = "evaluations",
                   .help = "How often the defence is tried in a round.",
                   .unit = "trials",
                   .aliases = {"evals"}},
                  search.evaluations,
                  {.min = 1, .max = 60});
  return search;
}

LineSearch::Best LineSearch::Climb(
    const std::function<double(double)>& height) const {
  Best best{start, height(start)};
  double reach = step;
  bool failed = false;
  for (std::int64_t i = 1; i < evaluations; ++i) {
    const double t = best.t + reach;
    const double value = height(t);
    if (value > best.value) {
      best = {t, value};
      if (!failed) reach *= 2.0;
    } else {
      failed = true;
      reach *= shrink;
    }
  }
  return best;
}

}  // namespace fedtorch::attack
