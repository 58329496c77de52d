#include "tests/data/data_case.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <stdexcept>

namespace fedtorch::data {

std::unique_ptr<Reader> ReaderOf(const std::string& text) {
  auto document =
      config::Document::FromText("dataset: " + text, "data_test.yaml");
  auto root = document.Root();
  auto reader = config::MakeKind(
      root, {.name = "dataset", .help = ""}, AllKinds(), std::nullopt);
  document.Finish();
  return reader;
}

Corpus Load(const std::string& text) { return ReaderOf(text)->Load(1); }

std::string Refusal(const std::string& text) {
  const auto reader = ReaderOf(text);
  try {
    reader->Load(1);
  } catch (const core::DataError& error) {
    return error.what();
  }
  return "";
}

std::string ConfigRefusal(const std::string& text) {
  try {
    ReaderOf(text);
  } catch (const core::ConfigError& error) {
    return error.what();
  }
  return "";
}

ScratchFolder::ScratchFolder() {
  std::string name =
      (std::filesystem::temp_directory_path() / "fedtorch_data_XXXXXX")
          .string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::runtime_error("no temporary folder");
  }
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::Write(const std::string& name,
                                 std::string_view bytes) const {
  const std::filesystem::path path = path_ / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream << bytes;
  if (!stream.flush()) throw std::runtime_error("writing failed");
  return path.string();
}

std::string Gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    throw std::runtime_error("zlib does not start");
  }
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  std::string input(bytes);
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string BigEndian(std::int64_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>((value >> shift) & 0xff);
  }
  return bytes;
}

std::string IdxBytes(std::uint8_t type,
                     const std::vector<std::uint32_t>& shape,
                     const std::string& elements) {
  std::string bytes(2, '\0');
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(shape.size());
  for (const std::uint32_t extent : shape) bytes += BigEndian(extent);
  return bytes + elements;
}

std::string Sample(const std::string& name) {
  const char* root = std::getenv("FEDTORCH_SOURCE_DIR");
  return std::string(root ? root : ".") + "/tests/data/samples/" + name;
}

std::vector<float> FeaturesOf(const Dataset& dataset) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(dataset.size()));
  std::iota(all.begin(), all.end(), 0);
  std::vector<float> values(all.size() *
                            static_cast<std::size_t>(dataset.feature_count()));
  GatherFeatures(dataset, all, values);
  return values;
}

std::vector<float> FeaturesOf(const Dataset& dataset, std::int64_t sample) {
  std::vector<float> values(static_cast<std::size_t>(dataset.feature_count()));
  GatherFeatures(dataset, std::span(&sample, 1), values);
  return values;
}

}  // namespace fedtorch::data
