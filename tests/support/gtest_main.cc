#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

// Runs the tests of one room. A binary in which no test ran fails: a filter
// that matches nothing must not look like success.
int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  const int status = RUN_ALL_TESTS();
  const testing::UnitTest& unit_test = *testing::UnitTest::GetInstance();
  if (!GTEST_FLAG_GET(list_tests) && unit_test.test_to_run_count() == 0) {
    std::fputs("no test ran\n", stderr);
    return 1;
  }
  return status;
}
