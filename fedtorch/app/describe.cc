#include "fedtorch/app/commands.h"
#include "fedtorch/app/kind_rows.h"
#include "fedtorch/app/load.h"
#include "fedtorch/core/errors.h"
#include "fedtorch/partition/heat_map.h"
#include "fedtorch/partition/skew.h"
#include "fedtorch/record/terminal.h"
#include "fedtorch/round/world.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace fedtorch::app {
namespace {

using Json = nlohmann::ordered_json;

std::string ShapeText(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t side : shape) {
    text += (text.empty() ? "" : "x") + std::to_string(side);
  }
  return text;
}

Json SkewJson(const partition::Skew& skew) {
  return {{"classes_present", skew.classes_present},
          {"effective_classes", skew.effective_classes},
          {"top_class_share", skew.top_class_share},
          {"tv_to_global", skew.tv_to_global},
          {"size_cv", skew.size_cv},
          {"size_mean", skew.mean_size},
          {"size_min", skew.min_size},
          {"size_max", skew.max_size}};
}

int DescribeData(const DescribeOptions& options) {
  const Loaded loaded = Load(options.source);
  const round::World world = round::BuildWorld(loaded.experiment);
  const data::Dataset& train = world.corpus.train;
  const partition::Skew skew =
      partition::MeasureSkew(world.split.shards, train);
  if (options.format == Format::kJson) {
    Json json{
        {"dataset", train.name},
        {"train_samples", train.size()},
        {"test_samples", world.corpus.test ? world.corpus.test->size() : 0},
        {"sample_shape", train.shape},
        {"classes", train.num_classes},
        {"memory_bytes", train.memory_bytes()},
        {"clients", world.num_clients()},
        {"unassigned", world.split.unassigned},
        {"partition_hash", partition::PartitionHash(world.split.shards)},
        {"skew", SkewJson(skew)}};
    Json files = Json::array();
    for (const auto& file : world.corpus.files) {
      files.push_back({{"path", file.path.string()}, {"sha256", file.sha256}});
    }
    json["files"] = files;
    json["notes"] = world.corpus.notes;
    std::cout << json.dump(2) << '\n';
    return 0;
  }
  std::cout << train.name << ": " << train.size() << " training samples of "
            << ShapeText(train.shape) << ", "
            << (world.corpus.test ? world.corpus.test->size() : 0)
            << " test samples, " << train.num_classes << " classes, "
            << train.memory_bytes() / 1000000 << " MB in memory\n";
  for (const std::string& note : world.corpus.notes) {
    std::cout << "note: " << note << '\n';
  }
  std::cout << world.num_clients() << " clients ("
            << loaded.experiment.partitioner_name << "), "
            << world.split.unassigned << " samples without an owner\n\n"
            << std::fixed << std::setprecision(3)
            << "size per client      mean " << skew.mean_size << ", min "
            << skew.min_size << ", max " << skew.max_size
            << ", coefficient of variation " << skew.size_cv << '\n';
  if (train.target_length == 1) {
    std::cout << "classes per client   present " << skew.classes_present
              << ", effective " << skew.effective_classes << ", largest share "
              << skew.top_class_share << '\n'
              << "distance to global   total variation " << skew.tv_to_global
              << "\n\n"
              << partition::HeatMap(
                     partition::CountClasses(world.split.shards, train),
                     {.utf8 = record::Terminal::Detect(STDOUT_FILENO).utf8});
  }
  return 0;
}

int DescribeModel(const DescribeOptions& options) {
  const Loaded loaded = Load(options.source);
  const data::Corpus corpus =
      loaded.experiment.reader->Load(loaded.experiment.seed);
  const model::Network network =
      loaded.experiment.model.Build(round::InputOf(corpus.train));
  const bool counted = std::ranges::all_of(
      network.report(),
      [](const model::LayerReport& layer) { return layer.counted; });
  if (options.format == Format::kJson) {
    Json layers = Json::array();
    for (const model::LayerReport& layer : network.report()) {
      layers.push_back({{"layer", layer.name},
                        {"output", layer.output},
                        {"parameters", layer.parameters},
                        {"macs", layer.counted ? Json(layer.macs) : Json()}});
    }
    std::cout << Json{{"input", network.input().shape},
                      {"layers", layers},
                      {"parameters", network.num_parameters()},
                      {"buffers", network.layout().num_buffers},
                      {"counters", network.layout().num_counters},
                      {"macs_forward", counted ? Json(network.macs()) : Json()},
                      {"flops_forward",
                       counted ? Json(2 * network.macs()) : Json()},
                      {"flops_train_step",
                       counted ? Json(network.train_flops()) : Json()},
                      {"initializer", model::ToText(network.initializer())}}
                     .dump(2)
              << '\n';
    return 0;
  }
  // Names inside a residual are long.
  std::size_t width = 22;
  for (const model::LayerReport& layer : network.report()) {
    width = std::max(width, layer.name.size() + 2);
  }
  const auto row = [width](const std::string& name,
                           const std::string& output,
                           const std::string& parameters,
                           const std::string& macs) {
    std::cout << std::left << std::setw(static_cast<int>(width)) << name
              << std::setw(14) << output << std::right << std::setw(12)
              << parameters << std::setw(14) << macs << '\n';
  };
  row("layer", "output", "parameters", "MAC/sample");
  row("input", ShapeText(network.input().shape), "", "");
  for (const model::LayerReport& layer : network.report()) {
    row(layer.name,
        ShapeText(layer.output),
        std::to_string(layer.parameters),
        layer.counted ? std::to_string(layer.macs) : "unknown");
  }
  row("total",
      "",
      std::to_string(network.num_parameters()),
      counted ? std::to_string(network.macs()) : "unknown");
  std::cout << std::fixed << std::setprecision(3) << '\n';
  if (counted) {
    std::cout << "forward " << 2.0 * static_cast<double>(network.macs()) * 1e-6
              << " MFLOP, training "
              << static_cast<double>(network.train_flops()) * 1e-6
              << " MFLOP a sample; ";
  }
  std::cout << "floating buffers " << network.layout().num_buffers
            << ", integer buffers " << network.layout().num_counters
            << "; first values " << model::ToText(network.initializer())
            << '\n';
  return 0;
}

int DescribeRun(const DescribeOptions& options) {
  const std::filesystem::path directory = options.target;
  for (const char* name : {"status.json", "summary.json"}) {
    std::ifstream file(directory / name);
    if (!file) {
      if (std::string(name) == "summary.json") continue;
      throw core::ConfigError(directory.string() +
                              " is no run directory: it has no status.json");
    }
    std::cout << file.rdbuf();
  }
  return 0;
}

int DescribeKind(const DescribeOptions& options) {
  std::vector<std::string> names{"data", "model", "run"};
  bool found = false;
  Json list = Json::array();
  for (const KindRow& row : AllKindRows()) {
    names.emplace_back(row.name);
    if (row.name != options.what) continue;
    config::Document recorder = config::Document::Recorder();
    config::Section root = recorder.Root();
    row.read(root);
    if (options.format == Format::kJson) {
      Json keys = Json::array();
      for (const config::KeyFacts& key : recorder.Facts()) {
        keys.push_back({{"key", key.path},
                        {"type", key.type},
                        {"range", key.range},
                        {"default", key.fallback},
                        {"unit", key.unit},
                        {"help", key.help}});
      }
      list.push_back({{"room", row.room},
                      {"name", row.name},
                      {"summary", row.summary},
                      {"source", row.source},
                      {"keys", keys}});
      found = true;
      continue;
    }
    if (found) std::cout << '\n';
    found = true;
    std::cout << row.name << " (" << row.key << ")\n  " << row.summary
              << "\n  source: " << row.source << '\n';
    for (const config::KeyFacts& key : recorder.Facts()) {
      std::cout << "  " << std::left << std::setw(20) << key.path << key.type
                << (key.range.empty() ? "" : " " + key.range) << ", "
                << (key.fallback == "required" ? "required"
                                               : "default " + key.fallback)
                << (key.unit.empty() ? "" : ", " + key.unit) << "\n      "
                << key.help << '\n';
    }
  }
  if (!found) {
    throw core::ConfigError("describe: unknown name '" + options.what + "'" +
                            DidYouMean(options.what, names) +
                            "; `fedrun list` shows all names");
  }
  if (options.format == Format::kJson) std::cout << list.dump(2) << '\n';
  return 0;
}

}  // namespace

int Describe(const DescribeOptions& options) {
  const bool needs_config = options.what == "data" || options.what == "model";
  if (needs_config && options.source.files.empty()) {
    throw core::ConfigError("describe " + options.what +
                            ": expected a config; add --config FILE");
  }
  if (options.what == "data") return DescribeData(options);
  if (options.what == "model") return DescribeModel(options);
  if (options.what == "run") return DescribeRun(options);
  return DescribeKind(options);
}

}  // namespace fedtorch::app
