#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace fedtorch::client {

/// Keeps vectors of clients between rounds, by (name, client).
///
/// A client that was never written owns nothing and reads as zeros. Past a
/// memory budget new vectors go to an unnamed temporary file, read and written
/// in place, so 100,000 clients with state cost disk, not memory.
/// Threads: safe for different clients.
class StateStore {
 public:
  /// `budget_bytes` counts vector contents held in memory; `spill_folder` is
  /// where the temporary file is opened when it is needed.
  StateStore(std::size_t budget_bytes, std::filesystem::path spill_folder);
  ~StateStore();
  StateStore(const StateStore&) = delete;
  StateStore& operator=(const StateStore&) = delete;

  /// Copies a vector; returns false, leaving `out` empty, when there is none.
  bool Read(const std::string& name,
            std::int64_t client,
            std::vector<float>* out) const;
  /// Replaces a vector; all vectors of a name have one size.
  /// Throws: RunError when the spill file cannot grow, e.g. on a full disk.
  void Write(const std::string& name,
             std::int64_t client,
             std::span<const float> values);
  /// Visits everything in the order of name, then client.
  void Visit(
      const std::function<void(const std::string& name,
                               std::int64_t client,
                               std::span<const float> values)>& visit) const;

  std::size_t memory_bytes() const { return memory_bytes_; }
  std::size_t spilled_bytes() const { return spilled_bytes_; }

 private:
  struct Slot {
    std::vector<float> values;      // in memory, or
    std::int64_t file_offset = -1;  // in the file
    std::size_t size = 0;
  };
  void ReadSlot(const Slot& slot, std::vector<float>* out) const;
  void OpenFile();

  const std::size_t budget_bytes_;
  const std::filesystem::path spill_folder_;
  mutable std::mutex mutex_;  // guards the maps; contents belong to a client
  std::map<std::string, std::unordered_map<std::int64_t, Slot>> slots_;
  std::size_t memory_bytes_ = 0;
  std::size_t spilled_bytes_ = 0;
  int file_ = -1;
};

}  // namespace fedtorch::client
