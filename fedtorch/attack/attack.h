#pragma once

#include "fedtorch/aggregate/aggregator.h"
#include "fedtorch/aggregate/pipeline.h"
#include "fedtorch/aggregate/update_table.h"
#include "fedtorch/client/tampering.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::data {
struct Dataset;
}

namespace fedtorch::attack {

/// Holds what the adversaries of one round have and know.
struct Scene {
  std::uint64_t seed = 0;
  std::int64_t round = 1;
  /// Updates they know of and count as honest: those of all honest clients of
  /// the cohort for an omniscient adversary, their own otherwise.
  const aggregate::UpdateTable* known = nullptr;
  /// What the adversaries would send if they were honest, a row each; no rows
  /// where they have no data.
  const aggregate::UpdateTable* own = nullptr;
  std::int64_t num_byzantine = 0;     ///< f, vectors to craft, >= 1
  std::int64_t num_total = 0;         ///< n, the cohort with them
  std::vector<std::int64_t> clients;  ///< [num_byzantine] their ids
  /// What the server is going to do; null = they do not know.
  const aggregate::Pipeline* defence = nullptr;
  aggregate::Context context;  ///< declared f, previous aggregate, model
};

/// Vectors that the adversaries send.
struct Crafted {
  /// One [d] that all of them send, or one for each.
  std::vector<std::vector<double>> vectors;
  /// Values worth a line in metrics.jsonl, by metric name, e.g. attack/z.
  std::map<std::string, double> diagnostics;
};

/// Names a turn of an adversary's local training. What its spans view lives
/// until the turn is over.
struct Turn {
  std::uint64_t seed = 0;
  std::int64_t round = 1;
  std::int64_t client = 0;
  std::int64_t cohort = 1;       ///< n of this round
  std::int64_t rank = 0;         ///< place among the adversaries of the round
  double lr = 0.0;               ///< of the turn's first step, > 0
  std::span<const float> model;  ///< the global model the client received [d]
  std::span<const double> previous;  ///< last aggregate [d]; empty = none
};

/// Says what a poisoned model is meant to do, so that it can be measured.
class Target {
 public:
  virtual ~Target() = default;
  /// Whether a test sample of true class `label` counts: never where the
  /// attack would have nothing to do.
  virtual bool Counts(std::int64_t label) const = 0;
  /// Whether a sample of a class that counts does so itself, by its own
  /// `features` [shape...], normalised and as yet untouched; empty for tokens.
  virtual bool CountsSample(std::int64_t label,
                            std::span<const float> features) const {
    (void)label;
    (void)features;
    return true;
  }
  /// Turns samples into what the attacker presents at test time, in place;
  /// `features` [size, shape...], normalised. Targets are left alone.
  virtual void Present(const client::TamperedBatch& batch) const = 0;
  /// The class that counts as a success for a sample of class `label`.
  virtual std::int64_t Wanted(std::int64_t label) const = 0;
};

/// What an attack has to know of data and model before the first round.
struct Setting {
  std::vector<std::int64_t> shape;  ///< of a sample, [channels, height, width]
  std::int64_t num_classes = 0;
  bool tokens = false;
  /// What a pixel of full and of no brightness is after normalisation, one a
  /// channel; for one channel [1].
  std::vector<float> bright;
  std::vector<float> dark;
  std::uint64_t seed = 0;
  /// All training samples; outlives the attack. Null = not at hand.
  const data::Dataset* train = nullptr;
};

/// Is what adversaries do, on data, in training, or to updates. It acts on
/// updates (delta = local - global), never on raw weights.
/// Randomness: streams of (seed, "attack", round, ...) only.
class Attack {
 public:
  virtual ~Attack() = default;

  /// Called once. Throws: ConfigError where the attack cannot work on this.
  virtual void Start(const Setting& setting) { (void)setting; }

  /// Whether vectors are crafted in place of the adversaries' updates.
  virtual bool crafts() const { return false; }
  /// Whether `Scene::own` must have rows.
  virtual bool needs_own_updates() const { return false; }
  /// Whether `Scene::defence` must be known.
  virtual bool needs_defence() const { return false; }
  /// Says why it has nothing to do for n updates with f adversaries; empty when
  /// it can work, e.g. "alie: z = 0.0 for n = 10, f = 2 is no attack".
  virtual std::string Obstacle(std::int64_t n, std::int64_t f) const;
  /// Requires: crafts(). Values may be anything, also not finite. May move
  /// what the attack remembers.
  virtual Crafted Craft(const Scene& scene);

  /// What one adversary does to its training in one round; null = nothing.
  virtual std::unique_ptr<client::Tampering> Tamper(const Turn& turn) const;
  /// What success means, or null for an attack without a target.
  virtual const Target* target() const { return nullptr; }

  virtual aggregate::State SaveState() const { return {}; }
  virtual void LoadState(const aggregate::State& state) { (void)state; }
};

/// Describes a kind; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::string_view knowledge;  ///< what it must know, one phrase
  /// Whether all it does is to change samples and targets, so that an attack on
  /// training steps may be built around it.
  bool poisons_data = false;
  std::unique_ptr<Attack> (*make)(config::Section&);
};

/// Returns all kinds: those of the folder in alphabetical order, then those
/// added by `Use`. Call that before a config is read; it throws Bug when the
/// name is taken. The other two are the generated table of the folder.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

}  // namespace fedtorch::attack
