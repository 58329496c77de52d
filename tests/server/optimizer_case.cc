#include "tests/server/optimizer_case.h"

#include "fedtorch/config/document.h"
#include "fedtorch/core/stream.h"

#include <cmath>

namespace fedtorch::server {

std::unique_ptr<Optimizer> FromText(const std::string& text) {
  auto document =
      config::Document::FromText("optimizer: " + text, "optimizer_test.yaml");
  auto root = document.Root();
  auto optimizer = config::MakeKind(
      root, {.name = "optimizer", .help = ""}, AllKinds(), std::nullopt);
  document.Finish();
  return optimizer;
}

std::vector<Vector> Steps(Optimizer& optimizer,
                          Vector model,
                          const std::vector<Vector>& deltas) {
  std::vector<Vector> models;
  for (const Vector& delta : deltas) {
    optimizer.Step(model, delta);
    models.push_back(model);
  }
  return models;
}

Vector ScalarSteps(const std::string& text, const Vector& deltas) {
  const auto optimizer = FromText(text);
  Vector model = {0.0};
  Vector path;
  for (const double delta : deltas) {
    optimizer->Step(model, Vector{delta});
    path.push_back(model.front());
  }
  return path;
}

std::vector<Vector> DrawDeltas(std::uint64_t seed,
                               std::size_t count,
                               std::size_t size) {
  core::Stream stream = core::Stream::Named(seed, "deltas");
  std::vector<Vector> deltas(count, Vector(size));
  for (Vector& delta : deltas) {
    for (std::size_t i = 0; i < size; ++i) {
      delta[i] = stream.Normal() * std::exp2(static_cast<double>(i % 12) - 9.0);
    }
  }
  return deltas;
}

}  // namespace fedtorch::server
