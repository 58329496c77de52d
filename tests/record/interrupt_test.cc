#include "fedtorch/record/interrupt.h"

#include "fedtorch/core/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace fedtorch::record {
namespace {

using ::testing::HasSubstr;

// Returns the wait status of a child that runs `action` and then exits 7.
int StatusOfChild(const std::function<void()>& action) {
  const pid_t child = ::fork();
  if (child == 0) {
    action();
    ::_exit(7);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(InterruptGuard, RemembersWhatWasAskedFor) {
  const InterruptGuard guard(-1);
  EXPECT_EQ(guard.Requested(), StopRequest::kNone);
  ::raise(SIGUSR1);
  EXPECT_EQ(guard.Requested(), StopRequest::kPreempt);
  ::raise(SIGTERM);
  EXPECT_EQ(guard.Requested(), StopRequest::kPreempt);
  ::raise(SIGINT);
  EXPECT_EQ(guard.Requested(), StopRequest::kInterrupt);
}

TEST(InterruptGuard, TakesSigtermAsAPreemption) {
  const InterruptGuard guard(-1);
  ::raise(SIGTERM);
  EXPECT_EQ(guard.Requested(), StopRequest::kPreempt);
}

TEST(InterruptGuard, StartsAfresh) {
  {
    const InterruptGuard guard(-1);
    ::raise(SIGINT);
  }
  const InterruptGuard guard(-1);
  EXPECT_EQ(guard.Requested(), StopRequest::kNone);
}

TEST(InterruptGuard, EndsAtTheSecondInterrupt) {
  const int status = StatusOfChild([] {
    const InterruptGuard guard(-1);
    ::raise(SIGINT);
    if (guard.Requested() != StopRequest::kInterrupt) ::_exit(1);
    ::raise(SIGINT);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
}

TEST(InterruptGuard, GivesTheFormerHandlersBack) {
  const int status = StatusOfChild([] {
    { const InterruptGuard guard(-1); }
    ::raise(SIGINT);
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGINT);
}

TEST(InterruptGuard, SaysWhatHappensNow) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  {
    const InterruptGuard guard(ends[1]);
    ::raise(SIGTERM);
    ::raise(SIGINT);
  }
  ::close(ends[1]);
  std::string text(500, '\0');
  const ssize_t size = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  ASSERT_GT(size, 0);
  text.resize(static_cast<std::size_t>(size));
  EXPECT_EQ(text,
            "\nfinishing the round and writing a checkpoint; press Ctrl-C "
            "again to stop at once\n");
}

TEST(InterruptGuard, IsAlone) {
  const InterruptGuard guard(-1);
  EXPECT_THROW(InterruptGuard second(-1), core::Bug);
}

}  // namespace
}  // namespace fedtorch::record
