#include "fedtorch/record/progress.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

namespace fedtorch::record {
namespace {

// A clock that stands still until it is told to move.
class Clock {
 public:
  std::function<double()> Function() {
    return [this] { return now_; };
  }
  void Advance(double seconds) { now_ += seconds; }

 private:
  double now_ = 1000.0;
};

ProgressUpdate Round(std::int64_t round, std::int64_t steps = 100) {
  return {.round = round,
          .client_steps = steps,
          .loss = 0.71289,
          .accuracy = 0.8125};
}

TEST(Progress, PrintsTheFirstTheLastAndOneLineEveryFewSeconds) {
  std::ostringstream out;
  Clock clock;
  Progress progress(out, {.rounds = 10}, clock.Function());
  for (std::int64_t round = 1; round <= 10; ++round) {
    clock.Advance(2.0);
    progress.Update(Round(round));
  }
  progress.Finish();
  // Shown at 2 s, then at the first round at least 5 s later, and at the end.
  // 100 steps every 2 s; 2 s a round.
  EXPECT_EQ(out.str(),
            "round 1/10: loss 0.7129, accuracy 0.8125, 50 client-steps/s, "
            "0:02 elapsed, 0:18 left\n"
            "round 4/10: loss 0.7129, accuracy 0.8125, 50 client-steps/s, "
            "0:08 elapsed, 0:12 left\n"
            "round 7/10: loss 0.7129, accuracy 0.8125, 50 client-steps/s, "
            "0:14 elapsed, 0:06 left\n"
            "round 10/10: loss 0.7129, accuracy 0.8125, 50 client-steps/s, "
            "0:20 elapsed, 0:00 left\n");
}

TEST(Progress, ShowsTheLastRoundOfAStoppedRun) {
  std::ostringstream out;
  Clock clock;
  Progress progress(out, {.rounds = 10}, clock.Function());
  clock.Advance(1.0);
  progress.Update({.round = 1, .client_steps = 0, .loss = {}, .accuracy = {}});
  progress.Update({.round = 2, .client_steps = 0, .loss = {}, .accuracy = {}});
  progress.Finish();
  EXPECT_EQ(out.str(),
            "round 1/10: 0:01 elapsed, 0:09 left\n"
            "round 2/10: 0:01 elapsed, 0:04 left\n");
}

TEST(Progress, CountsOnlyTheRoundsOfThisProcessAfterAResume) {
  std::ostringstream out;
  Clock clock;
  Progress progress(out, {.rounds = 10, .first_done = 6}, clock.Function());
  clock.Advance(5.0);
  progress.Update(Round(7));
  EXPECT_EQ(out.str(),
            "round 7/10: loss 0.7129, accuracy 0.8125, 20 client-steps/s, "
            "0:05 elapsed, 0:15 left\n");
}

TEST(Progress, IsSilentWhenTold) {
  std::ostringstream out;
  Clock clock;
  Progress progress(
      out, {.mode = ProgressMode::kNone, .rounds = 2}, clock.Function());
  progress.Update(Round(1));
  progress.Update(Round(2));
  progress.Finish();
  EXPECT_EQ(out.str(), "");
}

TEST(Progress, RedrawsABarOnATerminal) {
  std::ostringstream out;
  Clock clock;
  Progress progress(
      out,
      {.terminal = {.interactive = true, .columns = 100}, .rounds = 4},
      clock.Function());
  clock.Advance(1.0);
  progress.Update(Round(1));
  EXPECT_EQ(out.str(),
            "\r[#######.......................] 1/4  loss 0.7129  accuracy "
            "0.8125  100 client-steps/s  0:03 left");
  out.str("");
  clock.Advance(0.05);
  progress.Update(Round(2));  // too soon after the first
  EXPECT_EQ(out.str(), "");
  clock.Advance(0.95);
  progress.Update({.round = 4, .client_steps = 0, .loss = {}, .accuracy = {}});
  progress.Finish();
  // What the longer line left behind is painted over: 1/4 took 97 columns.
  const std::string shorter =
      "[##############################] 4/4  100 client-steps/s  0:00 left";
  EXPECT_EQ(out.str(),
            "\r" + shorter + std::string(97 - shorter.size(), ' ') + "\n");
}

TEST(Progress, DrawsBlocksAndColorsWhereItMay) {
  std::ostringstream out;
  Clock clock;
  Progress progress(out,
                    {.terminal = {.interactive = true,
                                  .color = true,
                                  .utf8 = true,
                                  .columns = 14},
                     .rounds = 2},
                    clock.Function());
  progress.Update({.round = 1, .client_steps = 0, .loss = {}, .accuracy = {}});
  // 13 columns: too few for the time left and a bar.
  EXPECT_EQ(out.str(), "\r1/2  0:00 lef");
  std::ostringstream wide;
  Progress second(wide,
                  {.terminal = {.interactive = true,
                                .color = true,
                                .utf8 = true,
                                .columns = 24},
                   .rounds = 2},
                  clock.Function());
  second.Update({.round = 1, .client_steps = 0, .loss = {}, .accuracy = {}});
  EXPECT_EQ(wide.str(),
            "\r[\x1b[32m\u2588\u2588\u2588\x1b[0m\u2591\u2591\u2591] "
            "1/2  0:00 left");
}

TEST(Progress, KeepsNotesApartFromTheBar) {
  std::ostringstream out;
  Clock clock;
  Progress progress(
      out,
      {.terminal = {.interactive = true, .columns = 12}, .rounds = 2},
      clock.Function());
  progress.Note("first");
  progress.Update({.round = 1, .client_steps = 0, .loss = {}, .accuracy = {}});
  progress.Note("second");
  progress.Finish();
  EXPECT_EQ(out.str(),
            "first\n\r1/2  0:00 l\r           \rsecond\n\r1/2  0:00 l\n");
}

TEST(Progress, SurvivesABrokenStream) {
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  Clock clock;
  Progress progress(out, {.rounds = 1}, clock.Function());
  progress.Update(Round(1));
  progress.Finish();
}

TEST(Progress, ReadsItsModes) {
  EXPECT_EQ(ParseProgressMode("auto"), ProgressMode::kAuto);
  EXPECT_EQ(ParseProgressMode("bar"), ProgressMode::kBar);
  EXPECT_EQ(ParseProgressMode("plain"), ProgressMode::kPlain);
  EXPECT_EQ(ParseProgressMode("none"), ProgressMode::kNone);
  EXPECT_EQ(ParseProgressMode("Bar"), std::nullopt);
}

TEST(DurationText, ReadsLikeAClock) {
  EXPECT_EQ(DurationText(0.0), "0:00");
  EXPECT_EQ(DurationText(7.4), "0:07");
  EXPECT_EQ(DurationText(59.6), "1:00");
  EXPECT_EQ(DurationText(200.0), "3:20");
  EXPECT_EQ(DurationText(7509.0), "2:05:09");
  EXPECT_EQ(DurationText(3 * 86400.0 + 4 * 3600.0), "3d 04:00");
  EXPECT_EQ(DurationText(std::numeric_limits<double>::infinity()), ">999d");
  EXPECT_EQ(DurationText(-1.0), "0:00");
}

TEST(ShortNumber, HasThreeDigitsAndAUnit) {
  EXPECT_EQ(ShortNumber(0.0), "0");
  EXPECT_EQ(ShortNumber(7.3149), "7.31");
  EXPECT_EQ(ShortNumber(842.2), "842");
  EXPECT_EQ(ShortNumber(999.6), "1k");
  EXPECT_EQ(ShortNumber(12345.0), "12.3k");
  EXPECT_EQ(ShortNumber(4.56e6), "4.56M");
}

}  // namespace
}  // namespace fedtorch::record
