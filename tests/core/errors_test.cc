#include "fedtorch/core/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::core {
namespace {

using ::testing::HasSubstr;

TEST(ConfigError, ShowsPlaceLineAndCaret) {
  const ConfigError error({Problem{
      {"a.yaml", 2, 9}, "fleet.size", "expected an integer", "  size: 010"}});
  EXPECT_STREQ(error.what(),
               "a.yaml:2:9: error: fleet.size: expected an integer\n"
               "      size: 010\n"
               "            ^");
}

TEST(ConfigError, LeavesOutWhatIsNotKnown) {
  EXPECT_STREQ(ConfigError("no such file").what(), "error: no such file");
  EXPECT_EQ((Place{"command line, override #1", 0, 0}).ToString(),
            "command line, override #1");
}

TEST(ConfigError, ShowsTwentyProblemsAndCountsTheRest) {
  std::vector<Problem> problems(23, Problem{{"a", 1, 1}, "k", "m", ""});
  EXPECT_THAT(ConfigError(problems).what(), HasSubstr("and 3 more problems"));
}

TEST(Check, ThrowsBugWithConditionAndDetail) {
  try {
    FEDTORCH_CHECK(1 + 1 == 3, "found 2");
    FAIL() << "no exception";
  } catch (const Bug& bug) {
    EXPECT_THAT(bug.what(), HasSubstr("1 + 1 == 3"));
    EXPECT_THAT(bug.what(), HasSubstr("found 2"));
    EXPECT_THAT(bug.what(), HasSubstr("errors_test.cc"));
  }
}

}  // namespace
}  // namespace fedtorch::core
