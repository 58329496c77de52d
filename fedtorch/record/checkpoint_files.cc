#include "fedtorch/record/checkpoint_files.h"

#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/core/hash.h"
#include "fedtorch/record/binary_file.h"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

namespace fedtorch::record {
namespace {

constexpr std::uint64_t kStateMagic = 0x3145544154534654;    // "TFSTATE1"
constexpr std::uint64_t kClientsMagic = 0x31544E45494C4346;  // "FCLIENT1"
constexpr std::int64_t kFormatVersion = 1;
constexpr std::array<const char*, 3> kFiles{
    "model.npz", "state.bin", "clients.bin"};

template <class T>
void WriteVectors(const std::map<std::string, std::vector<T>>& vectors,
                  BinaryWriter* file) {
  file->Number(static_cast<std::uint64_t>(vectors.size()));
  for (const auto& [name, values] : vectors) {
    file->Text(name);
    file->Number(static_cast<std::uint64_t>(values.size()));
    file->Bytes(std::as_bytes(std::span(values)));
  }
}

template <class T>
std::map<std::string, std::vector<T>> ReadVectors(BinaryReader* file) {
  std::map<std::string, std::vector<T>> vectors;
  const auto count = file->Number<std::uint64_t>();
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string name = file->Text();
    const auto size = file->Number<std::uint64_t>();
    vectors[name] = file->Numbers<T>(size);
  }
  return vectors;
}

// Every record begins with this byte, and the file ends with the other one, so
// that a file cut between two records is told from a whole one.
constexpr std::uint8_t kRecord = 1;
constexpr std::uint8_t kEnd = 0;

class FileSink : public ClientStateSink {
 public:
  explicit FileSink(BinaryWriter* file) : file_(file) {}
  void Write(std::int64_t client,
             const std::string& name,
             std::span<const std::byte> values) override {
    file_->Number(kRecord);
    file_->Number(client);
    file_->Text(name);
    file_->Number(static_cast<std::uint64_t>(values.size()));
    file_->Bytes(values);
  }

 private:
  BinaryWriter* file_;
};

using Json = nlohmann::ordered_json;

constexpr const char* kOwnHash = "meta_sha256";

// The hash of everything else in meta.json.
std::string HashWithoutOwn(Json meta) {
  meta.erase(kOwnHash);
  return core::Sha256Hex(meta.dump());
}

[[noreturn]] void Damaged(const std::filesystem::path& path,
                          const std::string& problem) {
  throw core::RunError(path.string() + ": is damaged: " + problem);
}

void Verify(const std::filesystem::path& path, const Json& facts) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) Damaged(path, error.message());
  if (const auto expected = facts.at("bytes").get<std::uintmax_t>();
      bytes != expected) {
    Damaged(path,
            "expected " + std::to_string(expected) + " bytes, found " +
                std::to_string(bytes));
  }
  const auto expected = facts.at("sha256").get<std::string>();
  std::string found;
  try {
    found = core::Sha256HexOfFile(path);
  } catch (const core::DataError& unreadable) {
    throw core::RunError(unreadable.what());
  }
  if (found != expected) {
    Damaged(path, "expected SHA-256 " + expected + ", found " + found);
  }
}

}  // namespace

void WriteState(const std::filesystem::path& path, const Checkpoint& state) {
  BinaryWriter file(path);
  file.Number(kStateMagic);
  WriteVectors(state.doubles, &file);
  WriteVectors(state.floats, &file);
  WriteVectors(state.ints, &file);
  file.Finish();
}

void ReadState(const std::filesystem::path& path, Checkpoint* state) {
  BinaryReader file(path);
  if (file.Number<std::uint64_t>() != kStateMagic) {
    file.Fail("this is no state file of fedtorch");
  }
  state->doubles = ReadVectors<double>(&file);
  state->floats = ReadVectors<float>(&file);
  state->ints = ReadVectors<std::int64_t>(&file);
  if (!file.AtEnd()) file.Fail("there is more than the state");
}

void WriteClientStates(const std::filesystem::path& path,
                       const WriteClients& write_clients) {
  BinaryWriter file(path);
  file.Number(kClientsMagic);
  FileSink sink(&file);
  if (write_clients) write_clients(sink);
  file.Number(kEnd);
  file.Finish();
}

void ReadClientStates(const std::filesystem::path& path,
                      const VisitClient& visit) {
  BinaryReader file(path);
  if (file.Number<std::uint64_t>() != kClientsMagic) {
    file.Fail("this is no client state file of fedtorch");
  }
  while (file.Number<std::uint8_t>() == kRecord) {
    const auto client = file.Number<std::int64_t>();
    const std::string name = file.Text();
    const auto size = file.Number<std::uint64_t>();
    const std::vector<std::byte> values = file.Numbers<std::byte>(size);
    visit(client, name, values);
  }
  if (!file.AtEnd()) file.Fail("there is more than the clients");
}

void WriteMeta(const std::filesystem::path& folder, const Checkpoint& state) {
  Json meta;
  meta["format_version"] = kFormatVersion;
  meta["round"] = state.round;
  meta["config_hash"] = state.config_hash;
  for (const char* name : kFiles) {
    const std::filesystem::path path = folder / name;
    meta["files"][name] = {{"bytes", std::filesystem::file_size(path)},
                           {"sha256", core::Sha256HexOfFile(path)}};
  }
  meta[kOwnHash] = HashWithoutOwn(meta);
  core::WriteFileAtomically(folder / "meta.json", meta.dump(2) + "\n");
}

Checkpoint ReadMetaAndVerify(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "meta.json";
  std::ifstream file(path);
  if (!file) core::ThrowFileError(path, "cannot be read", errno);
  try {
    const Json meta = Json::parse(file);
    if (const auto version = meta.at("format_version").get<std::int64_t>();
        version != kFormatVersion) {
      throw core::RunError(path.string() + ": expected format_version " +
                           std::to_string(kFormatVersion) + ", found " +
                           std::to_string(version) +
                           "; use the fedtorch that wrote it");
    }
    if (HashWithoutOwn(meta) != meta.at(kOwnHash).get<std::string>()) {
      Damaged(path, "its content does not match its own SHA-256");
    }
    for (const char* name : kFiles) {
      Verify(folder / name, meta.at("files").at(name));
    }
    Checkpoint state;
    state.round = meta.at("round").get<std::int64_t>();
    state.config_hash = meta.at("config_hash").get<std::string>();
    return state;
  } catch (const nlohmann::json::exception& error) {
    Damaged(path, error.what());
  }
}

}  // namespace fedtorch::record
