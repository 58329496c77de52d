#pragma once

#include "fedtorch/data/dataset.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::data {

/// Names the owners of a set's samples: owner_names becomes the sorted list of
/// the names that occur, owners their indices. Names that are all integers
/// are sorted by value ("9" before "10"), others by bytes.
/// Requires: one name a sample.
void NameOwners(std::span<const std::string> name_of_sample, Dataset* dataset);

/// Sorts different names: by value when all are integers, else by bytes.
void SortNames(std::vector<std::string>* names);

}  // namespace fedtorch::data
