#pragma once

#include "fedtorch/data/byte_file.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::data {

/// Holds the samples of one user of a LEAF file, numbers or texts.
struct LeafUser {
  std::string name;
  std::int64_t samples = 0;
  std::vector<float> features;        ///< [samples, width]
  std::vector<std::int64_t> labels;   ///< [samples]
  std::vector<std::u32string> texts;  ///< [samples]
  std::u32string next;                ///< [samples], the characters after
};

/// Says what a LEAF file is expected to hold.
struct LeafFormat {
  bool text = false;
  /// Features or characters of a sample; nullopt until the first is known.
  std::optional<std::int64_t> width;
  std::optional<std::int64_t> num_classes;
};

/// Visits the users of a file in its order: the object with the members users,
/// num_samples and user_data {name: {x, y}}. Sets format->width from the first
/// sample where it is not known.
/// Throws: DataError with user and sample, or byte for wrong JSON.
/// Source: Caldas et al. 2018, LEAF, and its README.
void VisitLeafUsers(const ByteFile& file,
                    LeafFormat* format,
                    const std::function<void(LeafUser)>& visit);

}  // namespace fedtorch::data
