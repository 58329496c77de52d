#pragma once

#include "fedtorch/core/stream.h"

#include <memory>
#include <string>

namespace fedtorch::config {

/// Holds one config in two notations.
struct RandomConfig {
  std::string json;
  std::string yaml;
};

/// Draws configs from a JSON Schema: every value lies inside or at the edge of
/// its range; with probability `mistakes` it lies outside or is of another
/// type, a key is unknown, or a required key is missing.
class RandomConfigs {
 public:
  explicit RandomConfigs(const std::string& schema);
  ~RandomConfigs();
  RandomConfig Draw(double mistakes, core::Stream& stream) const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}  // namespace fedtorch::config
