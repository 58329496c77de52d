#pragma once

#include <csignal>

namespace fedtorch::record {

/// What a signal asked for. The round at hand is finished in every case.
enum class StopRequest {
  kNone,
  kInterrupt,  ///< SIGINT: checkpoint, then exit 130
  kPreempt,    ///< SIGTERM, SIGUSR1: checkpoint, then exit 75
};

/// Turns signals into a request that is looked at between rounds.
///
/// The second SIGINT ends the process at once with exit code 130. A first
/// SIGINT outranks a preemption, as a person is waiting. While the object
/// lives it owns SIGINT, SIGTERM and SIGUSR1; the former handlers come back
/// with its end. One object at a time.
/// Threads: the handler only touches lock-free atomics; Requested is safe
/// anywhere.
class InterruptGuard {
 public:
  /// `notice_file` is a descriptor to which the first SIGINT writes what
  /// happens now; -1 = nowhere. Throws: Bug when an object lives already.
  explicit InterruptGuard(int notice_file);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  StopRequest Requested() const;

 private:
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
  struct sigaction old_user_ {};
};

}  // namespace fedtorch::record
