#include "fedtorch/record/round_lines.h"

#include "tests/record/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::record {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHeader =
    "client_id,round_number,hierarchy,num_samples,set,loss\n";

TEST(CutJsonLines, KeepsTheLinesUpToARound) {
  const TemporaryFolder folder;
  WriteFile(folder / "m",
            "{\"event\":\"start\"}\n{\"round\":0}\n{\"round\":1}\n"
            "{\"event\":\"note\"}\n{\"round\":2}\n{\"event\":\"late\"}\n"
            "{\"round\":3}\n");
  const RoundLines left = CutJsonLines(folder / "m", 1);
  EXPECT_EQ(left.kept, 4);
  EXPECT_EQ(left.removed, 3);
  EXPECT_EQ(left.last_round, 1);
  EXPECT_EQ(ReadFile(folder / "m"),
            "{\"event\":\"start\"}\n{\"round\":0}\n{\"round\":1}\n"
            "{\"event\":\"note\"}\n");
}

TEST(CutJsonLines, RemovesALastLineCutShortByAKill) {
  const TemporaryFolder folder;
  // Every prefix of a file is what a kill may leave.
  const std::string whole = "{\"round\":1,\"x\":0.5}\n{\"round\":2,\"x\":1}\n";
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    WriteFile(folder / "m", whole.substr(0, size));
    const RoundLines left = CutJsonLines(folder / "m", 9);
    const std::string expected = size < first          ? ""
                                 : size < whole.size() ? whole.substr(0, first)
                                                       : whole;
    EXPECT_EQ(ReadFile(folder / "m"), expected) << size;
    EXPECT_EQ(left.last_round,
              expected.empty()           ? -1
              : expected.size() == first ? 1
                                         : 2);
  }
}

TEST(CutJsonLines, RemovesALastLineThatAPowerCutLeftUnreadable) {
  const TemporaryFolder folder;
  const std::string zeros(5, '\0');
  WriteFile(folder / "m", "{\"round\":1}\n" + zeros + "\n");
  const RoundLines left = CutJsonLines(folder / "m", 9);
  EXPECT_EQ(left.kept, 1);
  EXPECT_EQ(left.removed, 1);
  EXPECT_EQ(ReadFile(folder / "m"), "{\"round\":1}\n");
}

TEST(CutJsonLines, RefusesDamageInTheMiddle) {
  const TemporaryFolder folder;
  const std::string text = "{\"round\":1}\nwhat\n{\"round\":3}\n";
  WriteFile(folder / "m", text);
  EXPECT_THAT(RunErrorOf([&] { CutJsonLines(folder / "m", 2); }),
              HasSubstr("m:2: the line cannot be read"));
  EXPECT_EQ(ReadFile(folder / "m"), text);
}

TEST(CutJsonLines, TakesAMissingFileAsEmpty) {
  const TemporaryFolder folder;
  EXPECT_EQ(CutJsonLines(folder / "none", 2).kept, 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "none"));
}

TEST(CutClientLines, KeepsTheHeaderAndTheRowsUpToARound) {
  const TemporaryFolder folder;
  const std::string kept = std::string(kHeader) + "5,1,,3,test,0.5\n";
  WriteFile(folder / "c", kept + "5,2,,3,test,0.5\n6,2,,3,te");
  const RoundLines left = CutClientLines(folder / "c", 1);
  EXPECT_EQ(left.kept, 2);
  EXPECT_EQ(left.removed, 2);
  EXPECT_EQ(left.last_round, 1);
  EXPECT_EQ(ReadFile(folder / "c"), kept);
  CutClientLines(folder / "c", 0);
  EXPECT_EQ(ReadFile(folder / "c"), kHeader);
}

}  // namespace
}  // namespace fedtorch::record
