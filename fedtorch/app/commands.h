#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace fedtorch::app {

/// How a command prints its result on stdout.
enum class Format { kText, kJson };

/// Holds what `run`, `validate` and `describe` share: the config's sources.
struct ConfigSource {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> overrides;  ///< key=value, +key=value, ~key
};

/// Holds the options of `fedrun run`.
struct RunOptions {
  ConfigSource source;
  std::string output_dir;  ///< -o, short for output.dir=...
  std::string name;        ///< --name
  std::optional<std::int64_t> seed;
  std::optional<std::int64_t> threads;
  std::optional<std::string> device;
  std::string resume = "never";  ///< never, auto, or a run directory
  bool dry_run = false;
  std::string print_config;  ///< "", yaml or json
  std::string progress = "auto";
  bool quiet = false;
  Format format = Format::kText;
  std::vector<std::string> command_line;  ///< for the manifest
};

/// Holds the options of `fedrun resume`.
struct ResumeOptions {
  std::filesystem::path directory;
  std::optional<std::int64_t> rounds;  ///< a new total
  std::optional<std::int64_t> threads;
  std::optional<std::string> device;
  std::string progress = "auto";
  bool quiet = false;
  Format format = Format::kText;
  std::vector<std::string> command_line;
};

/// Holds the options of `fedrun validate`.
struct ValidateOptions {
  ConfigSource source;
  bool deep = false;
  Format format = Format::kText;
};

/// Holds the options of `fedrun list`.
struct ListOptions {
  std::string what;  ///< a room or "runs"; "" = everything
  std::filesystem::path runs_dir = "runs";
  Format format = Format::kText;
};

/// Holds the options of `fedrun describe`.
struct DescribeOptions {
  std::string what;    ///< data, model, run or the name of a kind
  std::string target;  ///< the directory of `describe run`
  ConfigSource source;
  Format format = Format::kText;
};

/// Holds the options of `fedrun sweep`.
struct SweepCommandOptions {
  ConfigSource source;              ///< overrides hold the axes, too
  std::filesystem::path directory;  ///< "" = <output.dir>/<name>-sweep
  std::optional<std::int64_t> seeds;
  std::optional<std::int64_t> jobs;
  std::string shard;  ///< "i/n"; "" = all
  bool dry_run = false;
  bool retry_failed = false;
  bool quiet = false;
  Format format = Format::kText;
  std::vector<std::string> command_line;
};

/// Holds the options of `fedrun report`.
struct ReportCommandOptions {
  std::filesystem::path directory;  ///< of a sweep
  std::filesystem::path page;       ///< "" = report.html in it
  std::string metric = "test/accuracy";
  bool no_provenance = false;
  Format format = Format::kText;
};

/// Holds the options of `fedrun bench`.
struct BenchOptions {
  std::string what;                ///< a word of BenchWords()
  std::vector<std::string> names;  ///< models or jobs; empty = all
  /// Of `round`, unset = 1, then all; of `aggregate`, unset = all.
  std::optional<std::int64_t> threads;
  std::int64_t rows = 100;           ///< of `aggregate`, updates
  std::int64_t dimension = 1000000;  ///< of `aggregate`, values of each
  bool sized = false;                ///< whether one of them was given
  Format format = Format::kText;
};
/// What `bench` measures, and the names that may follow the word `what`.
std::vector<std::string> BenchWords();
std::vector<std::string> BenchNames(const std::string& what);

/// Holds the options of `fedrun aggregate` and `fedrun attack`.
struct RowsOptions {
  std::string input;                ///< CSV without header, or NPY
  std::string rule;                 ///< YAML of server.aggregator
  std::vector<std::string> stages;  ///< YAML of each pre-aggregator, in order
  std::string attack;               ///< YAML of the attack
  std::string own;                  ///< rows of the adversaries' own updates
  std::int64_t num_byzantine = 1;
  std::optional<std::int64_t> declared_f;  ///< for stages with f: auto
  std::string precision = "float32";
  std::string server_update;  ///< file of the server's own update
  std::string previous;       ///< file of the last round's aggregate
  std::string model;          ///< file of the global model
  std::int64_t seed = 0;
  std::int64_t round = 1;
};

/// Each command returns the exit code of the process and may throw the types of
/// core/errors.h, which `RunMain` turns into messages and codes.
int Run(const RunOptions& options);
int Resume(const ResumeOptions& options);
int Validate(const ValidateOptions& options);
int List(const ListOptions& options);
int Describe(const DescribeOptions& options);
/// `markdown` prints the reference of all keys instead of the JSON Schema.
int PrintSchema(bool markdown);
int Doctor(Format format);
int Bench(const BenchOptions& options);
int Aggregate(const RowsOptions& options);
int Attack(const RowsOptions& options);
int Sweep(const SweepCommandOptions& options);
int Report(const ReportCommandOptions& options);

}  // namespace fedtorch::app
