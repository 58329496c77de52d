#include "fedtorch/data/byte_file.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace fedtorch::data {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// printf 'hello, hello, hello\n' | gzip -9n
constexpr char kGzipProgram[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\xd7"
    "\x51\xc8\x40\xa2\xb8\x00\xe7\x42\x6e\x52\x14\x00\x00\x00";
const std::string kPacked(kGzipProgram, sizeof(kGzipProgram) - 1);
const std::string kPlain = "hello, hello, hello\n";

std::string GunzipRefusal(const std::string& packed) {
  try {
    Gunzip(packed, "a.gz");
  } catch (const core::DataError& error) {
    return error.what();
  }
  return "";
}

std::string ReadRefusal(const std::filesystem::path& path) {
  try {
    ReadByteFile(path);
  } catch (const core::DataError& error) {
    return error.what();
  }
  return "";
}

/// Makes text that packs to more than one block of the reader.
std::string LargeText() {
  auto stream = core::Stream::Named(1, "byte_file_test");
  std::string text;
  while (text.size() < 1'000'000) text += std::to_string(stream.Bits32());
  return text;
}

TEST(ByteFile, ReadsPlainFiles) {
  const ScratchFolder folder;
  const std::string bytes("a\0b\n", 4);
  const ByteFile file = ReadByteFile(folder.Write("plain.gz", bytes));
  EXPECT_EQ(file.bytes, bytes);
  // printf 'a\0b\n' | sha256sum
  EXPECT_EQ(file.sha256,
            "3a100994c4e38751871e6e8eef9adad2b20177fdeaf650daacdcd74f4c9421e3");
  EXPECT_EQ(ReadByteFile(folder.Write("empty", "")).bytes, "");
}

TEST(ByteFile, UnpacksWhatTheGzipProgramPacks) {
  const ScratchFolder folder;
  // Neither name says gzip.
  const ByteFile file = ReadByteFile(folder.Write("data.csv", kPacked));
  EXPECT_EQ(file.bytes, kPlain);
  // The checksum is that of the packed file, which is what lies on the disk.
  EXPECT_EQ(file.sha256, ReadByteFile(folder.Write("copy", kPacked)).sha256);
  EXPECT_NE(file.sha256, ReadByteFile(folder.Write("p", kPlain)).sha256);
}

TEST(ByteFile, UnpacksSeveralMembersAndIgnoresZeroPadding) {
  EXPECT_EQ(Gunzip(kPacked + kPacked, "a.gz"), kPlain + kPlain);
  EXPECT_EQ(Gunzip(kPacked + std::string(512, '\0'), "a.gz"), kPlain);
  EXPECT_THAT(GunzipRefusal(kPacked + "tail"),
              AllOf(HasSubstr("end at byte 30"), HasSubstr("other bytes")));
}

TEST(ByteFile, UnpacksMoreThanOneBlock) {
  const std::string large = LargeText();
  ASSERT_GT(Gzip(large).size(), std::size_t{1} << 16);
  EXPECT_EQ(Gunzip(Gzip(large), "a.gz"), large);
}

TEST(ByteFile, SaysWhereGzipIsCutShort) {
  for (std::size_t size = 2; size < kPacked.size(); ++size) {
    EXPECT_THAT(GunzipRefusal(kPacked.substr(0, size)),
                AllOf(HasSubstr("a.gz: gzip data are truncated"),
                      HasSubstr("byte " + std::to_string(size))))
        << size;
  }
  // A cut exactly between 2 blocks of input must not loop for ever.
  const std::string large = LargeText();
  EXPECT_THAT(GunzipRefusal(Gzip(large).substr(0, std::size_t{1} << 16)),
              HasSubstr("truncated"));
}

TEST(ByteFile, SaysWhereGzipIsCorrupt) {
  std::string wrong_sum = kPacked;
  wrong_sum[22] ^= 1;
  EXPECT_THAT(
      GunzipRefusal(wrong_sum),
      AllOf(HasSubstr("corrupt near byte"), HasSubstr("incorrect data check")));
  std::string wrong_method = kPacked;
  wrong_method[2] = 7;
  EXPECT_THAT(GunzipRefusal(wrong_method), HasSubstr("corrupt near byte"));
}

TEST(ByteFile, SaysWhatIsNoFile) {
  const ScratchFolder folder;
  EXPECT_THAT(ReadRefusal(folder.path() / "missing"),
              AllOf(HasSubstr("missing"), HasSubstr("no such file")));
  EXPECT_THAT(ReadRefusal(folder.path()), HasSubstr("found a folder"));
}

TEST(ByteFile, QuotesWhatCannotBePrinted) {
  EXPECT_EQ(Quoted(std::string("a\0\xff'", 4)), "'a\\x00\\xff''");
  EXPECT_EQ(Quoted(std::string(41, 'x')), "'" + std::string(40, 'x') + "...'");
}

}  // namespace
}  // namespace fedtorch::data
