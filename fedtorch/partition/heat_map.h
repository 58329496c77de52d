#pragma once

#include "fedtorch/partition/skew.h"

#include <cstdint>
#include <string>

namespace fedtorch::partition {

/// Sets how large the picture is and which characters draw it.
struct HeatMapOptions {
  std::int64_t max_rows = 24;     ///< clients shown, evenly spaced
  std::int64_t max_columns = 50;  ///< beyond, neighbouring classes share one
  bool utf8 = true;               ///< block shades; otherwise plain ASCII
};

/// Draws clients x classes as text of at most 80 columns: a header, one row a
/// client with a shade for the share of each class and a bar for the number of
/// targets (= samples, except for text), and a legend. Ends with a newline.
std::string HeatMap(const ClassCounts& counts,
                    const HeatMapOptions& options = {});

}  // namespace fedtorch::partition
