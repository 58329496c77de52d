#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::record {

/// Describes the program: what was built, from which revision, how.
struct BuildFacts {
  std::string version;    ///< of fedtorch, e.g. "0.1.0"
  std::string revision;   ///< of git, "unknown" outside of it
  bool modified = false;  ///< the tree differed from that revision
  std::string compiler;   ///< name and version
  std::string flags;
  std::string type;  ///< e.g. "Release"
};
BuildFacts DescribeBuild();

/// Describes the machine. The host's name is kept as a hash only.
struct HostFacts {
  std::string cpu_model;
  std::vector<std::string> cpu_flags;  ///< those that change float results
  std::int64_t cores = 0;              ///< that this process may use
  std::string system;                  ///< kernel name, release, machine
  std::string distribution;            ///< PRETTY_NAME of /etc/os-release
  std::string name_sha256;             ///< of the host's name
  std::string tbb_version;             ///< of the library in use
  /// Variables that change numbers or speed, where they are set.
  std::map<std::string, std::string> environment;
};
HostFacts DescribeHost();

/// Names a library with versions and settings that the caller asked it for.
struct LibraryFacts {
  std::string name;
  std::string version;
  std::string configuration;  ///< may have several lines
};

/// Names a data file that was read.
struct DataFile {
  std::string path;
  std::string sha256;
};

/// Says when a run was taken up again, and from which round.
struct Resumption {
  std::int64_t round = 0;
  std::int64_t time = 0;  ///< seconds since 1970, UTC
};

/// Holds where a result comes from: the content of manifest.json.
struct Manifest {
  std::string name;
  std::string run_id;
  std::vector<std::string> command_line;
  std::uint64_t seed = 0;
  std::uint64_t partition_seed = 0;
  std::string config_hash;
  std::string partition_hash;
  std::vector<DataFile> data_files;

  std::string engine;           ///< "autograd", "plan", "stacked"
  std::string engine_reason;    ///< why this one, e.g. of a fallback
  std::string instruction_set;  ///< in use, e.g. "AVX512"
  std::string device;           ///< where clients train, e.g. "cuda:0"
  std::string device_reason;    ///< why there
  std::string executor;         ///< "client_major" or "stacked"
  std::string executor_reason;  ///< why this one
  std::int64_t wave = 1;        ///< clients trained together
  std::int64_t threads = 0;
  std::vector<LibraryFacts> libraries;  ///< LibTorch and what it brings

  std::int64_t start = 0;           ///< seconds since 1970, UTC
  std::optional<std::int64_t> end;  ///< unset while running
  std::optional<int> exit_status;   ///< unset while running
  std::vector<Resumption> resumed;  ///< oldest first

  BuildFacts build;
  HostFacts host;
};

/// Formats manifest.json. It states "bitwise": "same machine type", the
/// promise that results are equal bit for bit on one type of machine.
std::string ManifestJson(const Manifest& manifest);

/// Holds what a resumed run takes over from the manifest it finds.
struct ManifestHistory {
  std::int64_t start = 0;
  std::vector<Resumption> resumed;
};
/// Throws: RunError when the file is missing or damaged.
ManifestHistory ReadManifestHistory(const std::filesystem::path& path);

/// Returns the flags of `cpuinfo` (the text of /proc/cpuinfo) that choose
/// between float kernels, in the order of that file, and the model's name.
std::vector<std::string> FloatFlagsOf(const std::string& cpuinfo);
std::string CpuModelOf(const std::string& cpuinfo);

}  // namespace fedtorch::record
