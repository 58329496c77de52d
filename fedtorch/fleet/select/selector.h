#pragma once

#include "fedtorch/config/section.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace fedtorch::fleet::select {

/// Holds what a selection may depend on; the draw is from the stream
/// (seed, "select", round), so a round can be repeated alone.
struct Input {
  std::uint64_t seed = 0;
  std::int64_t round = 0;        ///< counts from 1
  std::int64_t cohort_size = 0;  ///< S; the expected size for poisson
  /// p_i = n_i / n, [N]; sums to 1; clients without samples have 0.
  std::span<const double> shares;
};

/// Holds the clients of one round in ascending order of client id.
struct Cohort {
  std::vector<std::int64_t> clients;  ///< distinct
  /// How often each was drawn: 1, or more under sampling with replacement.
  std::vector<std::int64_t> multiplicity;
};

/// Chooses the cohort of a round.
/// Cost: O(cohort) where the law allows it. Threads: safe.
class Selector {
 public:
  virtual ~Selector() = default;
  virtual Cohort Select(const Input& input) const = 0;
  /// Returns E[multiplicity of client] under `input`'s law, which unbiased
  /// weighting divides by; nullopt where it has no closed form
  /// (weighted without replacement).
  virtual std::optional<double> ExpectedCount(const Input& input,
                                              std::int64_t client) const = 0;
  /// False for a law that takes everybody, whatever the cohort size.
  virtual bool uses_cohort_size() const { return true; }
};

/// Describes a kind; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::unique_ptr<Selector> (*make)(config::Section&);
};

/// Returns all kinds: those of the folder in alphabetical order, then those
/// added by `Use`. Call that before a config is read; it throws Bug when the
/// name is taken. The other two are the generated table of the folder.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

}  // namespace fedtorch::fleet::select
