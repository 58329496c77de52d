#include "fedtorch/record/binary_file.h"

#include "tests/record/temporary_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedtorch::record {
namespace {

using ::testing::HasSubstr;

TEST(BinaryFile, WritesLittleEndianNumbersAndCountedText) {
  const TemporaryFolder folder;
  BinaryWriter writer(folder / "f");
  writer.Number(std::uint32_t{0x01020304});
  writer.Text("ab");
  writer.Number(1.0);
  writer.Finish();
  EXPECT_EQ(ReadFile(folder / "f"),
            std::string("\x04\x03\x02\x01"
                        "\x02\x00\x00\x00"
                        "ab"
                        "\x00\x00\x00\x00\x00\x00\xF0\x3F",
                        18));
}

TEST(BinaryFile, ReadsWhatWasWrittenAcrossItsBuffers) {
  const TemporaryFolder folder;
  std::vector<std::int64_t> values(400000);  // 3.2 MB, buffers hold 1 MiB
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<std::int64_t>(i * i);
  }
  BinaryWriter writer(folder / "f");
  writer.Text("name");
  writer.Bytes(std::as_bytes(std::span(values)));
  for (const std::int64_t value : values) writer.Number(value);
  writer.Finish();
  BinaryReader reader(folder / "f");
  EXPECT_EQ(reader.Text(), "name");
  EXPECT_EQ(reader.Numbers<std::int64_t>(values.size()), values);
  EXPECT_FALSE(reader.AtEnd());
  for (const std::int64_t value : values) {
    ASSERT_EQ(reader.Number<std::int64_t>(), value);
  }
  EXPECT_TRUE(reader.AtEnd());
}

TEST(BinaryFile, BelievesNoLengthBeyondTheFile) {
  const TemporaryFolder folder;
  WriteFile(folder / "f", "0123456789ab");
  BinaryReader reader(folder / "f");
  EXPECT_EQ(reader.Number<char>(), '0');
  EXPECT_THAT(
      RunErrorOf([&] { reader.Numbers<double>(std::uint64_t{1} << 62); }),
      HasSubstr("f: offset 1: expected 4611686018427387904 values of 8 bytes, "
                "found 11 bytes"));
  // "1234" as the length of a text is 875770417 bytes.
  EXPECT_THAT(RunErrorOf([&] { reader.Text(); }),
              HasSubstr("expected 875770417 values of 1 bytes, found 7 bytes"));
}

TEST(BinaryFile, NeverWritesOverAFile) {
  const TemporaryFolder folder;
  WriteFile(folder / "f", "x");
  EXPECT_THAT(RunErrorOf([&] { BinaryWriter writer(folder / "f"); }),
              HasSubstr("f: cannot be created: File exists"));
  EXPECT_THAT(RunErrorOf([&] { BinaryReader reader(folder / "none"); }),
              HasSubstr("none: cannot be opened: No such file"));
  EXPECT_EQ(ReadFile(folder / "f"), "x");
}

}  // namespace
}  // namespace fedtorch::record
