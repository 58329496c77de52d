#include "fedtorch/record/manifest.h"

#include "fedtorch/core/atomic_file.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/record/utc_time.h"

#include <nlohmann/json.hpp>

#include <cerrno>
#include <fstream>

namespace fedtorch::record {
namespace {

using Json = nlohmann::ordered_json;

Json TimeJson(std::int64_t time) {
  return {{"utc", UtcText(time)}, {"unix_s", time}};
}

Json BuildJson(const BuildFacts& build) {
  return {{"fedtorch", build.version},
          {"git_revision", build.revision},
          {"git_modified", build.modified},
          {"compiler", build.compiler},
          {"flags", build.flags},
          {"build_type", build.type}};
}

Json HostJson(const HostFacts& host) {
  Json environment = Json::object();
  for (const auto& [name, value] : host.environment) environment[name] = value;
  return {{"cpu_model", host.cpu_model},
          {"cpu_flags", host.cpu_flags},
          {"cores", host.cores},
          {"system", host.system},
          {"distribution", host.distribution},
          {"name_sha256", host.name_sha256},
          {"tbb_version", host.tbb_version},
          {"environment", environment}};
}

Json RunJson(const Manifest& manifest) {
  Json resumed = Json::array();
  for (const Resumption& part : manifest.resumed) {
    resumed.push_back(
        {{"from_round", part.round}, {"time", TimeJson(part.time)}});
  }
  Json run = {{"command_line", manifest.command_line},
              {"start", TimeJson(manifest.start)},
              {"end", nullptr},
              {"exit_status", nullptr},
              {"resumed", resumed}};
  if (manifest.end) run["end"] = TimeJson(*manifest.end);
  if (manifest.exit_status) run["exit_status"] = *manifest.exit_status;
  return run;
}

Json DataJson(const Manifest& manifest) {
  Json files = Json::array();
  for (const DataFile& file : manifest.data_files) {
    files.push_back({{"path", file.path}, {"sha256", file.sha256}});
  }
  return files;
}

Json LibrariesJson(const Manifest& manifest) {
  Json libraries = Json::object();
  for (const LibraryFacts& library : manifest.libraries) {
    libraries[library.name] = {{"version", library.version},
                               {"configuration", library.configuration}};
  }
  return libraries;
}

}  // namespace

std::string ManifestJson(const Manifest& manifest) {
  const Json json = {
      {"manifest_version", 1},
      {"name", manifest.name},
      {"run_id", manifest.run_id},
      {"seed", manifest.seed},
      {"partition_seed", manifest.partition_seed},
      {"config_hash", manifest.config_hash},
      {"partition_hash", manifest.partition_hash},
      {"data_files", DataJson(manifest)},
      {"engine",
       {{"name", manifest.engine},
        {"reason", manifest.engine_reason},
        {"instruction_set", manifest.instruction_set}}},
      {"device",
       {{"name", manifest.device}, {"reason", manifest.device_reason}}},
      {"executor",
       {{"name", manifest.executor},
        {"reason", manifest.executor_reason},
        {"wave", manifest.wave}}},
      {"bitwise", "same machine type"},
      {"threads", manifest.threads},
      {"build", BuildJson(manifest.build)},
      {"libraries", LibrariesJson(manifest)},
      {"host", HostJson(manifest.host)},
      {"run", RunJson(manifest)},
  };
  // Paths and variables need not be UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

ManifestHistory ReadManifestHistory(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file) core::ThrowFileError(path, "cannot be read", errno);
  try {
    const Json run = Json::parse(file).at("run");
    ManifestHistory history;
    history.start = run.at("start").at("unix_s").get<std::int64_t>();
    for (const Json& part : run.at("resumed")) {
      history.resumed.push_back(
          {.round = part.at("from_round").get<std::int64_t>(),
           .time = part.at("time").at("unix_s").get<std::int64_t>()});
    }
    return history;
  } catch (const nlohmann::json::exception& error) {
    throw core::RunError(path.string() + ": is damaged: " + error.what());
  }
}

}  // namespace fedtorch::record
