#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace fedtorch::kernel {

/// Holds what a kernel lays out anew for a tile of its input. A caller keeps
/// one for each thread and hands it to every call, which then allocates nothing
/// once the buffer has grown to the largest need. Contents do not survive from
/// call to call.
/// Threads: one at a time.
class TileBuffer {
 public:
  /// Returns at least `bytes` bytes at a multiple of kAlignment, uninitialised.
  /// What an earlier call returned is no longer valid.
  void* Reserve(std::size_t bytes) {
    if (bytes > size_) {
      memory_.reset();
      size_ = 0;
      memory_.reset(::operator new (bytes, std::align_val_t{kAlignment}));
      size_ = bytes;
    }
    return memory_.get();
  }

  /// Bytes of a line of the cache, and of the widest vector.
  static constexpr std::size_t kAlignment = 64;

 private:
  struct Delete {
    void operator()(void* memory) const {
      ::operator delete (memory, std::align_val_t{kAlignment});
    }
  };
  std::size_t size_ = 0;
  std::unique_ptr<void, Delete> memory_;
};

}  // namespace fedtorch::kernel
