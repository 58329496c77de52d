#pragma once

#include "fedtorch/model/network.h"

#include <cstdint>
#include <span>

namespace fedtorch::model {

/// Is a model that comes as a file, with a forward pass that no list of layers
/// describes. An engine reads it and runs it; this room knows its values only.
/// Immutable; threads may share it.
class ScriptModule {
 public:
  virtual ~ScriptModule() = default;

  /// Lays out what the file holds, in its own order and under its own names.
  /// `constant` marks parameters that no initialiser draws anew.
  virtual const ParameterLayout& layout() const = 0;
  virtual std::span<const float> parameters() const = 0;
  virtual std::span<const float> buffers() const = 0;
  virtual std::span<const std::int64_t> counters() const = 0;
};

}  // namespace fedtorch::model
