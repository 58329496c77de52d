// fedrun aggregate and fedrun attack: one rule, or one attack, on the rows of
// a file, so that anybody can check it against another library.
#include "fedtorch/aggregate/pipeline.h"
#include "fedtorch/app/commands.h"
#include "fedtorch/app/rows.h"
#include "fedtorch/attack/attack.h"
#include "fedtorch/config/document.h"
#include "fedtorch/core/errors.h"

#include <nlohmann/json.hpp>

#include <iostream>
#include <optional>

namespace fedtorch::app {
namespace {

using Json = nlohmann::ordered_json;

// A server that has nothing but the update it was told.
class GivenUpdate final : public aggregate::ServerData {
 public:
  explicit GivenUpdate(std::vector<double> update)
      : update_(std::move(update)) {}
  std::vector<double> OwnUpdate() override { return update_; }
  double Loss(std::span<const double>) override { throw Absent(); }
  aggregate::Matrix OutputsOnNoise(std::span<const double>,
                                   std::int64_t,
                                   std::uint64_t) override {
    throw Absent();
  }

 private:
  static core::ConfigError Absent() {
    return core::ConfigError(
        "--rule: this rule runs the model on the server's samples, which rows "
        "of a file cannot answer; use it in a run");
  }
  std::vector<double> update_;
};

aggregate::Pipeline ReadDefence(const std::string& rule,
                                const std::vector<std::string>& stages) {
  std::string text = "server:\n  aggregator: " + rule + "\n";
  if (!stages.empty()) {
    text += "  pre_aggregators:\n";
    for (const std::string& stage : stages) {
      text += "    - ";
      // A bare name is short for a mapping with that name.
      text += stage.find_first_of("{:") == std::string::npos
                  ? "{name: " + stage + "}"
                  : stage;
      text += "\n";
    }
  }
  auto document = config::Document::FromText(text, "--rule, --pre");
  auto root = document.Root();
  auto server = root.Child({.name = "server", .help = "The defence."});
  aggregate::Pipeline pipeline = aggregate::Pipeline::Read(server);
  document.Finish();
  return pipeline;
}

// What both commands read beside the rows.
struct Surroundings {
  std::vector<double> previous;
  std::vector<double> model;
  std::optional<GivenUpdate> server;
  aggregate::Context context;
};

void ReadSurroundings(const RowsOptions& options,
                      std::int64_t dimension,
                      Surroundings* out) {
  const auto vector = [&](const std::string& path) {
    return Rows::Read(path, true).OnlyRow(dimension);
  };
  if (!options.previous.empty()) out->previous = vector(options.previous);
  if (!options.model.empty()) out->model = vector(options.model);
  out->context.f = options.declared_f.value_or(0);
  out->context.seed = static_cast<std::uint64_t>(options.seed);
  out->context.round = options.round;
  out->context.previous = out->previous;
  out->context.model = out->model;
  if (!options.server_update.empty()) {
    out->server.emplace(vector(options.server_update));
    out->context.server = &*out->server;
  }
}

Json Numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(value);
  return list;
}

}  // namespace

int Aggregate(const RowsOptions& options) {
  const bool as_double = options.precision == "float64";
  aggregate::Pipeline pipeline = ReadDefence(options.rule, options.stages);
  const Rows rows = Rows::Read(options.input, as_double);
  Surroundings around;
  ReadSurroundings(options, rows.dimension(), &around);
  if (pipeline.needs_server_data() && around.context.server == nullptr) {
    throw core::ConfigError(
        "--rule: the rule compares rows with an update of the server's own; "
        "give it by --server-update FILE");
  }
  if (pipeline.needs_declared_f() && !options.declared_f) {
    throw core::ConfigError(
        "--rule: the defence tolerates f adversaries, and nothing says how "
        "many; write f into the rule (and into each pre-aggregator that has "
        "one), or give --declared-f N");
  }
  const std::string obstacle =
      pipeline.Obstacle(rows.num_rows(), options.declared_f.value_or(0));
  if (!obstacle.empty()) throw core::ConfigError("--rule: " + obstacle);
  const aggregate::Result result =
      pipeline.Aggregate(rows.Table(), around.context);
  Json json{{"vector", Numbers(result.vector)},
            {"kept", result.kept},
            {"scores", Numbers(result.scores)}};
  for (const auto& [name, value] : result.diagnostics) json[name] = value;
  std::cout << json.dump() << '\n';
  return 0;
}

int Attack(const RowsOptions& options) {
  const bool as_double = options.precision == "float64";
  auto document =
      config::Document::FromText("attack: " + options.attack, "--attack");
  auto root = document.Root();
  const auto attack =
      config::MakeKind(root,
                       {.name = "attack", .help = "What is done."},
                       attack::AllKinds(),
                       std::nullopt);
  document.Finish();
  std::optional<aggregate::Pipeline> defence;
  if (!options.rule.empty()) {
    defence.emplace(ReadDefence(options.rule, options.stages));
  } else if (!options.stages.empty()) {
    throw core::ConfigError("--pre: expected --rule as well, found none");
  }
  if (!attack->crafts()) {
    throw core::ConfigError(
        "--attack: it works through the adversaries' training, not on finished "
        "updates; use it in a run");
  }
  if (attack->needs_defence() && !defence) {
    throw core::ConfigError(
        "--attack: it adapts to the defence; say which by --rule (and --pre)");
  }
  const Rows rows = Rows::Read(options.input, as_double);
  const aggregate::UpdateTable known = rows.Table();
  std::optional<Rows> own_rows;
  if (!options.own.empty()) {
    own_rows.emplace(Rows::Read(options.own, as_double));
    if (own_rows->dimension() != rows.dimension() ||
        own_rows->num_rows() != options.num_byzantine) {
      throw core::DataError(
          options.own + ": expected " + std::to_string(options.num_byzantine) +
          " rows (--num-byzantine) of " + std::to_string(rows.dimension()) +
          " numbers, found " + std::to_string(own_rows->num_rows()) +
          " rows of " + std::to_string(own_rows->dimension()));
    }
  } else if (attack->needs_own_updates()) {
    throw core::ConfigError(
        "--attack: adversaries start from their own honest updates; give them "
        "by --own FILE");
  }
  aggregate::UpdateTable nothing;
  nothing.dimension = rows.dimension();
  const aggregate::UpdateTable own = own_rows ? own_rows->Table() : nothing;
  Surroundings around;
  ReadSurroundings(options, rows.dimension(), &around);
  attack::Scene scene;
  scene.seed = around.context.seed;
  scene.round = options.round;
  scene.known = &known;
  scene.own = &own;
  scene.num_byzantine = options.num_byzantine;
  scene.num_total = rows.num_rows() + options.num_byzantine;
  for (std::int64_t i = 0; i < options.num_byzantine; ++i) {
    scene.clients.push_back(rows.num_rows() + i);
  }
  scene.defence = defence ? &*defence : nullptr;
  if (!options.declared_f) around.context.f = options.num_byzantine;
  scene.context = around.context;
  const std::string obstacle =
      attack->Obstacle(scene.num_total, options.num_byzantine);
  if (!obstacle.empty()) throw core::ConfigError("--attack: " + obstacle);
  const attack::Crafted crafted = attack->Craft(scene);
  Json vectors = Json::array();
  for (std::int64_t i = 0; i < options.num_byzantine; ++i) {
    vectors.push_back(
        Numbers(crafted.vectors[crafted.vectors.size() == 1
                                    ? 0
                                    : static_cast<std::size_t>(i)]));
  }
  Json json{{"vectors", vectors}};
  for (const auto& [name, value] : crafted.diagnostics) json[name] = value;
  std::cout << json.dump() << '\n';
  return 0;
}

}  // namespace fedtorch::app
