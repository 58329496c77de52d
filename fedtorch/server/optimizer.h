#pragma once

#include "fedtorch/config/section.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::server {

/// Holds vectors that must survive a checkpoint, by name; scalars are vectors
/// of length 1.
using State = std::map<std::string, std::vector<double>>;

/// Moves the global model along an aggregated update.
///
/// `delta` points where the clients went (their mean delta), so plain sgd with
/// lr 1 is x + delta. The optimiser touches trainable parameters only, never
/// buffers. Cost: O(d). Randomness: none. Threads: one caller.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// Requires: model.size() == delta.size(), the same size on every call.
  virtual void Step(std::span<double> model, std::span<const double> delta) = 0;
  virtual State SaveState() const = 0;
  /// Throws: RunError when names or sizes do not fit.
  virtual void LoadState(const State& state) = 0;
};

/// Describes a kind; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::unique_ptr<Optimizer> (*make)(config::Section&);
};

/// Returns all kinds: those of the folder in alphabetical order, then those
/// added by `Use`. Call that before a config is read; it throws Bug when the
/// name is taken. The other two are the generated table of the folder.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

}  // namespace fedtorch::server
