#pragma once

#include "fedtorch/config/section.h"
#include "fedtorch/model/network.h"

#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace fedtorch::model {

/// What happens to floating buffers (running statistics of batch_norm).
/// Source of the variants: algorithms 1.3.
enum class BufferPolicy {
  kAggregate,   ///< the server takes the weighted mean of the cohort's
  kKeepServer,  ///< the server's never move; clients start from them
  kLocal,       ///< each client keeps its own between rounds (FedBN's
                ///< statistics); the server's are the cohort's weighted mean
  kBatchStats,  ///< never used: training and evaluation normalise by the
                ///< batch at hand
};
std::string_view ToText(BufferPolicy policy);

/// Lists the layers of a model once the data are known.
class Architecture {
 public:
  virtual ~Architecture() = default;
  /// Throws: ConfigError when the model does not fit the input.
  virtual std::vector<Layer> Layers(const InputSpec& input) const = 0;
  /// The initialiser its source uses, taken when the config says `auto`.
  virtual Initializer initializer() const { return Initializer::kDefault; }
};

/// Describes a kind; the name is the file stem in kinds/.
struct Kind {
  std::string_view name;
  std::string_view summary;
  std::string_view source;
  std::unique_ptr<Architecture> (*make)(config::Section&);
};

/// Returns all kinds: those of the folder in alphabetical order, then those
/// added by `Use`. Call that before a config is read; it throws Bug when the
/// name is taken. The other two are the generated table of the folder.
std::span<const Kind* const> AllKinds();
void Use(const Kind& kind);
std::span<const Kind* const> Kinds();
std::span<const std::string_view> KindFileStems();

/// Holds the `model` section of a config.
struct Options {
  std::unique_ptr<Architecture> architecture;  ///< null after a bad name
  Initializer initializer = Initializer::kDefault;
  BufferPolicy buffers = BufferPolicy::kAggregate;

  static Options Read(config::Section& parent);
  Network Build(const InputSpec& input) const;
};

/// Layers in the order written, for kinds and tests.
Layer Dense(std::int64_t units);
Layer Convolution(std::int64_t filters,
                  std::int64_t kernel,
                  std::int64_t padding = 0,
                  std::int64_t stride = 1);
Layer MaxPool(std::int64_t kernel);
Layer Dropout(double rate, bool whole_maps = false);
Layer Embedding(std::int64_t size);
Layer Lstm(std::int64_t hidden);
Layer GroupNorm(std::int64_t groups);
Layer SelfAttention(std::int64_t heads, double rate = 0.0);
Layer Residual(std::vector<Layer> body, std::vector<Layer> shortcut = {});
Layer Simple(LayerType type);

/// Makes an architecture from a function, so that a kind stays small.
std::unique_ptr<Architecture> FromFunction(
    std::function<std::vector<Layer>(const InputSpec&)> layers,
    Initializer initializer = Initializer::kDefault);

}  // namespace fedtorch::model
