#include "fedtorch/core/npz.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::core {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

template <std::size_t N>
std::string Literal(const char (&text)[N]) {
  return std::string(text, N - 1);
}

template <class T>
std::vector<T> ValuesOf(const NpyArray& array) {
  std::vector<T> values(array.data.size() / sizeof(T));
  std::memcpy(values.data(), array.data.data(), array.data.size());
  return values;
}

template <class T>
NpyArray Make(std::string dtype,
              std::vector<std::int64_t> shape,
              const std::vector<T>& values) {
  NpyArray array{.dtype = std::move(dtype), .shape = std::move(shape)};
  array.data.resize(values.size() * sizeof(T));
  // Not memcpy: its pointers must not be null, and there may be no value.
  std::ranges::copy(std::as_bytes(std::span(values)), array.data.begin());
  return array;
}

std::string Refusal(const std::string& bytes) {
  try {
    ParseNpz(bytes, "a.npz");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

std::string NpyRefusal(const std::string& bytes) {
  try {
    ParseNpy(bytes, "a.npy");
  } catch (const DataError& error) {
    return error.what();
  }
  return "";
}

// Makes version 1.0 of a file with this header and these bytes of numbers.
std::string Npy(const std::string& header, const std::string& numbers) {
  std::string bytes = Literal("\x93NUMPY\x01\x00");
  bytes += static_cast<char>(header.size());
  bytes += '\0';
  return bytes + header + numbers;
}

// The next three were written by numpy 2.4.6.
// numpy.save(f, numpy.array([[1.5, -2.0, 3.25]], dtype='<f4'))
const std::string kSaved = Literal(
    "\x93\x4e\x55\x4d\x50\x59\x01\x00\x76\x00\x7b\x27\x64\x65\x73\x63"
    "\x72\x27\x3a\x20\x27\x3c\x66\x34\x27\x2c\x20\x27\x66\x6f\x72\x74"
    "\x72\x61\x6e\x5f\x6f\x72\x64\x65\x72\x27\x3a\x20\x46\x61\x6c\x73"
    "\x65\x2c\x20\x27\x73\x68\x61\x70\x65\x27\x3a\x20\x28\x31\x2c\x20"
    "\x33\x29\x2c\x20\x7d\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20"
    "\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20"
    "\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20"
    "\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x0a"
    "\x00\x00\xc0\x3f\x00\x00\x00\xc0\x00\x00\x50\x40");

// numpy.savez(f, a=numpy.array([1, 2], dtype='<i4'))
const std::string kStored = Literal(
    "\x50\x4b\x03\x04\x2d\x00\x00\x00\x00\x00\x00\x00\x21\x00\x0b\xf9"
    "\xaa\x2d\xff\xff\xff\xff\xff\xff\xff\xff\x05\x00\x14\x00\x61\x2e"
    "\x6e\x70\x79\x01\x00\x10\x00\x88\x00\x00\x00\x00\x00\x00\x00\x88"
    "\x00\x00\x00\x00\x00\x00\x00\x93\x4e\x55\x4d\x50\x59\x01\x00\x76"
    "\x00\x7b\x27\x64\x65\x73\x63\x72\x27\x3a\x20\x27\x3c\x69\x34\x27"
    "\x2c\x20\x27\x66\x6f\x72\x74\x72\x61\x6e\x5f\x6f\x72\x64\x65\x72"
    "\x27\x3a\x20\x46\x61\x6c\x73\x65\x2c\x20\x27\x73\x68\x61\x70\x65"
    "\x27\x3a\x20\x28\x32\x2c\x29\x2c\x20\x7d\x20\x20\x20\x20\x20\x20"
    "\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20"
    "\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20"
    "\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20\x20"
    "\x20\x20\x20\x20\x20\x20\x0a\x01\x00\x00\x00\x02\x00\x00\x00\x50"
    "\x4b\x01\x02\x2d\x03\x2d\x00\x00\x00\x00\x00\x00\x00\x21\x00\x0b"
    "\xf9\xaa\x2d\x88\x00\x00\x00\x88\x00\x00\x00\x05\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00\x00\x61\x2e\x6e"
    "\x70\x79\x50\x4b\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00\x33\x00"
    "\x00\x00\xbf\x00\x00\x00\x00\x00");

// numpy.savez_compressed(f, y=numpy.arange(300, dtype='u1') % 3,
//                        s=numpy.float64(0.5))
const std::string kDeflated = Literal(
    "\x50\x4b\x03\x04\x2d\x00\x00\x00\x08\x00\x00\x00\x21\x00\xc1\x1c"
    "\x93\xde\xff\xff\xff\xff\xff\xff\xff\xff\x05\x00\x14\x00\x79\x2e"
    "\x6e\x70\x79\x01\x00\x10\x00\xac\x01\x00\x00\x00\x00\x00\x00\x4e"
    "\x00\x00\x00\x00\x00\x00\x00\x9b\xec\x17\xea\x1b\x10\xc9\xc8\x50"
    "\xc6\x50\xad\x9e\x92\x5a\x9c\x5c\xa4\x6e\xa5\xa0\x5e\x53\x6a\xa8"
    "\xae\xa3\xa0\x9e\x96\x5f\x54\x52\x94\x98\x17\x9f\x5f\x94\x92\x0a"
    "\x12\x77\x4b\xcc\x29\x4e\x05\x8a\x17\x67\x24\x16\xa4\x02\xf9\x1a"
    "\xc6\x06\x06\x3a\x9a\x3a\x0a\xb5\x0a\x64\x03\x2e\x06\x46\xa6\x11"
    "\x8d\x48\x51\x0d\x00\x50\x4b\x03\x04\x2d\x00\x00\x00\x08\x00\x00"
    "\x00\x21\x00\x70\xee\x92\x69\xff\xff\xff\xff\xff\xff\xff\xff\x05"
    "\x00\x14\x00\x73\x2e\x6e\x70\x79\x01\x00\x10\x00\x88\x00\x00\x00"
    "\x00\x00\x00\x00\x47\x00\x00\x00\x00\x00\x00\x00\x9b\xec\x17\xea"
    "\x1b\x10\xc9\xc8\x50\xc6\x50\xad\x9e\x92\x5a\x9c\x5c\xa4\x6e\xa5"
    "\xa0\x6e\x93\x66\xa1\xae\xa3\xa0\x9e\x96\x5f\x54\x52\x94\x98\x17"
    "\x9f\x5f\x94\x92\x0a\x12\x77\x4b\xcc\x29\x4e\x05\x8a\x17\x67\x24"
    "\x16\xa4\x02\xf9\x1a\x9a\x3a\x0a\xb5\x0a\x14\x01\x2e\x06\x30\x78"
    "\x60\x0f\x00\x50\x4b\x01\x02\x2d\x03\x2d\x00\x00\x00\x08\x00\x00"
    "\x00\x21\x00\xc1\x1c\x93\xde\x4e\x00\x00\x00\xac\x01\x00\x00\x05"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01\x00\x00\x00"
    "\x00\x79\x2e\x6e\x70\x79\x50\x4b\x01\x02\x2d\x03\x2d\x00\x00\x00"
    "\x08\x00\x00\x00\x21\x00\x70\xee\x92\x69\x47\x00\x00\x00\x88\x00"
    "\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x01"
    "\x85\x00\x00\x00\x73\x2e\x6e\x70\x79\x50\x4b\x05\x06\x00\x00\x00"
    "\x00\x02\x00\x02\x00\x66\x00\x00\x00\x03\x01\x00\x00\x00\x00");

TEST(Npz, ReadsWhatNumpySaves) {
  const NpyArray array = ParseNpy(kSaved, "saved.npy");
  EXPECT_EQ(array.dtype, "<f4");
  EXPECT_THAT(array.shape, ElementsAre(1, 3));
  EXPECT_THAT(ValuesOf<float>(array), ElementsAre(1.5F, -2.0F, 3.25F));
}

TEST(Npz, ReadsStoredMembersOfNumpy) {
  const auto arrays = ParseNpz(kStored, "stored.npz");
  ASSERT_THAT(arrays, SizeIs(1));
  EXPECT_EQ(arrays.at("a").dtype, "<i4");
  EXPECT_THAT(arrays.at("a").shape, ElementsAre(2));
  EXPECT_THAT(ValuesOf<std::int32_t>(arrays.at("a")), ElementsAre(1, 2));
}

TEST(Npz, ReadsDeflatedMembersOfNumpy) {
  const auto arrays = ParseNpz(kDeflated, "deflated.npz");
  ASSERT_THAT(arrays, SizeIs(2));
  EXPECT_THAT(arrays.at("s").shape, IsEmpty());
  EXPECT_THAT(ValuesOf<double>(arrays.at("s")), ElementsAre(0.5));
  const auto values = ValuesOf<std::uint8_t>(arrays.at("y"));
  ASSERT_THAT(values, SizeIs(300));
  // numpy wraps 256 to 0 before it takes the remainder.
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], (i % 256) % 3) << i;
  }
}

TEST(Npz, ReadsOnlyWhatIsAskedFor) {
  const std::vector<std::string> only{"s", "missing"};
  const auto arrays = ParseNpz(kDeflated, "deflated.npz", only);
  ASSERT_THAT(arrays, SizeIs(1));
  EXPECT_TRUE(arrays.contains("s"));
}

TEST(Npz, ReadsZip64) {
  // The same archive as kStored, but with sizes and offset of the directory in
  // a 64-bit extra field, as zip writers do for large files.
  std::string zip = kStored;
  const std::size_t entry = zip.find(Literal("PK\x01\x02"));
  zip.replace(entry + 20, 8, std::string(8, '\xff'));
  zip.replace(entry + 42, 4, std::string(4, '\xff'));
  zip[entry + 30] = 28;
  const auto number = [](std::uint64_t value) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) {
      bytes += static_cast<char>((value >> (8 * i)) & 0xff);
    }
    return bytes;
  };
  const std::size_t end = zip.find(Literal("PK\x05\x06"));
  const std::string extra =
      Literal("\x01\x00\x18\x00") + number(0x88) + number(0x88) + number(0);
  const std::string end64 = Literal("PK\x06\x06") + number(44) +
                            std::string(12, '\0') + number(1) + number(1) +
                            number(0x33 + 28) + number(entry);
  const std::string locator = Literal("PK\x06\x07") + std::string(4, '\0') +
                              number(end + 28) + std::string(4, '\0');
  zip.insert(end, extra + end64 + locator);
  EXPECT_THAT(ValuesOf<std::int32_t>(ParseNpz(zip, "64.npz").at("a")),
              ElementsAre(1, 2));
}

TEST(Npz, WritesTheBytesThatNumpyWrites) {
  const std::string zip =
      NpzBytes({{"a", Make<std::int32_t>("<i4", {2}, {1, 2})}});
  // Archives differ in how zip fields are filled, members do not.
  const std::string member = kStored.substr(55, 0x88);
  EXPECT_EQ(zip.substr(30 + 5, 0x88), member);
  // The version written is 2.0 without extra field: 20 bytes less.
  EXPECT_EQ(zip.size(), kStored.size() - 20);
}

TEST(Npz, RoundTripsInOrder) {
  const std::vector<std::pair<std::string, NpyArray>> arrays{
      {"z", Make<float>("<f4", {2, 1, 2}, {1, 2, 3, 4})},
      {"a", Make<double>("<f8", {}, {-0.0})},
      {"none", Make<std::uint8_t>("|u1", {0, 5}, {})},
      {"m.weight", Make<std::int64_t>("<i8", {1}, {-7})}};
  const std::string zip = NpzBytes(arrays);
  EXPECT_EQ(zip, NpzBytes(arrays));
  EXPECT_LT(zip.find("z.npy"), zip.find("a.npy"));
  const auto read = ParseNpz(zip, "a.npz");
  ASSERT_THAT(read, SizeIs(arrays.size()));
  for (const auto& [name, array] : arrays) {
    EXPECT_EQ(read.at(name).dtype, array.dtype);
    EXPECT_EQ(read.at(name).shape, array.shape);
    EXPECT_EQ(read.at(name).data, array.data);
  }
  EXPECT_THAT(ParseNpz(NpzBytes({}), "empty.npz"), IsEmpty());
}

TEST(Npz, ReadsAFile) {
  const auto path = std::filesystem::path(testing::TempDir()) / "npz_test.npz";
  std::ofstream(path, std::ios::binary) << kStored;
  EXPECT_THAT(ReadNpz(path), SizeIs(1));
  std::filesystem::remove(path);
  EXPECT_THROW(ReadNpz(path), DataError);
  EXPECT_THROW(ReadNpz(testing::TempDir()), DataError);
}

TEST(Npz, RefusesToWriteWhatZipCannotHold) {
  const std::vector<std::pair<std::string, NpyArray>> arrays{
      {"a",
       Make<std::uint8_t>("|u1", {4000}, std::vector<std::uint8_t>(4000))}};
  EXPECT_THROW(NpzBytes(arrays, 4000), RunError);
  EXPECT_NO_THROW(NpzBytes(arrays, 8000));
}

TEST(Npz, CallsWrongArraysABug) {
  EXPECT_THROW(NpzBytes({{"a", Make<float>("<f4", {3}, {1, 2})}}), Bug);
  EXPECT_THROW(NpzBytes({{"a", Make<float>("float", {1}, {1})}}), Bug);
  EXPECT_THROW(NpzBytes({{"a", Make<float>("<f4", {1}, {1})},
                         {"a", Make<float>("<f4", {1}, {1})}}),
               Bug);
}

TEST(Npz, SaysWhatIsWrongWithAnArray) {
  const std::string good =
      "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }";
  ASSERT_EQ(NpyRefusal(Npy(good, "abcd")), "");
  EXPECT_THAT(NpyRefusal(Npy(good, "abc")),
              AllOf(HasSubstr("more than 3"), HasSubstr("found 3")));
  EXPECT_THAT(NpyRefusal(Npy(good, "abcde")),
              AllOf(HasSubstr("expected 4 bytes"), HasSubstr("found 5")));
  EXPECT_THAT(
      NpyRefusal(Npy(
          "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }", "")),
      HasSubstr("Fortran order"));
  EXPECT_THAT(
      NpyRefusal(Npy("{'descr': '>i4', 'fortran_order': False, 'shape': (), }",
                     "abcd")),
      HasSubstr("'>i4'"));
  EXPECT_THAT(
      NpyRefusal(Npy("{'descr': '|O', 'fortran_order': False, 'shape': (), }",
                     "abcd")),
      HasSubstr("'|O'"));
  EXPECT_THAT(NpyRefusal(Npy("{'descr': [('x', '<i4')], 'fortran_order': "
                             "False, 'shape': (), }",
                             "abcd")),
              HasSubstr("structured"));
  EXPECT_THAT(NpyRefusal(Npy("{'descr': '<i4', 'shape': (), }", "abcd")),
              HasSubstr("fortran_order"));
  EXPECT_THAT(NpyRefusal(Npy("{'descr': '<i4', 'fortran_order': False, "
                             "'shape': (4294967296, 4294967296), }",
                             "abcd")),
              HasSubstr("wrong size"));
  EXPECT_THAT(NpyRefusal("\x93NUMP"), HasSubstr("magic number"));
}

TEST(Npz, SaysWhatIsWrongWithAnArchive) {
  EXPECT_THAT(Refusal(""), HasSubstr("no zip directory"));
  EXPECT_THAT(Refusal(kStored.substr(0, kStored.size() - 1)),
              HasSubstr("no zip directory"));
  std::string changed = kStored;
  changed[55 + 0x87] = '\x01';  // the last byte of the numbers
  EXPECT_THAT(Refusal(changed),
              AllOf(HasSubstr("a.npz: array 'a'"), HasSubstr("checksum")));
}

TEST(Npz, NeverCrashesOnDamagedFiles) {
  int refused = 0;
  int read = 0;
  for (std::uint64_t round = 0; round < 6000; ++round) {
    Stream stream = Stream::Named(1, "npz_test.damage", {round});
    std::string bytes = round % 2 == 0 ? kStored : kDeflated;
    if (stream.Below(4) == 0) bytes.resize(stream.Below(bytes.size()));
    for (std::uint64_t i = stream.Below(4) + 1; i > 0 && !bytes.empty(); --i) {
      const std::uint64_t at = stream.Below(bytes.size());
      // Extreme bytes are what headers break on.
      const std::uint64_t kind = stream.Below(3);
      bytes[at] = kind == 0   ? '\xff'
                  : kind == 1 ? '\0'
                              : static_cast<char>(stream.Below(256));
    }
    try {
      ParseNpz(bytes, "damaged.npz");
      ++read;
    } catch (const DataError& error) {
      EXPECT_THAT(error.what(), HasSubstr("damaged.npz"));
      ++refused;
    }
  }
  EXPECT_GT(refused, 3000);
  EXPECT_GT(read, 50);
}

}  // namespace
}  // namespace fedtorch::core
