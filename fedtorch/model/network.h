#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fedtorch::model {

class ScriptModule;

/// Names the layers that a network can have.
enum class LayerType {
  kDense,
  kConvolution,
  kMaxPool,
  kAveragePool,
  kFlatten,
  kRelu,
  kTanh,
  kSigmoid,
  kDropout,
  kEmbedding,
  kLstm,
  kLastPosition,
  kBatchNorm,
  kGroupNorm,
  kGelu,
  kGlobalAveragePool,
  kLayerNorm,
  kPositionEmbedding,
  kPositionEncoding,
  kSelfAttention,
  kTiedDense,
  kResidual,
  kTorchscript,
};

/// Returns the word for a layer type, as in `sequential` configs.
std::string_view ToText(LayerType type);

/// Describes one layer; fields that a type does not use stay at their default.
struct Layer {
  LayerType type = LayerType::kRelu;
  std::int64_t units = 0;    ///< dense outputs, filters, hidden size, embedding
  std::int64_t kernel = 1;   ///< square window, pixels
  std::int64_t stride = 1;   ///< pixels
  std::int64_t padding = 0;  ///< zeros on each side, pixels
  std::int64_t groups = 1;   ///< group_norm
  bool ceiling = false;      ///< pools: keep the incomplete last window
  bool bias = true;
  bool whole_maps = false;  ///< dropout: all positions of a channel together
  double rate = 0.0;        ///< probability of a zero, [0, 1): dropout, and the
                            ///< weights of self_attention
  std::int64_t heads = 1;   ///< self_attention
  bool causal = true;       ///< self_attention: nothing later is seen
  std::vector<Layer> body{};      ///< residual: the layers that are learned
  std::vector<Layer> shortcut{};  ///< residual: empty = the input itself
  /// torchscript: takes the input and returns the scores, the only layer.
  std::shared_ptr<const ScriptModule> script{};
};

/// What a network is built for. Images are {channels, height, width}, columns
/// {features}, text {length} of token ids.
struct InputSpec {
  std::vector<std::int64_t> shape;
  bool tokens = false;
  std::int64_t num_classes = 0;    ///< also the vocabulary size of text
  std::int64_t target_length = 1;  ///< predictions per sample
};

/// How the first values of a tensor are drawn.
/// `kFile` takes the values of a script's file and is for that layer only.
enum class Initializer { kDefault, kGlorotUniform, kHeNormal, kZeros, kFile };
std::string_view ToText(Initializer initializer);

/// Names one tensor and its place in a flat section.
struct TensorEntry {
  /// "<layer index>.<layer>.<tensor>", e.g. "0.dense.weight"; inside a
  /// residual "3.residual.body.0.dense.weight" (or shortcut).
  std::string name;
  std::vector<std::int64_t> shape;
  std::int64_t offset = 0;  ///< first value in its section
  std::int64_t size = 0;    ///< number of values
  std::int64_t fan_in = 0;
  std::int64_t fan_out = 0;
  std::size_t layer = 0;  ///< index in `layers()`, also inside a residual
  bool is_bias = false;
  bool is_lookup = false;  ///< rows that are looked up: embeddings
  /// Set where the tensor starts at a constant (norm scales, variances; in a
  /// script's file, what it holds there).
  bool constant = false;
  float constant_value = 0.0F;
};

/// Lays out the three kinds of values of a model, each in one flat section.
/// Tensors are row-major and lie as the training kernels read them, which is
/// also how Keras and JAX keep them: dense [in, out], convolution
/// [ky, kx, in, out], lstm [in, 4 * hidden] with the gates input, forget, cell,
/// output, self_attention [in, 3 * in] with query, key, value. A `flatten`
/// lists an image by row, column, channel. A residual has the tensors of its
/// body first, then those of its shortcut. Only parameters are trained,
/// corrected, compressed or made private; floating buffers (running statistics)
/// follow `BufferPolicy`; integer buffers are never averaged: the server takes
/// the largest of the cohort.
struct ParameterLayout {
  std::vector<TensorEntry> parameters;
  std::vector<TensorEntry> buffers;
  std::vector<TensorEntry> counters;
  std::int64_t num_parameters = 0;
  std::int64_t num_buffers = 0;
  std::int64_t num_counters = 0;
};

/// Describes one of the masks that a training step draws for dropout.
struct DropoutMask {
  /// Of one sample, in the order of drawing; a side of 1 serves all positions.
  std::vector<std::int64_t> shape;
  double rate = 0.0;      ///< probability of a zero, (0, 1)
  bool is_image = false;  ///< drawn [h, w, channels] for a [channels, h, w]
};

/// Costs and shapes of one layer, for `fedrun describe model`.
struct LayerReport {
  std::string name;
  std::vector<std::int64_t> output;  ///< of one sample
  std::int64_t parameters = 0;
  std::int64_t macs = 0;  ///< multiply-adds of one sample's forward pass
  bool counted = true;    ///< false: macs are unknown and stay 0
};

/// Is a model as a list of layers with known shapes. Immutable.
class Network {
 public:
  /// Infers shapes and lays out the tensors.
  /// Throws: ConfigError that names the layer, what it got and what it needs.
  static Network Build(std::vector<Layer> layers,
                       const InputSpec& input,
                       Initializer initializer = Initializer::kDefault);

  /// The script that is the whole network; null where layers are listed.
  const ScriptModule* script() const {
    return layers_.size() == 1 ? layers_[0].script.get() : nullptr;
  }
  const std::vector<Layer>& layers() const { return layers_; }
  /// Shape of a sample before layer `index`; index = layers().size(): output.
  const std::vector<std::int64_t>& shape_before(std::size_t index) const {
    return shapes_[index];
  }
  const InputSpec& input() const { return input_; }
  const ParameterLayout& layout() const { return layout_; }
  Initializer initializer() const { return initializer_; }
  /// One row a layer; the rows of a residual's layers follow its own row.
  const std::vector<LayerReport>& report() const { return report_; }
  /// The masks of a training step, in the order in which they are drawn: layer
  /// by layer, the body of a residual before its shortcut.
  const std::vector<DropoutMask>& dropout_masks() const {
    return dropout_masks_;
  }
  std::int64_t num_parameters() const { return layout_.num_parameters; }
  /// Multiply-adds of one sample's forward pass; forward FLOP = 2 * MAC.
  std::int64_t macs() const;
  /// FLOP of one sample's training step: 3 * forward - 2 * MAC of the first
  /// layer, whose input needs no gradient (an embedding counts 0 there, so a
  /// layer after it does count). Source: performance 7.1.
  std::int64_t train_flops() const;
  bool has_dropout() const { return !dropout_masks_.empty(); }
  bool has_batch_norm() const;

  /// Draws the initial parameters, one stream (seed, "init", tensor) a tensor.
  /// default: weights and biases uniform in +-1/sqrt(fan_in) (LSTM:
  /// +-1/sqrt(hidden)), embeddings N(0, 1); glorot_uniform: weights
  /// uniform in +-sqrt(6 / (fan_in + fan_out)), biases 0 (Glorot 2010);
  /// he_normal: weights N(0, 2 / fan_in), biases 0 (He 2015).
  /// Requires: out.size() == num_parameters().
  void InitialParameters(std::uint64_t seed, std::span<float> out) const;
  /// Writes the initial buffers: running means 0, variances 1; those of a
  /// script are as in its file.
  void InitialBuffers(std::span<float> out) const;
  /// Writes the initial counters: 0; those of a script are as in its file.
  void InitialCounters(std::span<std::int64_t> out) const;

 private:
  std::vector<Layer> layers_;
  std::vector<std::vector<std::int64_t>> shapes_;
  InputSpec input_;
  Initializer initializer_ = Initializer::kDefault;
  ParameterLayout layout_;
  std::vector<LayerReport> report_;
  std::vector<DropoutMask> dropout_masks_;
};

}  // namespace fedtorch::model
