#pragma once

#include "fedtorch/config/value.h"

#include <vector>

namespace fedtorch::config {

/// Replaces `${path.to.key}` and `${env:NAME,default}` in all scalars.
///
/// A scalar that is one reference becomes a copy of what it refers to, of any
/// type; inside other text the referred scalar's text is put in. `$${` stands
/// for `${`. What refers to nothing, or to itself, is added to `problems` and
/// its value marked as broken.
void Interpolate(Value& root, std::vector<core::Problem>* problems);

}  // namespace fedtorch::config
