#include "fedtorch/record/interrupt.h"

#include "fedtorch/core/errors.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string_view>

namespace fedtorch::record {
namespace {

// A signal handler can reach nothing but globals.
std::atomic<bool> guarded{false};
std::atomic<bool> interrupted{false};
std::atomic<bool> preempted{false};
std::atomic<int> notice{-1};
static_assert(std::atomic<bool>::is_always_lock_free &&
                  std::atomic<int>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

constexpr int kExitInterrupted = 130;
constexpr std::string_view kNotice =
    "\nfinishing the round and writing a checkpoint; press Ctrl-C again to "
    "stop at once\n";

// Only functions that POSIX lists as async-signal-safe: write and _exit.
extern "C" void HandleStop(int signal_number) {
  const int saved = errno;
  if (signal_number == SIGINT) {
    if (interrupted.exchange(true)) ::_exit(kExitInterrupted);
    if (const int file = notice.load(); file >= 0) {
      // Nothing can be done here about a notice that is lost.
      [[maybe_unused]] const ssize_t ignored =
          ::write(file, kNotice.data(), kNotice.size());
    }
  } else {
    preempted.store(true);
  }
  errno = saved;
}

}  // namespace

InterruptGuard::InterruptGuard(int notice_file) {
  FEDTORCH_CHECK(!guarded.exchange(true), "signals are guarded already");
  interrupted.store(false);
  preempted.store(false);
  notice.store(notice_file);
  struct sigaction action {};
  action.sa_handler = HandleStop;
  ::sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, &old_interrupt_);
  ::sigaction(SIGTERM, &action, &old_terminate_);
  ::sigaction(SIGUSR1, &action, &old_user_);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &old_interrupt_, nullptr);
  ::sigaction(SIGTERM, &old_terminate_, nullptr);
  ::sigaction(SIGUSR1, &old_user_, nullptr);
  guarded.store(false);
}

StopRequest InterruptGuard::Requested() const {
  if (interrupted.load()) return StopRequest::kInterrupt;
  if (preempted.load()) return StopRequest::kPreempt;
  return StopRequest::kNone;
}

}  // namespace fedtorch::record
