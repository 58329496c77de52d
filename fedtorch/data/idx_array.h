#pragma once

#include "fedtorch/data/byte_file.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace fedtorch::data {

/// Looks at the array of an IDX file: magic number (two zero bytes, a type, the
/// number of dimensions), the dimensions as big-endian 32-bit integers, then
/// the elements row-major. Valid as long as the file it was made from.
/// Source: LeCun, Cortes, Burges, "The MNIST database", file format.
struct IdxArray {
  enum class Type : std::uint8_t { kUint8 = 0x08, kInt32 = 0x0c };

  Type type = Type::kUint8;
  std::vector<std::int64_t> shape;
  std::string_view elements;  ///< as in the file: big-endian

  /// Checks the magic number and that the file ends where the array ends.
  /// Throws: DataError with expected and found.
  static IdxArray Parse(const ByteFile& file);

  /// Returns element `index` of a kUint8 or kInt32 array.
  std::int64_t At(std::size_t index) const;
  /// Formats for example "60000 x 28 x 28 uint8".
  std::string Description() const;
};

}  // namespace fedtorch::data
