// Alternating minimisation: boosted steps on poisoned batches, between them
// steps on clean batches that hide the traces.
//
// A turn goes through cycles of `malicious` steps on poisoned batches, whose
// change is multiplied by boost, w <- w + boost * (w' - w), and `stealth`
// steps on the adversary's own samples as they are, with the distance term
// rho / 2 * ||w - a||^2 added to the loss; a is the global model moved by the
// last aggregate, the adversary's estimate of where honest clients go. The
// poisoned steps come first, so that a short turn has some. The term acts
// beside the momentum buffer.
//
// Avoids: a distance term outside of the gradient, which pulls nowhere.
#include "fedtorch/attack/trigger.h"
#include "fedtorch/core/errors.h"

namespace fedtorch::attack {
namespace {

struct Options {
  std::int64_t malicious = 1;
  std::int64_t stealth = 10;
  double boost = 10.0;
  double rho = 1e-4;
};

class Alternating final : public TriggeredTampering {
 public:
  Alternating(const Options& options,
              std::unique_ptr<client::Tampering> trigger,
              const Turn& turn)
      : TriggeredTampering(std::move(trigger), turn.model),
        options_(options),
        lr_(turn.lr),
        before_(turn.model.begin(), turn.model.end()),
        expected_(turn.model.begin(), turn.model.end()) {
    for (std::size_t k = 0; k < turn.previous.size(); ++k) {
      expected_[k] += turn.previous[k];
    }
  }

  void BeforeStep(const client::TamperedBatch& batch) override {
    if (IsMalicious()) TriggeredTampering::BeforeStep(batch);
  }

  void AfterStep(std::span<float> weights) override {
    const bool malicious = IsMalicious();
    for (std::size_t k = 0; k < weights.size(); ++k) {
      const double before = before_[k];
      const double after = weights[k];
      weights[k] = static_cast<float>(
          malicious ? before + options_.boost * (after - before)
                    : after - lr_ * options_.rho * (before - expected_[k]));
      before_[k] = weights[k];
    }
    ++step_;
  }

 private:
  bool IsMalicious() const {
    return step_ % (options_.malicious + options_.stealth) < options_.malicious;
  }

  const Options& options_;
  double lr_;
  std::int64_t step_ = 0;
  std::vector<float> before_;
  std::vector<double> expected_;  // a
};

class AlternatingMinimisation final : public TriggeredAttack {
 public:
  explicit AlternatingMinimisation(config::Section& section)
      : TriggeredAttack(section) {
    options_.malicious =
        section.Int({.name = "malicious",
                     .help = "Steps in a row on poisoned batches, boosted.",
                     .unit = "steps"},
                    1,
                    {.min = 1, .max = 1'000'000'000});
    options_.stealth =
        section.Int({.name = "stealth",
                     .help = "Steps in a row on clean batches, held near where "
                             "honest clients are expected.",
                     .unit = "steps"},
                    10,
                    {.min = 0, .max = 1'000'000'000});
    options_.boost =
        section.Real({.name = "boost", .help = "Factor on each poisoned step."},
                     10.0,
                     {.min = 0.0, .open_min = true});
    options_.rho =
        section.Real({.name = "rho",
                      .help = "Strength of the distance term of clean steps."},
                     1e-4,
                     {.min = 0.0});
  }

  std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const override {
    FEDTORCH_CHECK(turn.lr > 0.0, "the learning rate of the turn is known");
    return std::make_unique<Alternating>(
        options_, trigger().Tamper(turn), turn);
  }

 private:
  Options options_;
};

std::unique_ptr<Attack> Make(config::Section& section) {
  return std::make_unique<AlternatingMinimisation>(section);
}

}  // namespace

extern const Kind kAlternatingMinimisation;
constinit const Kind kAlternatingMinimisation{
    .name = "alternating_minimisation",
    .summary =
        "Alternates boosted steps on poisoned batches with clean steps that "
        "stay near the expected honest model.",
    .source =
        "Bhagoji, Chakraborty, Mittal, Calo 2019, section 4 (alternating "
        "minimisation)",
    .knowledge = "its own samples and the last global update",
    .make = Make};

}  // namespace fedtorch::attack
