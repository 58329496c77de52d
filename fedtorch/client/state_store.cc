#include "fedtorch/client/state_store.h"

#include "fedtorch/core/errors.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace fedtorch::client {
namespace {

[[noreturn]] void ThrowFile(const std::string& what,
                            const std::filesystem::path& folder) {
  throw core::RunError("client state: " + what + " in " + folder.string() +
                       ": " + std::strerror(errno) +
                       "; free space there or raise runtime.state_memory_mb");
}

}  // namespace

StateStore::StateStore(std::size_t budget_bytes,
                       std::filesystem::path spill_folder)
    : budget_bytes_(budget_bytes), spill_folder_(std::move(spill_folder)) {}

StateStore::~StateStore() {
  if (file_ >= 0) ::close(file_);
}

void StateStore::OpenFile() {
  std::string pattern = (spill_folder_ / "client-state-XXXXXX").string();
  file_ = ::mkstemp(pattern.data());
  if (file_ < 0) ThrowFile("a temporary file cannot be made", spill_folder_);
  // Without a name it cannot be left behind, however the process ends.
  ::unlink(pattern.c_str());
}

void StateStore::ReadSlot(const Slot& slot, std::vector<float>* out) const {
  if (slot.file_offset < 0) {
    *out = slot.values;
    return;
  }
  out->resize(slot.size);
  auto* bytes = reinterpret_cast<char*>(out->data());
  std::size_t left = slot.size * sizeof(float);
  off_t offset = slot.file_offset;
  while (left > 0) {
    const ssize_t got = ::pread(file_, bytes, left, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) ThrowFile("reading failed", spill_folder_);
    bytes += got;
    offset += got;
    left -= static_cast<std::size_t>(got);
  }
}

bool StateStore::Read(const std::string& name,
                      std::int64_t client,
                      std::vector<float>* out) const {
  out->clear();
  const Slot* slot = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto named = slots_.find(name);
    if (named == slots_.end()) return false;
    const auto found = named->second.find(client);
    if (found == named->second.end()) return false;
    slot = &found->second;  // nodes do not move
  }
  ReadSlot(*slot, out);
  return true;
}

void StateStore::Write(const std::string& name,
                       std::int64_t client,
                       std::span<const float> values) {
  const std::size_t bytes = values.size() * sizeof(float);
  Slot* slot = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto [found, fresh] = slots_[name].try_emplace(client);
    slot = &found->second;
    if (fresh) {
      slot->size = values.size();
      if (memory_bytes_ + bytes <= budget_bytes_) {
        memory_bytes_ += bytes;
      } else {
        if (file_ < 0) OpenFile();
        slot->file_offset = static_cast<std::int64_t>(spilled_bytes_);
        spilled_bytes_ += bytes;
      }
    }
  }
  FEDTORCH_CHECK(slot->size == values.size(),
                 "size of " + name + " has changed");
  if (slot->file_offset < 0) {
    slot->values.assign(values.begin(), values.end());
    return;
  }
  const auto* data = reinterpret_cast<const char*>(values.data());
  std::size_t left = bytes;
  off_t offset = slot->file_offset;
  while (left > 0) {
    const ssize_t put = ::pwrite(file_, data, left, offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) ThrowFile("writing failed", spill_folder_);
    data += put;
    offset += put;
    left -= static_cast<std::size_t>(put);
  }
}

void StateStore::Visit(
    const std::function<
        void(const std::string&, std::int64_t, std::span<const float>)>& visit)
    const {
  std::vector<float> values;
  for (const auto& [name, clients] : slots_) {
    std::vector<std::int64_t> order;
    for (const auto& [client, slot] : clients) order.push_back(client);
    std::sort(order.begin(), order.end());
    for (const std::int64_t client : order) {
      ReadSlot(clients.at(client), &values);
      visit(name, client, values);
    }
  }
}

}  // namespace fedtorch::client
