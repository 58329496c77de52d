#pragma once

#include "fedtorch/core/npz.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fedtorch::record {

/// Holds the state of a run after a round, but for the clients' own vectors.
struct Checkpoint {
  std::int64_t round = 0;   ///< last finished round
  std::string config_hash;  ///< of the config that made it
  std::map<std::string, std::vector<double>> doubles;
  std::map<std::string, std::vector<float>> floats;
  std::map<std::string, std::vector<std::int64_t>> ints;
};

/// Takes the vectors of clients one by one, so that 100,000 clients with state
/// need no memory here.
class ClientStateSink {
 public:
  virtual ~ClientStateSink() = default;
  /// Any order; it is kept. Throws: RunError when the disk is full.
  virtual void Write(std::int64_t client,
                     const std::string& name,
                     std::span<const std::byte> values) = 0;
};

/// Holds named arrays of a model, and names the two ways to pass client states:
/// a function that writes them into a sink, one that is called for each.
using ModelArrays = std::vector<std::pair<std::string, core::NpyArray>>;
using WriteClients = std::function<void(ClientStateSink& sink)>;
/// `values` is aligned for any number and lives until the call returns.
using VisitClient = std::function<void(std::int64_t client,
                                       const std::string& name,
                                       std::span<const std::byte> values)>;

/// Is a checkpoint that was read back and whose files are intact.
class LoadedCheckpoint {
 public:
  LoadedCheckpoint(Checkpoint state,
                   std::filesystem::path folder,
                   std::vector<std::string> warnings)
      : state_(std::move(state)),
        folder_(std::move(folder)),
        warnings_(std::move(warnings)) {}

  const Checkpoint& state() const { return state_; }
  const std::filesystem::path& folder() const { return folder_; }
  /// One sentence for each newer checkpoint that is damaged.
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// Visits the clients' vectors in the order they were written.
  void VisitClients(const VisitClient& visit) const;

 private:
  Checkpoint state_;
  std::filesystem::path folder_;
  std::vector<std::string> warnings_;
};

/// Keeps the newest checkpoints of a run in a folder:
///   round-000100/{model.npz, state.bin, clients.bin, meta.json}, latest
/// A checkpoint is written into a temporary folder, flushed to disk and renamed
/// into place; older ones are removed only after the new one stands. meta.json
/// holds round, config hash, and size and SHA-256 of the other files. `latest`
/// names the newest one for people and scripts; loading does not depend on it.
/// One process writes (see RunDirectory). Threads: one caller.
class CheckpointFolder {
 public:
  /// Uses `folder`, made at the first Save; keeps `keep` >= 1 checkpoints.
  CheckpointFolder(std::filesystem::path folder, std::int64_t keep);

  /// Writes a checkpoint. One of the same round is replaced; those of later
  /// rounds belong to a course that was given up and are removed.
  /// Throws: RunError, e.g. on a full disk; what stood before stands then.
  /// Cost: the files are written once and read once.
  void Save(const Checkpoint& state,
            const ModelArrays& model,
            const WriteClients& write_clients);

  /// Reads the newest checkpoint that is intact.
  /// Throws: RunError when there is none, or when it was made from another
  /// config than `config_hash` (not compared when empty).
  LoadedCheckpoint Load(std::string_view config_hash = {}) const;

  /// Rounds of the checkpoints, newest first, intact or not.
  std::vector<std::int64_t> Rounds() const;
  std::filesystem::path FolderOf(std::int64_t round) const;

 private:
  void RemoveLeftovers() const;
  void Remove(std::int64_t round) const;

  std::filesystem::path folder_;
  std::int64_t keep_;
};

}  // namespace fedtorch::record
