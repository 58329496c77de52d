#pragma once

#include <vector>

namespace fedtorch::support {

/// The rows for which the golden vectors of rules and attacks are given.
inline std::vector<std::vector<double>> InputA() {
  return {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
}

inline std::vector<std::vector<double>> InputB() {
  return {{1, 2, 3}, {-1, 4, -1}, {2, 2, 3}, {3, 1, 3}};
}

/// Six rows about (1, 0) and one far off.
inline std::vector<std::vector<double>> InputC() {
  return {{1, 0}, {1.1, .1}, {.9, -.1}, {1, .2}, {1.2, 0}, {.8, .1}, {-5, 5}};
}

}  // namespace fedtorch::support
