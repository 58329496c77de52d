#pragma once

#include "fedtorch/config/section.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace fedtorch::aggregate {

/// Views the admitted updates of one round.
struct UpdateTable {
  /// [n, d] float32, row-major, in cohort order (ascending client id).
  std::span<const float> rows;
  std::int64_t num_rows = 0;
  std::int64_t dimension = 0;
  /// Normalised weights [n], sum 1 unless weighting is unbiased. Robust rules
  /// ignore them: sample counts are what an attacker says they are.
  std::span<const double> weights;

  std::span<const float> Row(std::int64_t index) const {
    return rows.subspan(static_cast<std::size_t>(index * dimension),
                        static_cast<std::size_t>(dimension));
  }
};

/// Holds what a rule makes of the updates of a round.
struct Result {
  std::vector<double> vector;      ///< [d]
  std::vector<std::int64_t> kept;  ///< rows that entered, where rows are chosen
  std::vector<double> scores;      ///< one a row, where the rule scores rows
};

/// How a rule wants its updates.
enum class Reduction {
  kStream,  ///< a weighted sum: added one by one, memory flat in the cohort
  kTable,   ///< must see all updates of a round at once
};

/// Turns the updates of a round into one vector.
/// The rows are finite (the admit stage saw to it) and are not modified.
class Aggregator {
 public:
  virtual ~Aggregator() = default;
  /// Requires: num_rows >= 1. Parallel inside; same bits on any number of
  /// threads.
  virtual Result Aggregate(const UpdateTable& table) const = 0;
};

/// Describes a kind; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::string_view preconditions;
  Reduction reduction;
  std::unique_ptr<Aggregator> (*make)(config::Section&);
};

/// Returns all kinds: those of the folder in alphabetical order, then those
/// added by `Use`. Call that before a config is read; it throws Bug when the
/// name is taken. The other two are the generated table of the folder.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

}  // namespace fedtorch::aggregate
