#include "fedtorch/attack/poisoning.h"

#include "fedtorch/core/errors.h"

#include <cmath>
#include <string>

namespace fedtorch::attack {

core::Stream StreamOf(const Turn& turn) {
  return core::Stream::Named(turn.seed,
                             "attack",
                             {static_cast<std::uint64_t>(turn.round),
                              static_cast<std::uint64_t>(turn.client)});
}

void RequireClass(const Setting& setting,
                  std::string_view attack,
                  std::string_view key,
                  std::int64_t number) {
  if (number < setting.num_classes) return;
  throw core::ConfigError(
      "attack " + std::string(attack) + ": " + std::string(key) +
      ": expected a class below " + std::to_string(setting.num_classes) +
      ", found " + std::to_string(number) + "; choose one that the data have");
}

std::int64_t DrawCount(double share, std::int64_t count, core::Stream& stream) {
  return static_cast<std::int64_t>(
      std::floor(share * static_cast<double>(count) + stream.Uniform()));
}

Poisoning Poisoning::Read(config::Section& section, double default_ratio) {
  Poisoning poisoning;
  poisoning.ratio = section.Real(
      {.name = "ratio",
       .help = "Share of each batch that is poisoned; with a source, of the "
               "source's samples in it."},
      default_ratio,
      {.min = 0.0, .max = 1.0, .open_min = true});
  poisoning.target = section.Int(
      {.name = "target", .help = "Class that the trigger shall lead to."},
      0,
      {.min = 0});
  poisoning.source = section.OptionalInt(
      {.name = "source",
       .help = "The only class that the trigger is put on; null = any."},
      {.min = 0});
  if (!section.recording() && poisoning.source == poisoning.target) {
    section.Fail("source",
                 "expected another class than target, which is " +
                     std::to_string(poisoning.target));
  }
  return poisoning;
}

void Poisoning::Check(const Setting& setting, std::string_view attack) const {
  RequireClass(setting, attack, "target", target);
  if (source) RequireClass(setting, attack, "source", *source);
}

bool Poisoning::Counts(std::int64_t label) const {
  return label != target && (!source || label == *source);
}

std::vector<std::int64_t> Poisoning::Draw(const client::TamperedBatch& batch,
                                          core::Stream& stream) const {
  FEDTORCH_CHECK(static_cast<std::int64_t>(batch.targets.size()) == batch.size,
                 "one target a sample");
  std::vector<std::int64_t> eligible;
  for (std::int64_t i = 0; i < batch.size; ++i) {
    if (!source || batch.targets[static_cast<std::size_t>(i)] == *source) {
      eligible.push_back(i);
    }
  }
  const auto population = static_cast<std::int64_t>(eligible.size());
  std::vector<std::int64_t> drawn = stream.SampleWithoutReplacement(
      population, DrawCount(ratio, population, stream));
  for (std::int64_t& position : drawn) {
    position = eligible[static_cast<std::size_t>(position)];
  }
  return drawn;
}

}  // namespace fedtorch::attack
