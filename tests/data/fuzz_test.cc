// Damages small valid files of every format. Whatever the bytes, a reader
// delivers samples or says what is wrong; it neither crashes nor asks for
// memory that the file could not fill.

#include "fedtorch/core/errors.h"
#include "fedtorch/core/npz.h"
#include "fedtorch/core/stream.h"
#include "tests/data/data_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

namespace fedtorch::data {
namespace {

using testing::HasSubstr;

struct Format {
  std::string name;
  std::string bytes;
  std::string config;  ///< FILE stands for the path of the damaged file
  std::string other;   ///< content of OTHER, which stays as it is

  friend void PrintTo(const Format& format, std::ostream* out) {
    *out << format.name;
  }
};

std::string ReadText(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string NpzOf(const std::string& dtype, std::size_t item) {
  core::NpyArray x{.dtype = dtype, .shape = {4, 3}, .data = {}};
  x.data.resize(12 * item);
  core::NpyArray y{.dtype = "<i8", .shape = {4}, .data = {}};
  const std::vector<std::int64_t> labels{0, 1, 1, 0};
  y.data.resize(32);
  std::memcpy(y.data.data(), labels.data(), 32);
  return core::NpzBytes({{"x_train", x}, {"y_train", y}});
}

std::vector<Format> Formats() {
  const std::string idx_images =
      IdxBytes(0x08, {3, 2, 2}, std::string("abcdefghijkl"));
  const std::string idx_labels = IdxBytes(0x08, {3}, std::string("\0\1\2", 3));
  std::string qmnist;
  for (int i = 0; i < 6; ++i) qmnist += BigEndian(i);
  std::string cifar;
  for (int i = 0; i < 2; ++i) {
    cifar += static_cast<char>(i);
    cifar += std::string(3072, 'x');
  }
  const std::string csv =
      "a,b,c\n1,x,0\n2,\"y \"\"q\"\"\",1\n?,x,1\n\"4\",z,0\n";
  const std::string csv_config =
      "{name: csv, path: FILE, target: c, categorical: [b], missing: mean, "
      "owner: b, test_fraction: 0.25}";
  const std::string tsv =
      "p\tq\thello world, how are you\np\tr\tåäö and so "
      "on and on\np\tq\tagain\n";
  const std::string tsv_config =
      "{name: tsv_text, path: FILE, owner_columns: [0, 1], text_column: 2, "
      "sequence_length: 4, test_fraction: 0.5}";
  const std::string images_config =
      "{name: idx, train_images: FILE, train_labels: OTHER}";
  const std::string npz_config = "{name: npz, path: FILE}";
  return {
      {"IdxImages", idx_images, images_config, idx_labels},
      {"PackedIdxImages", Gzip(idx_images), images_config, idx_labels},
      {"IdxLabels",
       idx_labels,
       "{name: idx, train_images: OTHER, train_labels: FILE}",
       idx_images},
      {"QmnistLabels",
       IdxBytes(0x0c, {3, 2}, qmnist),
       "{name: idx, train_images: OTHER, train_labels: FILE, owner_column: 1}",
       idx_images},
      {"Cifar10", cifar, "{name: cifar10_binary, train_files: [FILE]}", ""},
      {"Csv", csv, csv_config, ""},
      {"PackedCsv", Gzip(csv), csv_config, ""},
      {"Npz", NpzOf("<f4", 4), npz_config, ""},
      {"NpzTokens",
       NpzOf("<i4", 4),
       "{name: npz, path: FILE, tokens: true}",
       ""},
      {"DeflatedNpz",
       ReadText(Sample("numpy_images.npz")),
       "{name: npz, path: FILE, owner_train: writer}",
       ""},
      {"LeafImages",
       ReadText(Sample("leaf_images.json")),
       "{name: leaf_json, train_files: [FILE]}",
       ""},
      {"LeafText",
       ReadText(Sample("leaf_text.json")),
       "{name: leaf_json, train_files: [FILE], features: text}",
       ""},
      {"Tsv", tsv, tsv_config, ""},
  };
}

/// Cuts, repeats, or overwrites a few bytes, with a liking for the extreme
/// ones and for those that mean something in text.
std::string Damage(std::string bytes, core::Stream& stream) {
  constexpr std::string_view kSpecial("\xff\x00\x7f\x80\",\n\r\t{}[]:\\-e9",
                                      18);
  for (std::uint64_t i = stream.Below(4) + 1; i > 0 && !bytes.empty(); --i) {
    const std::uint64_t at = stream.Below(bytes.size());
    switch (stream.Below(6)) {
      case 0:
        bytes.resize(at);
        break;
      case 1:
        bytes.insert(at, bytes.substr(stream.Below(bytes.size()), 20));
        break;
      case 2:
        bytes.erase(at, stream.Below(8) + 1);
        break;
      case 3:
        bytes[at] = static_cast<char>(stream.Below(256));
        break;
      default:
        bytes[at] = kSpecial[stream.Below(kSpecial.size())];
    }
  }
  return bytes;
}

class DamagedFile : public testing::TestWithParam<Format> {};

TEST_P(DamagedFile, IsReadOrRefused) {
  const Format& format = GetParam();
  const ScratchFolder folder;
  const std::string path = folder.Write("file", format.bytes);
  const std::string other = folder.Write("other", format.other);
  std::string config = format.config;
  for (const auto& [word, value] :
       {std::pair{std::string("FILE"), path}, {"OTHER", other}}) {
    const std::size_t at = config.find(word);
    if (at != std::string::npos) config.replace(at, word.size(), value);
  }
  const auto reader = ReaderOf(config);
  ASSERT_NO_THROW(reader->Load(1)) << "the file before the damage";
  int refused = 0;
  for (std::uint64_t round = 0; round < 2000; ++round) {
    auto stream = core::Stream::Named(7, "fuzz_test." + format.name, {round});
    // A file that is cut and written again is flushed by some file systems.
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << Damage(format.bytes, stream);
    try {
      const Corpus corpus = reader->Load(1);
      EXPECT_GT(corpus.train.size(), 0);
      EXPECT_LT(corpus.train.memory_bytes(), 10'000'000);
    } catch (const core::DataError& error) {
      ++refused;
      EXPECT_THAT(error.what(), HasSubstr(folder.path().string()));
    }
  }
  EXPECT_GT(refused, 100);
}

INSTANTIATE_TEST_SUITE_P(Fuzz,
                         DamagedFile,
                         testing::ValuesIn(Formats()),
                         [](const auto& format) { return format.param.name; });

}  // namespace
}  // namespace fedtorch::data
