#include "tests/attack/attack_case.h"

#include "fedtorch/config/document.h"

#include <optional>

namespace fedtorch::attack {
namespace {

aggregate::UpdateTable TableOf(const std::vector<std::vector<double>>& rows,
                               std::size_t dimension) {
  aggregate::UpdateTable table;
  table.dimension = static_cast<std::int64_t>(dimension);
  std::vector<const double*> pointers;
  for (const auto& row : rows) pointers.push_back(row.data());
  table.rows = std::move(pointers);
  return table;
}

}  // namespace

std::unique_ptr<Attack> FromText(const std::string& text) {
  auto document =
      config::Document::FromText("attack: " + text, "attack_test.yaml");
  auto root = document.Root();
  auto attack = config::MakeKind(
      root, {.name = "attack", .help = ""}, AllKinds(), std::nullopt);
  document.Finish();
  return attack;
}

aggregate::Pipeline DefenceFrom(const std::string& text) {
  auto document =
      config::Document::FromText("server: {" + text + "}", "attack_test.yaml");
  auto root = document.Root();
  auto server = root.Child({.name = "server", .help = ""});
  aggregate::Pipeline pipeline = aggregate::Pipeline::Read(server);
  document.Finish();
  return pipeline;
}

Crafted Stage::Play(Attack& attack) {
  const std::size_t dimension =
      known.empty() ? own.front().size() : known.front().size();
  const aggregate::UpdateTable known_table = TableOf(known, dimension);
  const aggregate::UpdateTable own_table = TableOf(own, dimension);
  Scene scene;
  scene.seed = context.seed;
  scene.round = context.round;
  scene.known = &known_table;
  scene.own = &own_table;
  scene.num_byzantine = num_byzantine;
  scene.num_total = static_cast<std::int64_t>(known.size()) + num_byzantine;
  for (std::int64_t i = 0; i < num_byzantine; ++i) {
    scene.clients.push_back(static_cast<std::int64_t>(known.size()) + i);
  }
  scene.defence = defence;
  scene.context = context;
  return attack.Craft(scene);
}

}  // namespace fedtorch::attack
