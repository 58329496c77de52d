// Memory does not grow with the rounds.
#include "tests/support/experiments.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace fedtorch::round {
namespace {

// Resident memory of this process, bytes.
std::int64_t Resident() {
  std::ifstream file("/proc/self/statm");
  std::int64_t total = 0;
  std::int64_t resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

TEST(Memory, IsFlatOverFiveHundredRounds) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitiser keeps freed memory";
#endif
  support::Federation federation(
      {"model={name: mlp, hidden: [200], dropout: 0.2}",
       "algorithm=scaffold",
       "client.batch_size=8"});
  std::int64_t round = 0;
  const auto run = [&](int rounds) {
    for (int i = 0; i < rounds; ++i) {
      federation.rounds.Run(++round, &federation.model);
    }
  };
  run(50);
  const std::int64_t before = Resident();
  run(500);
  EXPECT_LT(Resident() - before, std::int64_t{2} << 20);
}

}  // namespace
}  // namespace fedtorch::round
