#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace fedtorch::core {

/// Holds values that start at a cache line, so that vector loads do not
/// straddle two. Grows and never shrinks: a loop that asks for the same sizes
/// again allocates nothing. Threads: one at a time.
template <class T>
class AlignedBuffer {
 public:
  /// Makes room for `size` values, all zero if the room had to grow.
  /// Invalidates pointers then.
  void Reserve(std::size_t size) {
    if (size <= size_) return;
    values_.reset(static_cast<T*>(
        ::operator new[](size * sizeof(T), std::align_val_t(kAlignment))));
    size_ = size;
    std::fill(values_.get(), values_.get() + size, T{});
  }

  T* data() { return values_.get(); }
  const T* data() const { return values_.get(); }
  std::size_t size() const { return size_; }
  std::span<T> first(std::size_t count) { return {values_.get(), count}; }

 private:
  static constexpr std::size_t kAlignment = 64;
  struct Free {
    void operator()(T* values) const {
      ::operator delete[](values, std::align_val_t(kAlignment));
    }
  };
  std::unique_ptr<T[], Free> values_;
  std::size_t size_ = 0;
};

}  // namespace fedtorch::core
