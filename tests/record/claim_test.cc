#include "fedtorch/record/claim.h"

#include "tests/record/temporary_folder.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace fedtorch::record {
namespace {

TEST(Claim, IsHeldOnceAndGivenBack) {
  const TemporaryFolder folder;
  std::optional<Claim> claim = Claim::Try(folder / "a");
  ASSERT_TRUE(claim);
  EXPECT_FALSE(Claim::Try(folder / "a"));
  EXPECT_TRUE(Claim::Try(folder / "b"));
  std::optional<Claim> moved = std::move(claim);
  claim.reset();
  EXPECT_FALSE(Claim::Try(folder / "a"));
  moved.reset();
  EXPECT_TRUE(Claim::Try(folder / "a"));
}

TEST(Claim, GoesWithAProcessThatIsKilled) {
  const TemporaryFolder folder;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t process = ::fork();
  if (process == 0) {
    const auto claim = Claim::Try(folder / "a");
    const char sign = claim ? 'y' : 'n';
    if (::write(ready[1], &sign, 1) != 1) ::_exit(1);
    ::pause();
    ::_exit(0);
  }
  char sign = 0;
  ASSERT_EQ(::read(ready[0], &sign, 1), 1);
  EXPECT_EQ(sign, 'y');
  EXPECT_FALSE(Claim::Try(folder / "a"));
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
  EXPECT_TRUE(Claim::Try(folder / "a"));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(Claim, NamesAFileThatCannotBeMade) {
  const TemporaryFolder folder;
  EXPECT_ANY_THROW(Claim::Try(folder / "missing" / "a"));
}

}  // namespace
}  // namespace fedtorch::record
