#include "fedtorch/core/errors.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/engine/torchscript_module.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace fedtorch::engine {
namespace {

using model::Layer;
using model::LayerType;
using model::TensorEntry;

// What one forward pass may do.
enum class Mode { kTrain, kGradient, kEvaluate };

// Views a caller's memory as a tensor; nothing is copied.
template <class T>
at::Tensor View(std::span<T> values, const std::vector<std::int64_t>& shape) {
  using Value = std::remove_const_t<T>;
  return at::from_blob(const_cast<Value*>(values.data()),
                       shape,
                       c10::CppTypeToScalarType<Value>::value);
}

template <class Real>
constexpr at::ScalarType kType =
    std::is_same_v<Real, float> ? at::kFloat : at::kDouble;

template <class Real>
class AutogradSession final : public BasicSession<Real> {
 public:
  AutogradSession(const model::Network& network, model::BufferPolicy policy)
      : network_(network), policy_(policy) {
    const auto& layout = network_.layout();
    parameters_ = at::empty({layout.num_parameters}, kType<Real>);
    buffers_.resize(static_cast<std::size_t>(layout.num_buffers));
    counters_.resize(static_cast<std::size_t>(layout.num_counters));
    std::vector<float> initial(parameters().size());
    network_.InitialParameters(0, initial);
    std::copy(initial.begin(), initial.end(), parameters().begin());
    network_.InitialBuffers(buffers_);
    network_.InitialCounters(counters_);
    if (network_.script() != nullptr) {
      script_ = MakeScriptRunner(*network_.script());
    }
    for (const TensorEntry& entry : layout.parameters) {
      // Leaves are views of the flat buffer: autograd sees tensors, everybody
      // else sees one vector.
      at::Tensor leaf =
          View(parameters().subspan(static_cast<std::size_t>(entry.offset),
                                    static_cast<std::size_t>(entry.size)),
               entry.shape);
      leaf.set_requires_grad(true);
      leaves_.push_back(std::move(leaf));
    }
  }

  std::span<Real> parameters() override {
    return {parameters_.mutable_data_ptr<Real>(),
            static_cast<std::size_t>(parameters_.numel())};
  }
  std::span<float> buffers() override { return buffers_; }
  std::span<std::int64_t> counters() override { return counters_; }

  void ResetMomentum() override {
    if (velocity_.defined()) velocity_.zero_();
  }

  double Step(const Batch& batch,
              const StepRule<Real>& rule,
              core::Stream& dropout) override {
    if (rule.momentum != 0.0 && !velocity_.defined()) {
      velocity_ = at::zeros_like(parameters_);
    }
    DrawMasks(batch.size, dropout);
    if (rule.max_example_norm > 0.0) return StepByExample(batch, rule);
    const double loss = Backward(batch, Mode::kTrain);
    double factor = 1.0;
    if (rule.max_gradient_norm > 0.0) {
      double squares = 0.0;
      for (const at::Tensor& leaf : leaves_) {
        const double norm = leaf.grad().norm().template item<double>();
        squares += norm * norm;
      }
      factor = ClipFactor(std::sqrt(squares), rule.max_gradient_norm);
    }
    ForEachGradient([&](const at::Tensor& gradient, std::size_t offset) {
      const at::Tensor clipped =
          factor == 1.0 ? gradient : (gradient * factor).contiguous();
      Apply(rule,
            {clipped.const_data_ptr<Real>(),
             static_cast<std::size_t>(clipped.numel())},
            offset);
    });
    return loss;
  }

  double AddGradient(const Batch& batch,
                     Real scale,
                     std::span<Real> out) override {
    FEDTORCH_CHECK(out.size() == parameters().size(), "wrong size");
    const double loss = Backward(batch, Mode::kGradient);
    AddTo(out, scale);
    return loss;
  }

  void ExampleGradientNorms(const Batch& batch,
                            std::span<double> out) override {
    FEDTORCH_CHECK(out.size() == static_cast<std::size_t>(batch.size),
                   "wrong size");
    for (std::int64_t i = 0; i < batch.size; ++i) {
      Backward(Example(batch, i), Mode::kGradient);
      out[static_cast<std::size_t>(i)] = TakeGradientNorm();
    }
  }

  void Predict(const Batch& batch, const Predictions& out) override {
    const c10::InferenceMode guard;
    const at::Tensor logits = Forward(batch, Mode::kEvaluate);
    const at::Tensor log_probabilities =
        at::log_softmax(logits, 1).contiguous();
    const Real* rows = log_probabilities.const_data_ptr<Real>();
    const auto classes = static_cast<std::size_t>(logits.size(1));
    const auto positions = static_cast<std::size_t>(logits.size(0));
    FEDTORCH_CHECK(out.losses.size() == positions, "wrong size");
    for (std::size_t i = 0; i < positions; ++i) {
      const Real* row = rows + i * classes;
      // The lowest class wins ties; NaN never compares greater.
      std::size_t best = 0;
      for (std::size_t c = 1; c < classes; ++c) {
        if (row[c] > row[best]) best = c;
      }
      out.predicted[i] = static_cast<std::int64_t>(best);
      out.losses[i] =
          static_cast<float>(-row[static_cast<std::size_t>(batch.targets[i])]);
      if (!out.second_scores.empty()) {
        out.second_scores[i] = static_cast<float>(std::exp(row[1]));
      }
    }
  }

 private:
  // Draws the masks of a step for the whole batch, in the order that
  // BasicSession states. at::dropout takes no generator: its draws would
  // follow the scheduling of the threads.
  void DrawMasks(std::int64_t size, core::Stream& stream) {
    masks_.clear();
    for (const model::DropoutMask& drawn : network_.dropout_masks()) {
      std::vector<std::int64_t> shape = drawn.shape;
      shape.insert(shape.begin(), size);
      at::Tensor mask = at::empty(shape, kType<Real>);
      Real* values = mask.mutable_data_ptr<Real>();
      const auto threshold = static_cast<std::uint64_t>(drawn.rate * 0x1p32);
      const auto scale = static_cast<Real>(1.0 / (1.0 - drawn.rate));
      for (std::int64_t j = 0; j < mask.numel(); ++j) {
        values[j] = stream.Bits32() < threshold ? Real{0} : scale;
      }
      masks_.push_back(drawn.is_image ? mask.permute({0, 3, 1, 2}) : mask);
    }
  }

  // The batch of example `i` alone.
  Batch Example(const Batch& batch, std::int64_t i) {
    const auto of = [&](auto values) {
      const std::size_t width =
          values.size() / static_cast<std::size_t>(batch.size);
      return values.subspan(static_cast<std::size_t>(i) * width, width);
    };
    first_example_ = i;
    return {.size = 1,
            .features = of(batch.features),
            .tokens = of(batch.tokens),
            .targets = of(batch.targets)};
  }

  double StepByExample(const Batch& batch, const StepRule<Real>& rule) {
    std::vector<Real> mean(parameters().size(), Real{0});
    double loss = 0.0;
    const double share = 1.0 / static_cast<double>(batch.size);
    for (std::int64_t i = 0; i < batch.size; ++i) {
      loss += share * Backward(Example(batch, i), Mode::kTrain);
      std::vector<Real> own(mean.size(), Real{0});
      AddTo(own, Real{1});
      const double factor =
          share * ClipFactor(NormOf(own), rule.max_example_norm);
      for (std::size_t j = 0; j < mean.size(); ++j) {
        mean[j] += static_cast<Real>(factor) * own[j];
      }
    }
    first_example_ = 0;
    const auto factor =
        static_cast<Real>(ClipFactor(NormOf(mean), rule.max_gradient_norm));
    for (Real& value : mean) value *= factor;
    Apply(rule, mean, 0);
    return loss;
  }

  static double NormOf(std::span<const Real> values) {
    double squares = 0.0;
    for (const Real value : values) {
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    return std::sqrt(squares);
  }

  double TakeGradientNorm() {
    std::vector<Real> own(parameters().size(), Real{0});
    AddTo(own, Real{1});
    first_example_ = 0;
    return NormOf(own);
  }

  void Apply(const StepRule<Real>& rule,
             std::span<const Real> gradient,
             std::size_t offset) {
    Real* velocity = rule.momentum != 0.0
                         ? velocity_.mutable_data_ptr<Real>() + offset
                         : nullptr;
    ApplyStep(rule,
              gradient.data(),
              offset,
              gradient.size(),
              parameters().data() + offset,
              velocity);
  }

  void AddTo(std::span<Real> out, Real scale) {
    ForEachGradient([&](const at::Tensor& gradient, std::size_t offset) {
      const Real* values = gradient.const_data_ptr<Real>();
      for (std::size_t i = 0; i < static_cast<std::size_t>(gradient.numel());
           ++i) {
        out[offset + i] += scale * values[i];
      }
    });
  }

  double Backward(const Batch& batch, Mode mode) {
    const at::Tensor logits = Forward(batch, mode);
    const at::Tensor loss =
        at::cross_entropy_loss(logits, View(batch.targets, {logits.size(0)}));
    loss.backward();
    return loss.template item<double>();
  }

  template <class Visit>
  void ForEachGradient(Visit visit) {
    const auto& entries = network_.layout().parameters;
    for (std::size_t t = 0; t < entries.size(); ++t) {
      at::Tensor& gradient = leaves_[t].mutable_grad();
      FEDTORCH_CHECK(gradient.defined(), "no gradient of " + entries[t].name);
      visit(gradient.contiguous(), static_cast<std::size_t>(entries[t].offset));
      // Dropped rather than zeroed: the next pass stores instead of adds.
      gradient.reset();
    }
  }

  // Returns logits [positions, classes].
  at::Tensor Forward(const Batch& batch, Mode mode) {
    const model::InputSpec& input = network_.input();
    std::vector<std::int64_t> shape{batch.size};
    shape.insert(shape.end(), input.shape.begin(), input.shape.end());
    at::Tensor x = input.tokens ? View(batch.tokens, shape)
                                : View(batch.features, shape).to(kType<Real>);
    next_parameter_ = 0;
    next_buffer_ = 0;
    next_counter_ = 0;
    next_mask_ = 0;
    x = Forward(network_.layers(), x, mode);
    return x.reshape({batch.size * input.target_length, input.num_classes});
  }

  at::Tensor Forward(const std::vector<Layer>& layers,
                     at::Tensor x,
                     Mode mode) {
    for (const Layer& layer : layers) x = Forward(layer, x, mode);
    return x;
  }

  const at::Tensor& NextParameter() { return leaves_[next_parameter_++]; }

  at::Tensor NextBuffer() {
    const TensorEntry& entry = network_.layout().buffers[next_buffer_++];
    return View(std::span<const float>(buffers_).subspan(
                    static_cast<std::size_t>(entry.offset),
                    static_cast<std::size_t>(entry.size)),
                entry.shape);
  }

  at::Tensor Forward(const Layer& layer, const at::Tensor& x, Mode mode) {
    switch (layer.type) {
      case LayerType::kDense: {
        const at::Tensor& weight = NextParameter();
        if (!layer.bias) return at::matmul(x, weight);
        const at::Tensor& bias = NextParameter();
        if (x.dim() == 2) return at::addmm(bias, x, weight);
        return at::matmul(x, weight) + bias;
      }
      case LayerType::kConvolution: {
        const at::Tensor weight = NextParameter().permute({3, 2, 0, 1});
        return at::conv2d(
            x,
            weight,
            layer.bias ? std::optional(NextParameter()) : std::nullopt,
            layer.stride,
            layer.padding);
      }
      case LayerType::kMaxPool:
        return at::max_pool2d(
            x, layer.kernel, layer.stride, layer.padding, 1, layer.ceiling);
      case LayerType::kAveragePool:
        return at::avg_pool2d(
            x, layer.kernel, layer.stride, layer.padding, layer.ceiling, false);
      case LayerType::kFlatten:
        return (x.dim() == 4 ? x.permute({0, 2, 3, 1}) : x).flatten(1);
      case LayerType::kRelu:
        return at::relu(x);
      case LayerType::kTanh:
        return at::tanh(x);
      case LayerType::kSigmoid:
        return at::sigmoid(x);
      case LayerType::kDropout:
        return Masked(layer, x, mode);
      case LayerType::kEmbedding:
        embedding_ = NextParameter();
        return at::embedding(embedding_, x);
      case LayerType::kLstm:
        return Lstm(layer, x);
      case LayerType::kLastPosition:
        return x.select(1, x.size(1) - 1);
      case LayerType::kBatchNorm:
        return BatchNorm(x, mode);
      case LayerType::kGroupNorm: {
        const at::Tensor& weight = NextParameter();
        const at::Tensor& bias = NextParameter();
        return at::group_norm(x, layer.groups, weight, bias, 1e-5);
      }
      case LayerType::kGelu:
        return at::gelu(x);
      case LayerType::kGlobalAveragePool:
        return x.mean({2, 3});
      case LayerType::kLayerNorm: {
        const at::Tensor& weight = NextParameter();
        const at::Tensor& bias = NextParameter();
        return at::layer_norm(x, {x.size(-1)}, weight, bias, 1e-5);
      }
      case LayerType::kPositionEmbedding:
        return x + NextParameter();
      case LayerType::kPositionEncoding:
        return x * std::sqrt(static_cast<double>(x.size(2))) +
               PositionEncoding(x.size(1), x.size(2));
      case LayerType::kSelfAttention:
        return SelfAttention(layer, x, mode);
      case LayerType::kTiedDense:
        return at::matmul(x, embedding_.t());
      case LayerType::kTorchscript:
        return Torchscript(x);
      case LayerType::kResidual: {
        const at::Tensor sum = Forward(layer.body, x, mode);
        return sum + Forward(layer.shortcut, x, mode);
      }
    }
    FEDTORCH_CHECK(false, "unknown layer type");
    return x;
  }

  at::Tensor Masked(const Layer& layer, const at::Tensor& x, Mode mode) {
    if (mode != Mode::kTrain || layer.rate == 0.0) return x;
    return x * masks_[next_mask_++].narrow(0, first_example_, x.size(0));
  }

  // Sines in the even columns, cosines in the odd ones (Vaswani 2017, 3.5).
  static at::Tensor PositionEncoding(std::int64_t length, std::int64_t width) {
    at::Tensor table = at::empty({length, width}, kType<Real>);
    Real* values = table.mutable_data_ptr<Real>();
    for (std::int64_t t = 0; t < length; ++t) {
      for (std::int64_t j = 0; j < width; ++j) {
        const double exponent =
            static_cast<double>(j - j % 2) / static_cast<double>(width);
        const double angle =
            static_cast<double>(t) / std::pow(10000.0, exponent);
        values[t * width + j] =
            static_cast<Real>(j % 2 == 0 ? std::sin(angle) : std::cos(angle));
      }
    }
    return table;
  }

  // Written out rather than called from the library, whose fused forms choose
  // their own order of sums and draw their own dropout.
  at::Tensor SelfAttention(const Layer& layer, const at::Tensor& x, Mode mode) {
    const std::int64_t length = x.size(1);
    const std::int64_t width = x.size(2);
    const std::int64_t head = width / layer.heads;
    const at::Tensor& weight_qkv = NextParameter();
    const at::Tensor& bias_qkv = NextParameter();
    const at::Tensor& weight_out = NextParameter();
    const at::Tensor& bias_out = NextParameter();
    // [3, batch, heads, length, head]
    const at::Tensor projected =
        (at::matmul(x, weight_qkv) + bias_qkv)
            .reshape({x.size(0), length, 3, layer.heads, head})
            .permute({2, 0, 3, 1, 4});
    at::Tensor scores =
        at::matmul(projected[0], projected[1].transpose(-2, -1)) /
        std::sqrt(static_cast<double>(head));
    if (layer.causal) {
      const at::Tensor later = at::ones({length, length}, at::kBool).triu(1);
      scores =
          scores.masked_fill(later, -std::numeric_limits<double>::infinity());
    }
    const at::Tensor weights = Masked(layer, at::softmax(scores, -1), mode);
    const at::Tensor seen = at::matmul(weights, projected[2])
                                .transpose(1, 2)
                                .reshape({x.size(0), length, width});
    return at::matmul(seen, weight_out) + bias_out;
  }

  at::Tensor Lstm(const Layer& layer, const at::Tensor& x) {
    const at::Tensor weight_ih = NextParameter().t();
    const at::Tensor weight_hh = NextParameter().t();
    const at::Tensor& bias = NextParameter();
    const at::Tensor state =
        at::zeros({1, x.size(0), layer.units}, kType<Real>);
    const at::Tensor no_bias = at::zeros({4 * layer.units}, kType<Real>);
    return std::get<0>(at::lstm(x,
                                {state, state},
                                {weight_ih, weight_hh, bias, no_bias},
                                true,
                                1,
                                0.0,
                                false,
                                false,
                                true));
  }

  at::Tensor Torchscript(const at::Tensor& x) {
    std::vector<at::Tensor> buffers;
    for (std::size_t i = 0; i < network_.layout().buffers.size(); ++i) {
      buffers.push_back(NextBuffer().to(kType<Real>));
    }
    std::vector<at::Tensor> counters;
    for (const TensorEntry& entry : network_.layout().counters) {
      counters.push_back(View(std::span<const std::int64_t>(counters_).subspan(
                                  static_cast<std::size_t>(entry.offset),
                                  static_cast<std::size_t>(entry.size)),
                              entry.shape));
    }
    // A copy, since a script may write into its input.
    return script_->Forward(x.clone(), leaves_, buffers, counters);
  }

  at::Tensor BatchNorm(const at::Tensor& x, Mode mode) {
    const at::Tensor& weight = NextParameter();
    const at::Tensor& bias = NextParameter();
    const at::Tensor kept_mean = NextBuffer();
    const at::Tensor kept_variance = NextBuffer();
    // Copies for double; views of the buffers for float, which is also the
    // only type whose statistics are kept.
    const at::Tensor mean = kept_mean.to(kType<Real>);
    const at::Tensor variance = kept_variance.to(kType<Real>);
    std::int64_t& batches = counters_[next_counter_++];
    const bool stored = policy_ != model::BufferPolicy::kBatchStats;
    if (mode == Mode::kEvaluate && stored) {
      return at::batch_norm(
          x, weight, bias, mean, variance, false, 0.1, 1e-5, false);
    }
    if (x.numel() == x.size(1)) {
      // One value a channel has no variance; torch refuses it. The channel's
      // own scale is then unknown, so the stored statistics normalise it.
      return at::batch_norm(
          x, weight, bias, mean, variance, false, 0.1, 1e-5, false);
    }
    if (mode == Mode::kTrain && stored) {
      ++batches;
      return at::batch_norm(
          x, weight, bias, mean, variance, true, 0.1, 1e-5, false);
    }
    return at::batch_norm(x, weight, bias, {}, {}, true, 0.1, 1e-5, false);
  }

  const model::Network& network_;
  const model::BufferPolicy policy_;
  at::Tensor parameters_;
  at::Tensor velocity_;
  std::vector<float> buffers_;
  std::vector<std::int64_t> counters_;
  std::vector<at::Tensor> leaves_;
  std::unique_ptr<ScriptRunner> script_;  // null where layers are listed
  at::Tensor embedding_;                  // of this pass, for tied_dense
  std::vector<at::Tensor> masks_;         // of this step, [batch, ...]
  std::int64_t first_example_ = 0;  // where the batch at hand starts in them
  std::size_t next_parameter_ = 0;
  std::size_t next_buffer_ = 0;
  std::size_t next_counter_ = 0;
  std::size_t next_mask_ = 0;
};

}  // namespace

template <class Real>
std::unique_ptr<BasicSession<Real>> MakeAutogradSession(
    const model::Network& network, model::BufferPolicy policy) {
  return std::make_unique<AutogradSession<Real>>(network, policy);
}

template std::unique_ptr<BasicSession<float>> MakeAutogradSession(
    const model::Network&, model::BufferPolicy);
template std::unique_ptr<BasicSession<double>> MakeAutogradSession(
    const model::Network&, model::BufferPolicy);

}  // namespace fedtorch::engine
