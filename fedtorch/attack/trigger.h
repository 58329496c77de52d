#pragma once

#include "fedtorch/attack/attack.h"

#include <memory>
#include <span>
#include <utility>

namespace fedtorch::attack {

/// Is an attack on training steps that is built around a trigger: another
/// attack, which poisons the data and says what success means.
class TriggeredAttack : public Attack {
 public:
  /// Reads the key `trigger`: a kind that poisons data.
  explicit TriggeredAttack(config::Section& section);

  void Start(const Setting& setting) override { trigger_->Start(setting); }
  const Target* target() const override { return trigger_->target(); }

 protected:
  const Attack& trigger() const { return *trigger_; }

 private:
  std::unique_ptr<Attack> trigger_;
};

/// Is tampering with the steps of a turn, by a trigger's and then by its own
/// means. Weights before the first step are those of the global model.
class TriggeredTampering : public client::Tampering {
 public:
  /// `model` [d] must live longer.
  TriggeredTampering(std::unique_ptr<client::Tampering> trigger,
                     std::span<const float> model)
      : model_(model), trigger_(std::move(trigger)) {}

  void BeforeStep(const client::TamperedBatch& batch) override {
    trigger_->BeforeStep(batch);
  }

 protected:
  std::span<const float> model() const { return model_; }

 private:
  std::span<const float> model_;
  std::unique_ptr<client::Tampering> trigger_;
};

/// Scales `vector` to at most the L2 norm `most`. A vector whose norm is no
/// finite number stays as it is.
void ClipNorm(double most, std::span<float> vector);

}  // namespace fedtorch::attack
