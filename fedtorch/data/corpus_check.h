#pragma once

#include "fedtorch/data/reader.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

namespace fedtorch::data {

/// Checks that every label lies in {0, ..., num_classes - 1}.
/// `unit` names what the index counts, e.g. "label" or "record".
/// Throws: DataError with file, index, expected and found.
void CheckLabels(const std::filesystem::path& path,
                 std::span<const std::int64_t> labels,
                 std::int64_t num_classes,
                 const char* unit);

/// Returns the configured number of classes, else the largest label + 1. At
/// least 2, since a classifier of one class is a mistake in the data.
/// Throws: DataError, naming `path`, when it would pass ten million.
std::int64_t ClassesOf(const std::filesystem::path& path,
                       std::span<const std::int64_t> train,
                       std::span<const std::int64_t> test,
                       std::optional<std::int64_t> configured);

/// Checks a corpus before it leaves its reader: there are samples, the parts
/// of a set have equal lengths, and train and test have equal shapes.
/// Throws: DataError when a set is empty; Bug when the reader is wrong.
void CheckCorpus(const Corpus& corpus);

}  // namespace fedtorch::data
