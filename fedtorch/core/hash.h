#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fedtorch::core {

/// Holds the 256 bits of a digest.
using Sha256Digest = std::array<std::uint8_t, 32>;

/// Computes the SHA-256 of bytes (FIPS 180-4, by OpenSSL).
Sha256Digest Sha256(std::string_view bytes);
/// Formats a digest as 64 lower-case hexadecimal digits.
std::string ToHex(const Sha256Digest& digest);
/// Computes the SHA-256 of bytes as hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);
std::string Sha256Hex(std::span<const std::byte> bytes);
/// Computes the SHA-256 of a file as hexadecimal digits; streams it.
/// Throws: DataError when the file cannot be read.
std::string Sha256HexOfFile(const std::filesystem::path& path);

}  // namespace fedtorch::core
