#include "fedtorch/model/network.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/model/script_module.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fedtorch::model {
namespace {

using Shape = std::vector<std::int64_t>;

std::string ShapeText(const Shape& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

// One score per class, for each target of a sample.
Shape OutputShape(const InputSpec& input) {
  if (input.target_length == 1) return {input.num_classes};
  return {input.target_length, input.num_classes};
}

std::int64_t Count(const Shape& shape) {
  return std::accumulate(
      shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

// Builds one network; knows the rules of every layer type.
class Builder {
 public:
  Builder(const InputSpec& input,
          ParameterLayout* layout,
          std::vector<LayerReport>* report,
          std::vector<DropoutMask>* masks)
      : input_(input),
        layout_(layout),
        report_(report),
        masks_(masks),
        shape_(input.shape),
        tokens_(input.tokens) {}

  // Adds layer `index` of the whole network.
  void Add(const Layer& layer, std::size_t index) {
    layer_ = index;
    AddNamed(layer, "", index);
  }

  const Shape& shape() const { return shape_; }
  bool tokens() const { return tokens_; }

 private:
  void AddNamed(const Layer& layer,
                const std::string& path,
                std::size_t index) {
    prefix_ =
        path + std::to_string(index) + "." + std::string(ToText(layer.type));
    const std::size_t row = report_->size();
    report_->push_back({.name = prefix_});
    const std::int64_t before = layout_->num_parameters;
    const std::int64_t macs = Apply(layer);
    LayerReport& report = (*report_)[row];
    report.output = shape_;
    // A residual only adds; its layers have rows of their own.
    if (layer.type == LayerType::kResidual) return;
    report.macs = macs;
    report.parameters = layout_->num_parameters - before;
  }

  [[noreturn]] void Refuse(const std::string& needs) const {
    throw core::ConfigError("model: layer " + prefix_ + " needs " + needs +
                            ", but gets " + (tokens_ ? "token ids " : "") +
                            ShapeText(shape_) + " per sample");
  }

  void RequireSequence() const {
    if (tokens_ || shape_.size() != 2) {
      Refuse("sequences [length, values]; put an embedding layer before it");
    }
  }

  void Parameter(const std::string& name,
                 Shape shape,
                 std::int64_t fan_in,
                 std::int64_t fan_out,
                 bool is_bias = false) {
    TensorEntry entry;
    entry.name = prefix_ + "." + name;
    entry.size = Count(shape);
    entry.shape = std::move(shape);
    entry.offset = layout_->num_parameters;
    entry.fan_in = fan_in;
    entry.fan_out = fan_out;
    entry.layer = layer_;
    entry.is_bias = is_bias;
    layout_->num_parameters += entry.size;
    layout_->parameters.push_back(std::move(entry));
  }

  void ConstantParameter(const std::string& name,
                         std::int64_t size,
                         float value) {
    Parameter(name, {size}, 1, 1);
    layout_->parameters.back().constant = true;
    layout_->parameters.back().constant_value = value;
  }

  void Buffer(const std::string& name, std::int64_t size, float value) {
    TensorEntry entry;
    entry.name = prefix_ + "." + name;
    entry.shape = {size};
    entry.size = size;
    entry.offset = layout_->num_buffers;
    entry.layer = layer_;
    entry.constant = true;
    entry.constant_value = value;
    layout_->num_buffers += size;
    layout_->buffers.push_back(std::move(entry));
  }

  void Counter(const std::string& name) {
    TensorEntry entry;
    entry.name = prefix_ + "." + name;
    entry.size = 1;
    entry.offset = layout_->num_counters;
    entry.layer = layer_;
    layout_->num_counters += 1;
    layout_->counters.push_back(std::move(entry));
  }

  std::int64_t Window(std::int64_t size, const Layer& layer) const {
    const std::int64_t room = size + 2 * layer.padding - layer.kernel;
    if (room < 0) {
      Refuse("an image of at least " + std::to_string(layer.kernel) + " x " +
             std::to_string(layer.kernel) + " pixels after padding");
    }
    std::int64_t windows = room / layer.stride + 1;
    // An incomplete last window counts if it starts inside the image.
    if (layer.ceiling && room % layer.stride != 0 &&
        windows * layer.stride < size + layer.padding) {
      ++windows;
    }
    return windows;
  }

  std::int64_t Apply(const Layer& layer) {
    switch (layer.type) {
      case LayerType::kDense:
        return Dense(layer);
      case LayerType::kConvolution:
        return Convolution(layer);
      case LayerType::kMaxPool:
      case LayerType::kAveragePool:
        if (tokens_ || shape_.size() != 3) Refuse("images [channels, h, w]");
        shape_ = {
            shape_[0], Window(shape_[1], layer), Window(shape_[2], layer)};
        return 0;
      case LayerType::kFlatten:
        if (tokens_) Refuse("numbers");
        shape_ = {Count(shape_)};
        return 0;
      case LayerType::kRelu:
      case LayerType::kTanh:
      case LayerType::kSigmoid:
      case LayerType::kGelu:
        if (tokens_) Refuse("numbers");
        return 0;
      case LayerType::kDropout:
        if (tokens_) Refuse("numbers");
        if (layer.rate > 0.0) {
          const bool image = shape_.size() == 3;
          Shape drawn = image ? Shape{shape_[1], shape_[2], shape_[0]} : shape_;
          // Channels lie last.
          if (layer.whole_maps) std::fill(drawn.begin(), drawn.end() - 1, 1);
          masks_->push_back({.shape = std::move(drawn),
                             .rate = layer.rate,
                             .is_image = image});
        }
        return 0;
      case LayerType::kGlobalAveragePool:
        if (tokens_ || shape_.size() != 3) Refuse("images [channels, h, w]");
        shape_ = {shape_[0]};
        return 0;
      case LayerType::kEmbedding:
        if (!tokens_) Refuse("token ids (a text dataset)");
        Parameter("weight",
                  {input_.num_classes, layer.units},
                  input_.num_classes,
                  layer.units);
        layout_->parameters.back().is_lookup = true;
        embedding_ = layer.units;
        shape_ = {shape_[0], layer.units};
        tokens_ = false;
        return 0;
      case LayerType::kLstm:
        return Lstm(layer);
      case LayerType::kLastPosition:
        if (tokens_ || shape_.size() != 2) Refuse("sequences [length, values]");
        shape_ = {shape_[1]};
        return 0;
      case LayerType::kBatchNorm:
        if (tokens_ || (shape_.size() != 1 && shape_.size() != 3)) {
          Refuse("images [channels, h, w] or columns [features]");
        }
        ConstantParameter("weight", shape_[0], 1.0F);
        ConstantParameter("bias", shape_[0], 0.0F);
        Buffer("running_mean", shape_[0], 0.0F);
        Buffer("running_var", shape_[0], 1.0F);
        Counter("num_batches_tracked");
        return 0;
      case LayerType::kGroupNorm:
        if (tokens_ || shape_.size() != 3 || shape_[0] % layer.groups != 0) {
          Refuse("images whose channels are a multiple of groups = " +
                 std::to_string(layer.groups));
        }
        ConstantParameter("weight", shape_[0], 1.0F);
        ConstantParameter("bias", shape_[0], 0.0F);
        return 0;
      case LayerType::kLayerNorm:
        if (tokens_ || shape_.empty() || shape_.size() > 2) {
          Refuse("columns [features] or sequences [length, values]");
        }
        ConstantParameter("weight", shape_.back(), 1.0F);
        ConstantParameter("bias", shape_.back(), 0.0F);
        return 0;
      case LayerType::kPositionEmbedding:
        RequireSequence();
        Parameter("weight", shape_, shape_[0], shape_[1]);
        layout_->parameters.back().is_lookup = true;
        return 0;
      case LayerType::kPositionEncoding:
        RequireSequence();
        return 0;
      case LayerType::kSelfAttention:
        return SelfAttention(layer);
      case LayerType::kTiedDense:
        if (tokens_ || shape_.empty() || shape_.size() > 2 || embedding_ == 0 ||
            shape_.back() != embedding_) {
          Refuse(embedding_ == 0
                     ? "an embedding layer before it, whose weight it shares"
                     : "as many values at each position as the embedding, " +
                           std::to_string(embedding_));
        }
        shape_.back() = input_.num_classes;
        return Count(shape_) * embedding_;
      case LayerType::kResidual:
        return Residual(layer);
      case LayerType::kTorchscript:
        return Torchscript(layer);
    }
    FEDTORCH_CHECK(false, "unknown layer type");
    return 0;
  }

  std::int64_t Dense(const Layer& layer) {
    // On a sequence [length, values] the layer acts on every position.
    if (tokens_ || shape_.empty() || shape_.size() > 2) {
      Refuse(
          "columns [features] or sequences [length, values]; put a flatten "
          "layer before it");
    }
    const std::int64_t in = shape_.back();
    Parameter("weight", {in, layer.units}, in, layer.units);
    if (layer.bias) Parameter("bias", {layer.units}, in, layer.units, true);
    const std::int64_t positions = Count(shape_) / in;
    shape_.back() = layer.units;
    return positions * in * layer.units;
  }

  std::int64_t Convolution(const Layer& layer) {
    if (tokens_ || shape_.size() != 3) Refuse("images [channels, h, w]");
    const std::int64_t area = layer.kernel * layer.kernel;
    const std::int64_t channels = shape_[0];
    Parameter("weight",
              {layer.kernel, layer.kernel, channels, layer.units},
              channels * area,
              layer.units * area);
    if (layer.bias) {
      Parameter(
          "bias", {layer.units}, channels * area, layer.units * area, true);
    }
    shape_ = {layer.units, Window(shape_[1], layer), Window(shape_[2], layer)};
    return Count(shape_) * channels * area;
  }

  std::int64_t Lstm(const Layer& layer) {
    RequireSequence();
    const std::int64_t in = shape_[1];
    const std::int64_t hidden = layer.units;
    // One bias, not the two of torch::nn::LSTM: the second adds nothing but
    // parameters, and the published counts have one.
    Parameter("weight_ih", {in, 4 * hidden}, hidden, hidden);
    Parameter("weight_hh", {hidden, 4 * hidden}, hidden, hidden);
    Parameter("bias", {4 * hidden}, hidden, hidden, true);
    shape_[1] = hidden;
    return shape_[0] * 4 * hidden * (in + hidden);
  }

  std::int64_t SelfAttention(const Layer& layer) {
    RequireSequence();
    const std::int64_t length = shape_[0];
    const std::int64_t width = shape_[1];
    if (width % layer.heads != 0) {
      Refuse("sequences whose values are a multiple of heads = " +
             std::to_string(layer.heads));
    }
    // Query, key and value are three square maps, so their fans are those of
    // one of them, though they lie side by side.
    Parameter("weight_qkv", {width, 3 * width}, width, width);
    Parameter("bias_qkv", {3 * width}, width, width, true);
    Parameter("weight_out", {width, width}, width, width);
    Parameter("bias_out", {width}, width, width, true);
    if (layer.rate > 0.0) {
      masks_->push_back(
          {.shape = {layer.heads, length, length}, .rate = layer.rate});
    }
    return 4 * length * width * width + 2 * length * length * width;
  }

  std::int64_t Residual(const Layer& layer) {
    const std::string own = prefix_;
    const Shape input = shape_;
    const bool tokens = tokens_;
    AddAll(layer.body, own + ".body.");
    const Shape body = shape_;
    const bool body_tokens = tokens_;
    shape_ = input;
    tokens_ = tokens;
    AddAll(layer.shortcut, own + ".shortcut.");
    if (body_tokens || tokens_ || shape_ != body) {
      throw core::ConfigError(
          "model: layer " + own + " adds its layers' output " +
          ShapeText(body) + " to " +
          (layer.shortcut.empty()
               ? "its input " + ShapeText(shape_) +
                     ", which must be numbers of the same shape; give it a "
                     "shortcut that changes the input alike"
               : "its shortcut's " + ShapeText(shape_) +
                     ", which must be numbers of the same shape"));
    }
    return 0;
  }

  // Whoever read the file has tried it on such an input.
  std::int64_t Torchscript(const Layer& layer) {
    const ParameterLayout& own = layer.script->layout();
    *layout_ = own;
    for (auto* section :
         {&layout_->parameters, &layout_->buffers, &layout_->counters}) {
      for (TensorEntry& entry : *section) {
        entry.name = prefix_ + "." + entry.name;
      }
    }
    shape_ = OutputShape(input_);
    tokens_ = false;
    report_->back().counted = false;
    return 0;
  }

  void AddAll(const std::vector<Layer>& layers, const std::string& path) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      AddNamed(layers[i], path, i);
    }
  }

  const InputSpec& input_;
  ParameterLayout* layout_;
  std::vector<LayerReport>* report_;
  std::vector<DropoutMask>* masks_;
  Shape shape_;
  bool tokens_;
  std::int64_t embedding_ = 0;  // values of a token's embedding, if any
  std::string prefix_;
  std::size_t layer_ = 0;
};

}  // namespace

std::string_view ToText(LayerType type) {
  switch (type) {
    case LayerType::kDense:
      return "dense";
    case LayerType::kConvolution:
      return "convolution";
    case LayerType::kMaxPool:
      return "max_pool";
    case LayerType::kAveragePool:
      return "average_pool";
    case LayerType::kFlatten:
      return "flatten";
    case LayerType::kRelu:
      return "relu";
    case LayerType::kTanh:
      return "tanh";
    case LayerType::kSigmoid:
      return "sigmoid";
    case LayerType::kDropout:
      return "dropout";
    case LayerType::kEmbedding:
      return "embedding";
    case LayerType::kLstm:
      return "lstm";
    case LayerType::kLastPosition:
      return "last_position";
    case LayerType::kBatchNorm:
      return "batch_norm";
    case LayerType::kGroupNorm:
      return "group_norm";
    case LayerType::kGelu:
      return "gelu";
    case LayerType::kGlobalAveragePool:
      return "global_average_pool";
    case LayerType::kLayerNorm:
      return "layer_norm";
    case LayerType::kPositionEmbedding:
      return "position_embedding";
    case LayerType::kPositionEncoding:
      return "position_encoding";
    case LayerType::kSelfAttention:
      return "self_attention";
    case LayerType::kTiedDense:
      return "tied_dense";
    case LayerType::kResidual:
      return "residual";
    case LayerType::kTorchscript:
      return "torchscript";
  }
  return "";
}

std::string_view ToText(Initializer initializer) {
  switch (initializer) {
    case Initializer::kDefault:
      return "default";
    case Initializer::kGlorotUniform:
      return "glorot_uniform";
    case Initializer::kHeNormal:
      return "he_normal";
    case Initializer::kZeros:
      return "zeros";
    case Initializer::kFile:
      return "file";
  }
  return "";
}

Network Network::Build(std::vector<Layer> layers,
                       const InputSpec& input,
                       Initializer initializer) {
  for (const Layer& layer : layers) {
    FEDTORCH_CHECK(layer.type != LayerType::kTorchscript || layers.size() == 1,
                   "a script is the whole network");
  }
  Network network;
  network.layers_ = std::move(layers);
  network.input_ = input;
  network.initializer_ = initializer;
  network.shapes_.push_back(input.shape);
  Builder builder(network.input_,
                  &network.layout_,
                  &network.report_,
                  &network.dropout_masks_);
  for (std::size_t i = 0; i < network.layers_.size(); ++i) {
    builder.Add(network.layers_[i], i);
    network.shapes_.push_back(builder.shape());
  }
  const Shape expected = OutputShape(input);
  if (builder.tokens() || builder.shape() != expected) {
    throw core::ConfigError(
        "model: its output " + ShapeText(builder.shape()) +
        " does not fit the data, which need one score per class, " +
        ShapeText(expected) + " per sample; end it with a dense layer of " +
        std::to_string(input.num_classes) + " units");
  }
  return network;
}

std::int64_t Network::macs() const {
  std::int64_t sum = 0;
  for (const LayerReport& layer : report_) sum += layer.macs;
  return sum;
}

std::int64_t Network::train_flops() const {
  // Only the first layer with weights can be spared its input gradient; if
  // that is an embedding it costs no multiply-adds anyway.
  std::int64_t first = 0;
  for (const LayerReport& layer : report_) {
    if (layer.parameters > 0) {
      first = layer.macs;
      break;
    }
  }
  return 6 * macs() - 2 * first;
}

bool Network::has_batch_norm() const { return layout_.num_buffers > 0; }

void Network::InitialParameters(std::uint64_t seed,
                                std::span<float> out) const {
  FEDTORCH_CHECK(static_cast<std::int64_t>(out.size()) == num_parameters(),
                 "wrong size");
  for (std::size_t t = 0; t < layout_.parameters.size(); ++t) {
    const TensorEntry& entry = layout_.parameters[t];
    const auto values = out.subspan(static_cast<std::size_t>(entry.offset),
                                    static_cast<std::size_t>(entry.size));
    core::Stream stream = core::Stream::Named(seed, "init", {t});
    const auto fill_uniform = [&](double bound) {
      for (float& value : values) {
        value = static_cast<float>(bound * (2.0 * stream.Uniform() - 1.0));
      }
    };
    const auto fill_normal = [&](double deviation) {
      for (float& value : values) {
        value = static_cast<float>(deviation * stream.Normal());
      }
    };
    if (script() != nullptr &&
        (entry.constant || initializer_ == Initializer::kFile)) {
      const auto given = script()->parameters().subspan(
          static_cast<std::size_t>(entry.offset), values.size());
      std::copy(given.begin(), given.end(), values.begin());
    } else if (entry.constant) {
      std::fill(values.begin(), values.end(), entry.constant_value);
    } else if (initializer_ == Initializer::kZeros ||
               (entry.is_bias && initializer_ != Initializer::kDefault)) {
      std::fill(values.begin(), values.end(), 0.0F);
    } else if (initializer_ == Initializer::kGlorotUniform) {
      fill_uniform(
          std::sqrt(6.0 / static_cast<double>(entry.fan_in + entry.fan_out)));
    } else if (initializer_ == Initializer::kHeNormal) {
      fill_normal(std::sqrt(2.0 / static_cast<double>(entry.fan_in)));
    } else if (entry.is_lookup) {
      fill_normal(1.0);
    } else {
      fill_uniform(1.0 / std::sqrt(static_cast<double>(entry.fan_in)));
    }
  }
}

void Network::InitialBuffers(std::span<float> out) const {
  if (script() != nullptr) {
    const auto given = script()->buffers();
    std::copy(given.begin(), given.end(), out.begin());
    return;
  }
  for (const TensorEntry& entry : layout_.buffers) {
    const auto values = out.subspan(static_cast<std::size_t>(entry.offset),
                                    static_cast<std::size_t>(entry.size));
    std::fill(values.begin(), values.end(), entry.constant_value);
  }
}

void Network::InitialCounters(std::span<std::int64_t> out) const {
  if (script() == nullptr) {
    std::fill(out.begin(), out.end(), 0);
    return;
  }
  const auto given = script()->counters();
  std::copy(given.begin(), given.end(), out.begin());
}

}  // namespace fedtorch::model
