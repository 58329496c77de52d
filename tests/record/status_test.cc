#include "fedtorch/record/status.h"

#include "fedtorch/core/atomic_file.h"
#include "tests/record/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::record {
namespace {

using ::testing::HasSubstr;

TEST(Status, IsWrittenForPeopleAndScripts) {
  EXPECT_EQ(StatusJson({.state = RunState::kFailed,
                        .round = 12,
                        .message = "client 3: \"odd\"",
                        .updated = 1234567890,
                        .process = 42}),
            "{\n"
            "  \"state\": \"failed\",\n"
            "  \"round\": 12,\n"
            "  \"message\": \"client 3: \\\"odd\\\"\",\n"
            "  \"updated\": \"2009-02-13T23:31:30Z\",\n"
            "  \"updated_unix_s\": 1234567890,\n"
            "  \"pid\": 42\n"
            "}\n");
}

TEST(Status, ReadsBackEveryState) {
  const TemporaryFolder folder;
  for (const RunState state : {RunState::kRunning,
                               RunState::kDone,
                               RunState::kFailed,
                               RunState::kPreempted,
                               RunState::kDiverged}) {
    core::WriteFileAtomically(folder / "s",
                              StatusJson({.state = state,
                                          .round = 7,
                                          .message = "m",
                                          .updated = 8,
                                          .process = 9}));
    const Status status = ReadStatus(folder / "s");
    EXPECT_EQ(status.state, state);
    EXPECT_EQ(status.round, 7);
    EXPECT_EQ(status.message, "m");
    EXPECT_EQ(status.updated, 8);
    EXPECT_EQ(status.process, 9);
  }
}

TEST(Status, NamesTheFileThatIsDamaged) {
  const TemporaryFolder folder;
  WriteFile(folder / "s", "{\"state\": \"run");
  EXPECT_THAT(RunErrorOf([&] { ReadStatus(folder / "s"); }),
              HasSubstr((folder / "s").string() + ": is damaged: "));
  WriteFile(folder / "s", "{\"state\": \"asleep\"}");
  EXPECT_THAT(RunErrorOf([&] { ReadStatus(folder / "s"); }),
              HasSubstr("unknown state 'asleep'"));
  EXPECT_THAT(RunErrorOf([&] { ReadStatus(folder / "none"); }),
              HasSubstr("none: cannot be read: No such file"));
}

}  // namespace
}  // namespace fedtorch::record
