#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fedtorch::core {

/// Holds one array of numpy in C order (last index fastest).
struct NpyArray {
  /// As numpy writes it, little-endian: "|u1", "|i1", "|b1", "<i4", "<i8",
  /// "<f4", "<f8" and so on; reading refuses other byte orders and all types
  /// that are no plain numbers.
  std::string dtype;
  std::vector<std::int64_t> shape;  ///< empty = one number
  std::vector<std::byte> data;      ///< product of shape, times item size

  /// Product of shape.
  std::int64_t size() const;
};

/// Reads an .npy file that is in memory; `name` is only for messages.
/// Throws: DataError with offset, expected and found; also for Fortran order.
NpyArray ParseNpy(std::string_view bytes, const std::string& name);

/// Reads arrays of an .npz file that is in memory (a zip archive of .npy
/// members, stored or deflated, zip64 or not; checksums are verified). `only`
/// names the arrays to read, without ".npy"; empty = all of them. A name that
/// the file lacks is not in the result.
/// Throws: DataError with file, member, expected and found.
std::map<std::string, NpyArray> ParseNpz(
    std::string_view bytes,
    const std::filesystem::path& path,
    std::span<const std::string> only = {});

/// Reads all arrays of an .npz file. Throws: DataError.
std::map<std::string, NpyArray> ReadNpz(const std::filesystem::path& path);

/// The largest archive that `NpzBytes` writes: zip without its 64-bit fields.
inline constexpr std::uint64_t kNpzLimit = 0xffff'ffff;

/// Formats an .npz file that numpy.load reads: members stored in the given
/// order, no compression, all times 1980-01-01, so that equal arrays give equal
/// bytes. Cost: the whole file in memory.
/// Throws: RunError when the file would pass `limit` bytes or 65,535 arrays;
/// Bug when an array is inconsistent or a name is used twice.
std::string NpzBytes(
    const std::vector<std::pair<std::string, NpyArray>>& arrays,
    std::uint64_t limit = kNpzLimit);

}  // namespace fedtorch::core
