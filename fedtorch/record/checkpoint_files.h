#pragma once

#include "fedtorch/record/checkpoint.h"

#include <filesystem>

namespace fedtorch::record {

// Writes and reads the files inside one checkpoint's folder. All are flushed
// to disk when the call returns. Errors: RunError with file and offset.

/// Writes the state of a run but for the clients' vectors.
void WriteState(const std::filesystem::path& path, const Checkpoint& state);
/// Fills the vectors of `state`.
void ReadState(const std::filesystem::path& path, Checkpoint* state);

/// Writes and reads the vectors that clients keep.
void WriteClientStates(const std::filesystem::path& path,
                       const WriteClients& write_clients);
void ReadClientStates(const std::filesystem::path& path,
                      const VisitClient& visit);

/// Writes meta.json for the other files in `folder`.
void WriteMeta(const std::filesystem::path& folder, const Checkpoint& state);
/// Reads meta.json and compares every file of `folder` with it. Returns a
/// checkpoint with round and config hash only.
Checkpoint ReadMetaAndVerify(const std::filesystem::path& folder);

}  // namespace fedtorch::record
