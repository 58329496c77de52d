#include "fedtorch/core/kind_table.h"
#include "fedtorch/model/model.h"

#include <utility>

namespace fedtorch::model {
namespace {

core::KindTable<Kind>& Table() {
  static core::KindTable<Kind> table(Kinds());
  return table;
}

class FunctionArchitecture final : public Architecture {
 public:
  FunctionArchitecture(
      std::function<std::vector<Layer>(const InputSpec&)> layers,
      Initializer initializer)
      : layers_(std::move(layers)), initializer_(initializer) {}
  std::vector<Layer> Layers(const InputSpec& input) const override {
    return layers_(input);
  }
  Initializer initializer() const override { return initializer_; }

 private:
  std::function<std::vector<Layer>(const InputSpec&)> layers_;
  Initializer initializer_;
};

// The keys that every model has, beside those of its kind.
void ReadShared(config::Section& section, Options* options) {
  const std::string init = section.Choice(
      {.name = "init",
       .help = "How the first parameters are drawn; auto is what the source of "
               "the model uses."},
      {"auto", "default", "glorot_uniform", "he_normal", "zeros"},
      "auto");
  if (options->architecture != nullptr) {
    options->initializer = options->architecture->initializer();
  }
  for (const Initializer choice : {Initializer::kDefault,
                                   Initializer::kGlorotUniform,
                                   Initializer::kHeNormal,
                                   Initializer::kZeros}) {
    if (init == ToText(choice)) options->initializer = choice;
  }
  const std::string buffers = section.Choice(
      {.name = "buffers",
       .help = "What happens to running statistics (batch_norm): averaged, "
               "kept by the server, kept by each client, or not used."},
      {"aggregate", "keep_server", "local", "batch_stats"},
      "aggregate");
  for (const BufferPolicy choice : {BufferPolicy::kAggregate,
                                    BufferPolicy::kKeepServer,
                                    BufferPolicy::kLocal,
                                    BufferPolicy::kBatchStats}) {
    if (buffers == ToText(choice)) options->buffers = choice;
  }
}

}  // namespace

std::span<const Kind* const> AllKinds() { return Table().All(); }
void Use(const Kind& kind) { Table().Use(kind); }

std::string_view ToText(BufferPolicy policy) {
  switch (policy) {
    case BufferPolicy::kAggregate:
      return "aggregate";
    case BufferPolicy::kKeepServer:
      return "keep_server";
    case BufferPolicy::kLocal:
      return "local";
    case BufferPolicy::kBatchStats:
      return "batch_stats";
  }
  return "";
}

Options Options::Read(config::Section& parent) {
  std::vector<config::KindFacts> facts;
  for (const Kind* kind : AllKinds()) {
    facts.push_back({kind->name,
                     kind->summary,
                     kind->source,
                     [kind](config::Section& section) {
                       Options ignored;
                       ignored.architecture = kind->make(section);
                       ReadShared(section, &ignored);
                     }});
  }
  Options options;
  const auto chosen =
      parent.ChooseKind({.name = "model", .help = "The model that is trained."},
                        facts,
                        std::nullopt);
  if (chosen.index) {
    options.architecture = AllKinds()[*chosen.index]->make(*chosen.section);
    ReadShared(*chosen.section, &options);
  }
  return options;
}

Network Options::Build(const InputSpec& input) const {
  return Network::Build(architecture->Layers(input), input, initializer);
}

Layer Dense(std::int64_t units) {
  return {.type = LayerType::kDense, .units = units};
}
Layer Convolution(std::int64_t filters,
                  std::int64_t kernel,
                  std::int64_t padding,
                  std::int64_t stride) {
  return {.type = LayerType::kConvolution,
          .units = filters,
          .kernel = kernel,
          .stride = stride,
          .padding = padding};
}
Layer MaxPool(std::int64_t kernel) {
  return {.type = LayerType::kMaxPool, .kernel = kernel, .stride = kernel};
}
Layer Dropout(double rate, bool whole_maps) {
  return {.type = LayerType::kDropout, .whole_maps = whole_maps, .rate = rate};
}
Layer Embedding(std::int64_t size) {
  return {.type = LayerType::kEmbedding, .units = size};
}
Layer Lstm(std::int64_t hidden) {
  return {.type = LayerType::kLstm, .units = hidden};
}
Layer GroupNorm(std::int64_t groups) {
  return {.type = LayerType::kGroupNorm, .groups = groups};
}
Layer SelfAttention(std::int64_t heads, double rate) {
  return {.type = LayerType::kSelfAttention, .rate = rate, .heads = heads};
}
Layer Residual(std::vector<Layer> body, std::vector<Layer> shortcut) {
  return {.type = LayerType::kResidual,
          .body = std::move(body),
          .shortcut = std::move(shortcut)};
}
Layer Simple(LayerType type) { return {.type = type}; }

std::unique_ptr<Architecture> FromFunction(
    std::function<std::vector<Layer>(const InputSpec&)> layers,
    Initializer initializer) {
  return std::make_unique<FunctionArchitecture>(std::move(layers), initializer);
}

}  // namespace fedtorch::model
