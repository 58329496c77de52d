#include "fedtorch/core/hash.h"

#include "fedtorch/core/errors.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

namespace fedtorch::core {
namespace {

// Looked up once: EVP_sha256() would be looked up behind a lock at each use,
// which costs more than hashing the path of a random stream.
const EVP_MD* Algorithm() {
  static const std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm(
      EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free);
  FEDTORCH_CHECK(algorithm != nullptr, "OpenSSL offers no SHA-256");
  return algorithm.get();
}

class Hasher {
 public:
  Hasher() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    FEDTORCH_CHECK(context_ != nullptr, "no memory for hashing");
    Start();
  }
  // Begins a new message; a context is costlier to make than to use again.
  void Start() {
    FEDTORCH_CHECK(EVP_DigestInit_ex(context_.get(), Algorithm(), nullptr) == 1,
                   "hashing cannot start");
  }
  void Add(const void* data, std::size_t size) {
    FEDTORCH_CHECK(EVP_DigestUpdate(context_.get(), data, size) == 1,
                   "hashing failed");
  }
  Sha256Digest Finish() {
    Sha256Digest digest{};
    FEDTORCH_CHECK(
        EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1,
        "hashing failed");
    return digest;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

Sha256Digest Sha256(std::string_view bytes) {
  thread_local Hasher hasher;
  hasher.Start();
  hasher.Add(bytes.data(), bytes.size());
  return hasher.Finish();
}

std::string ToHex(const Sha256Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
  return text;
}

std::string Sha256Hex(std::string_view bytes) { return ToHex(Sha256(bytes)); }

std::string Sha256Hex(std::span<const std::byte> bytes) {
  return Sha256Hex(std::string_view(reinterpret_cast<const char*>(bytes.data()),
                                    bytes.size()));
}

std::string Sha256HexOfFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw DataError(path.string() +
                    ": cannot be read: " + std::strerror(errno));
  }
  Hasher hasher;
  std::vector<char> buffer(1 << 20);
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hasher.Add(buffer.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) throw DataError(path.string() + ": reading failed");
  return ToHex(hasher.Finish());
}

}  // namespace fedtorch::core
