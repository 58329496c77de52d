#include "fedtorch/record/checkpoint.h"

#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/record/checkpoint_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <system_error>

namespace fedtorch::record {
namespace {

constexpr std::string_view kPrefix = "round-";
// Folders with this prefix are half-made or half-removed.
constexpr std::string_view kTemporaryPrefix = ".tmp-";
constexpr std::size_t kDigits = 6;

std::string NameOf(std::int64_t round) {
  std::string digits = std::to_string(round);
  if (digits.size() < kDigits) digits.insert(0, kDigits - digits.size(), '0');
  return std::string(kPrefix) + digits;
}

std::optional<std::int64_t> RoundOf(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::int64_t round = 0;
  const char* begin = name.data() + kPrefix.size();
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(begin, end, round);
  if (error != std::errc() || rest != end || NameOf(round) != name) {
    return std::nullopt;
  }
  return round;
}

// Throws with the folder's own cause, so that nothing is half-removed unseen.
void RemoveTree(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) core::ThrowFileError(path, "cannot be removed", error.value());
}

// Puts `made` at `place`. What stood there, if anything, is under `made` then.
void PutInPlace(const std::filesystem::path& made,
                const std::filesystem::path& place) {
  if (!std::filesystem::exists(place)) {
    if (::rename(made.c_str(), place.c_str()) != 0) {
      core::ThrowFileError(place, "cannot be put in place", errno);
    }
    return;
  }
  // A folder that holds something cannot be replaced by a plain rename.
  if (::renameat2(
          AT_FDCWD, made.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE) ==
      0) {
    return;
  }
  if (errno != EINVAL && errno != ENOSYS) {
    core::ThrowFileError(place, "cannot be put in place", errno);
  }
  // File systems that cannot exchange: the old one steps aside first.
  std::filesystem::path aside = made;
  aside += "-old";
  if (::rename(place.c_str(), aside.c_str()) != 0 ||
      ::rename(made.c_str(), place.c_str()) != 0) {
    core::ThrowFileError(place, "cannot be put in place", errno);
  }
}

}  // namespace

void LoadedCheckpoint::VisitClients(const VisitClient& visit) const {
  ReadClientStates(folder_ / "clients.bin", visit);
}

CheckpointFolder::CheckpointFolder(std::filesystem::path folder,
                                   std::int64_t keep)
    : folder_(std::move(folder)), keep_(keep) {
  FEDTORCH_CHECK(keep >= 1, "a run keeps at least one checkpoint");
}

std::filesystem::path CheckpointFolder::FolderOf(std::int64_t round) const {
  return folder_ / NameOf(round);
}

std::vector<std::int64_t> CheckpointFolder::Rounds() const {
  std::vector<std::int64_t> rounds;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_, error)) {
    const auto round = RoundOf(entry.path().filename().string());
    if (round && entry.is_directory()) rounds.push_back(*round);
  }
  std::sort(rounds.rbegin(), rounds.rend());
  return rounds;
}

void CheckpointFolder::RemoveLeftovers() const {
  std::vector<std::filesystem::path> leftovers;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    if (entry.path().filename().string().starts_with(kTemporaryPrefix)) {
      leftovers.push_back(entry.path());
    }
  }
  for (const std::filesystem::path& path : leftovers) RemoveTree(path);
}

void CheckpointFolder::Remove(std::int64_t round) const {
  // Renamed first: a checkpoint that is half-removed would look damaged.
  const std::filesystem::path place = FolderOf(round);
  const std::filesystem::path aside =
      folder_ / (std::string(kTemporaryPrefix) + "removed-" + NameOf(round));
  if (::rename(place.c_str(), aside.c_str()) != 0) {
    core::ThrowFileError(place, "cannot be removed", errno);
  }
  RemoveTree(aside);
}

void CheckpointFolder::Save(const Checkpoint& state,
                            const ModelArrays& model,
                            const WriteClients& write_clients) {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) core::ThrowFileError(folder_, "cannot be created", error.value());
  RemoveLeftovers();
  const std::filesystem::path temporary =
      folder_ / (std::string(kTemporaryPrefix) + NameOf(state.round));
  std::filesystem::create_directory(temporary, error);
  if (error) {
    core::ThrowFileError(temporary, "cannot be created", error.value());
  }
  try {
    core::WriteFileAtomically(temporary / "model.npz", core::NpzBytes(model));
    WriteState(temporary / "state.bin", state);
    WriteClientStates(temporary / "clients.bin", write_clients);
    WriteMeta(temporary, state);
    core::SyncFolder(temporary);
    PutInPlace(temporary, FolderOf(state.round));
  } catch (...) {
    std::filesystem::remove_all(temporary, error);
    throw;
  }
  core::SyncFolder(folder_);
  core::WriteFileAtomically(folder_ / "latest", NameOf(state.round) + "\n");
  RemoveLeftovers();
  std::int64_t kept = 0;
  for (const std::int64_t round : Rounds()) {
    if (round > state.round || ++kept > keep_) Remove(round);
  }
}

LoadedCheckpoint CheckpointFolder::Load(std::string_view config_hash) const {
  std::vector<std::string> problems;
  for (const std::int64_t round : Rounds()) {
    const std::filesystem::path folder = FolderOf(round);
    Checkpoint state;
    try {
      state = ReadMetaAndVerify(folder);
      if (state.round != round) {
        throw core::RunError(folder.string() + ": is of round " +
                             std::to_string(state.round));
      }
      ReadState(folder / "state.bin", &state);
    } catch (const core::RunError& problem) {
      problems.push_back("the checkpoint of round " + std::to_string(round) +
                         " is passed over: " + problem.what());
      continue;
    }
    if (!config_hash.empty() && state.config_hash != config_hash) {
      throw core::RunError(
          folder.string() + ": was made from another config: expected hash " +
          std::string(config_hash) + ", found " + state.config_hash +
          "; resume with the config.yaml of the run's folder");
    }
    return LoadedCheckpoint(std::move(state), folder, std::move(problems));
  }
  std::string text = folder_.string() + ": holds no intact checkpoint";
  for (const std::string& problem : problems) text += "\n" + problem;
  throw core::RunError(text + "; start a new run");
}

}  // namespace fedtorch::record
