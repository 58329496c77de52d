#pragma once

#include "fedtorch/attack/attack.h"
#include "fedtorch/config/section.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::attack {

/// Which clients are adversaries.
enum class Membership {
  kFixed,    ///< the same for the whole run; a cohort holds as many as it draws
  kRedrawn,  ///< drawn anew from all clients in every round
  kCohort,   ///< in every cohort exactly the same number, drawn from it
};

/// Whose updates the adversaries know.
enum class Knowledge { kOmniscient, kColluders };

/// Which samples adversaries hold.
enum class Data {
  kOwn,   ///< a part of the partition, as every client
  kNone,  ///< none: the samples are shared by the honest clients alone
  kIid,   ///< as many as an honest client, drawn from all samples
};

/// Holds the `attack` section: what adversaries do, who they are and when.
struct Options {
  std::unique_ptr<Attack> attack;  ///< null after an unknown name
  std::string name = "none";
  std::optional<std::int64_t> count;  ///< of adversaries; of the cohort for
                                      ///< kCohort
  std::optional<double> fraction;     ///< in place of `count`
  std::optional<std::int64_t> declared_f;  ///< unset = what is to be expected
  Membership membership = Membership::kFixed;
  Knowledge knowledge = Knowledge::kOmniscient;
  Data data = Data::kOwn;
  /// Whether `count` adversaries come beside federation.num_clients, which then
  /// counts the honest ones.
  bool beside = false;
  std::int64_t start_round = 1;
  std::optional<std::int64_t> end_round;  ///< last round with an attack
  std::int64_t every = 1;                 ///< rounds between two attacks

  static Options Read(config::Section& root);

  /// Whether there are adversaries at all, whatever they do.
  bool present() const;
  /// Adversaries among `clients` (of the cohort for kCohort).
  std::int64_t Count(std::int64_t clients) const;
  /// The number a defence is told for a cohort of `cohort` of `clients`:
  /// declared_f, or the expected number of adversaries, rounded up.
  std::int64_t DeclaredF(std::int64_t cohort, std::int64_t clients) const;
  /// Whether adversaries attack in a round; in others they behave.
  bool ActiveIn(std::int64_t round) const;
  /// Tells for each member of a cohort (ascending ids) whether it is an
  /// adversary. Without data of their own adversaries are the last clients.
  /// Randomness: stream (seed, "byzantine") or (seed, "byzantine", round).
  std::vector<char> Members(std::span<const std::int64_t> cohort,
                            std::int64_t clients,
                            std::uint64_t seed,
                            std::int64_t round) const;
};

}  // namespace fedtorch::attack
