#include "fedtorch/record/utc_time.h"

#include <gtest/gtest.h>

namespace fedtorch::record {
namespace {

// 1234567890 s is the well-known 13 February 2009, 23:31:30 UTC.
TEST(UtcTime, FormatsWhatTheCalendarSays) {
  EXPECT_EQ(UtcText(1234567890), "2009-02-13T23:31:30Z");
  EXPECT_EQ(UtcStamp(1234567890), "20090213T233130");
  EXPECT_EQ(UtcText(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(UtcText(951782400), "2000-02-29T00:00:00Z");
}

TEST(UtcTime, IsAfterTheYearThisWasWritten) {
  EXPECT_GT(UnixSeconds(), 1700000000);
}

}  // namespace
}  // namespace fedtorch::record
