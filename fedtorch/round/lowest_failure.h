#pragma once

#include <cstdint>
#include <exception>
#include <mutex>

namespace fedtorch::round {

/// Keeps the exception of the lowest task number, so that the one that is
/// thrown in the end does not depend on the schedule. Threads: safe.
class LowestFailure {
 public:
  /// Called while an exception is handled.
  void Take(std::int64_t task) {
    const std::lock_guard lock(mutex_);
    if (!failure_ || task < task_) {
      task_ = task;
      failure_ = std::current_exception();
    }
  }
  /// Throws what is kept, if anything is.
  void Rethrow() {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  std::mutex mutex_;
  std::int64_t task_ = 0;
  std::exception_ptr failure_;
};

}  // namespace fedtorch::round
