#include "fedtorch/data/idx_array.h"

#include <limits>
#include <string>

namespace fedtorch::data {
namespace {

constexpr std::size_t kMagicSize = 4;
constexpr std::size_t kExtentSize = 4;

std::uint32_t BigEndian32(std::string_view bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[offset + i]);
  }
  return value;
}

std::size_t SizeOf(IdxArray::Type type) {
  return type == IdxArray::Type::kInt32 ? 4 : 1;
}

}  // namespace

IdxArray IdxArray::Parse(const ByteFile& file) {
  const std::string_view bytes = file.bytes;
  if (bytes.empty()) ThrowDataError(file.path, "the file is empty");
  if (bytes.size() < kMagicSize) {
    ThrowDataError(file.path,
                   "truncated: expected an IDX magic number of 4 "
                   "bytes, found " +
                       std::to_string(bytes.size()) + " bytes");
  }
  const auto type = static_cast<std::uint8_t>(bytes[2]);
  const auto dimensions = static_cast<std::uint8_t>(bytes[3]);
  if (bytes[0] != 0 || bytes[1] != 0 ||
      (type != static_cast<std::uint8_t>(Type::kUint8) &&
       type != static_cast<std::uint8_t>(Type::kInt32)) ||
      dimensions == 0) {
    ThrowDataErrorAtByte(file.path,
                         0,
                         "wrong magic number: expected 0x00 0x00, then 0x08 "
                         "(bytes) or 0x0c (32-bit integers), then the number "
                         "of dimensions; found " +
                             Quoted(bytes.substr(0, kMagicSize)) +
                             "; is this an IDX file?");
  }
  IdxArray array;
  array.type = static_cast<Type>(type);
  const std::size_t header = kMagicSize + dimensions * kExtentSize;
  if (bytes.size() < header) {
    ThrowDataError(file.path,
                   "truncated: expected a header of " + std::to_string(header) +
                       " bytes, found " + std::to_string(bytes.size()) +
                       " bytes");
  }
  const std::uint64_t available = bytes.size() - header;
  std::uint64_t expected = SizeOf(array.type);
  bool too_many = false;  // beyond 64 bits
  for (std::size_t i = 0; i < dimensions; ++i) {
    const std::uint32_t extent =
        BigEndian32(bytes, kMagicSize + i * kExtentSize);
    array.shape.push_back(extent);
    too_many |= extent != 0 &&
                expected > std::numeric_limits<std::uint64_t>::max() / extent;
    if (!too_many) expected *= extent;
  }
  array.elements = bytes.substr(header);
  if (too_many || expected != available) {
    ThrowDataError(file.path,
                   "wrong size: expected " + array.Description() +
                       " after a header of " + std::to_string(header) +
                       " bytes" +
                       (too_many ? ""
                                 : ", that is " + std::to_string(expected) +
                                       " bytes of elements") +
                       ", found " + std::to_string(available) +
                       " bytes of elements; the file is incomplete or corrupt");
  }
  return array;
}

std::int64_t IdxArray::At(std::size_t index) const {
  if (type == Type::kUint8) {
    return static_cast<unsigned char>(elements[index]);
  }
  return static_cast<std::int32_t>(BigEndian32(elements, 4 * index));
}

std::string IdxArray::Description() const {
  std::string text;
  for (const std::int64_t extent : shape) {
    if (!text.empty()) text += " x ";
    text += std::to_string(extent);
  }
  return text + (type == Type::kInt32 ? " int32" : " uint8");
}

}  // namespace fedtorch::data
