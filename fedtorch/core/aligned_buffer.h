#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace fedtorch::core {

/// Holds values that start at a cache line, so that vector loads do not
/// straddle two; large ones lie in huge pages where Linux has them, because a
/// walk down a column of a weight matrix touches a page in every row or two.
/// Grows and never shrinks: a loop that asks for the same sizes again allocates
/// nothing. Threads: one at a time.
template <class T>
class AlignedBuffer {
 public:
  /// Makes room for `size` values, all zero if the room had to grow.
  /// Invalidates pointers then.
  void Reserve(std::size_t size) {
    if (size <= size_) return;
    // Whole pages, so that all of it lies in huge ones.
    const std::size_t bytes = size * sizeof(T);
    const bool huge = bytes >= kHugePage;
    const auto alignment =
        static_cast<std::align_val_t>(huge ? kHugePage : kCacheLine);
    values_ = Memory(
        static_cast<T*>(::operator new[](
            huge ? (bytes + kHugePage - 1) / kHugePage* kHugePage : bytes,
            alignment)),
        Free{alignment});
    if (huge) AskForHugePages(values_.get(), bytes);
    size_ = size;
    std::fill(values_.get(), values_.get() + size, T{});
  }

  T* data() { return values_.get(); }
  const T* data() const { return values_.get(); }
  std::size_t size() const { return size_; }
  std::span<T> first(std::size_t count) { return {values_.get(), count}; }

 private:
  static constexpr std::size_t kCacheLine = 64;
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  struct Free {
    std::align_val_t alignment{kCacheLine};
    void operator()(T* values) const { ::operator delete[](values, alignment); }
  };
  using Memory = std::unique_ptr<T[], Free>;

  // Advice only: a system without them does as well.
  static void AskForHugePages([[maybe_unused]] void* memory,
                              [[maybe_unused]] std::size_t bytes) {
#ifdef MADV_HUGEPAGE
    madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  }

  Memory values_;
  std::size_t size_ = 0;
};

}  // namespace fedtorch::core
