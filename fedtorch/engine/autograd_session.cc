#include "fedtorch/core/errors.h"
#include "fedtorch/engine/session.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>
#include <optional>
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
at::Tensor View(std::span<const float> values,
                std::vector<std::int64_t> shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::kFloat);
}
at::Tensor View(std::span<const std::int64_t> values,
                std::vector<std::int64_t> shape) {
  return at::from_blob(
      const_cast<std::int64_t*>(values.data()), shape, at::kLong);
}

class AutogradSession final : public Session {
 public:
  AutogradSession(const model::Network& network, model::BufferPolicy policy)
      : network_(network), policy_(policy) {
    const auto& layout = network_.layout();
    parameters_ = at::empty({layout.num_parameters}, at::kFloat);
    velocity_ = at::Tensor();
    buffers_.resize(static_cast<std::size_t>(layout.num_buffers));
    counters_.assign(static_cast<std::size_t>(layout.num_counters), 0);
    network_.InitialParameters(0, parameters());
    network_.InitialBuffers(buffers_);
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

  std::span<float> parameters() override {
    return {parameters_.mutable_data_ptr<float>(),
            static_cast<std::size_t>(parameters_.numel())};
  }
  std::span<float> buffers() override { return buffers_; }
  std::span<std::int64_t> counters() override { return counters_; }

  void ResetMomentum() override {
    if (velocity_.defined()) velocity_.zero_();
  }

  double Step(const Batch& batch,
              const StepRule<float>& rule,
              core::Stream& dropout) override {
    if (rule.momentum != 0.0 && !velocity_.defined()) {
      velocity_ = at::zeros_like(parameters_);
    }
    const double loss = Backward(batch, Mode::kTrain, &dropout);
    float* weights = parameters_.mutable_data_ptr<float>();
    float* velocity =
        rule.momentum != 0.0 ? velocity_.mutable_data_ptr<float>() : nullptr;
    ForEachGradient(
        [&](const float* gradient, std::size_t offset, std::size_t size) {
          ApplyStep(rule,
                    gradient,
                    offset,
                    size,
                    weights + offset,
                    velocity == nullptr ? nullptr : velocity + offset);
        });
    return loss;
  }

  double AddGradient(const Batch& batch,
                     float scale,
                     std::span<float> out) override {
    FEDTORCH_CHECK(out.size() == parameters().size(), "wrong size");
    const double loss = Backward(batch, Mode::kGradient, nullptr);
    ForEachGradient(
        [&](const float* gradient, std::size_t offset, std::size_t size) {
          for (std::size_t i = 0; i < size; ++i) {
            out[offset + i] += scale * gradient[i];
          }
        });
    return loss;
  }

  void Predict(const Batch& batch, const Predictions& out) override {
    const c10::InferenceMode guard;
    const at::Tensor logits = Forward(batch, Mode::kEvaluate, nullptr);
    const at::Tensor log_probabilities =
        at::log_softmax(logits, 1).contiguous();
    const float* rows = log_probabilities.const_data_ptr<float>();
    const auto classes = static_cast<std::size_t>(logits.size(1));
    const auto positions = static_cast<std::size_t>(logits.size(0));
    FEDTORCH_CHECK(out.losses.size() == positions, "wrong size");
    for (std::size_t i = 0; i < positions; ++i) {
      const float* row = rows + i * classes;
      // The lowest class wins ties; NaN never compares greater.
      std::size_t best = 0;
      for (std::size_t c = 1; c < classes; ++c) {
        if (row[c] > row[best]) best = c;
      }
      out.predicted[i] = static_cast<std::int64_t>(best);
      out.losses[i] = -row[static_cast<std::size_t>(batch.targets[i])];
      if (!out.second_scores.empty()) {
        out.second_scores[i] = std::exp(row[1]);
      }
    }
  }

 private:
  double Backward(const Batch& batch, Mode mode, core::Stream* dropout) {
    const at::Tensor logits = Forward(batch, mode, dropout);
    const at::Tensor loss =
        at::cross_entropy_loss(logits, View(batch.targets, {logits.size(0)}));
    loss.backward();
    return loss.item<float>();
  }

  template <class Visit>
  void ForEachGradient(Visit visit) {
    const auto& entries = network_.layout().parameters;
    for (std::size_t t = 0; t < entries.size(); ++t) {
      at::Tensor& gradient = leaves_[t].mutable_grad();
      FEDTORCH_CHECK(gradient.defined(), "no gradient of " + entries[t].name);
      const at::Tensor dense = gradient.contiguous();
      visit(dense.const_data_ptr<float>(),
            static_cast<std::size_t>(entries[t].offset),
            static_cast<std::size_t>(entries[t].size));
      // Dropped rather than zeroed: the next pass stores instead of adds.
      gradient.reset();
    }
  }

  // Returns logits [positions, classes].
  at::Tensor Forward(const Batch& batch, Mode mode, core::Stream* dropout) {
    const model::InputSpec& input = network_.input();
    std::vector<std::int64_t> shape{batch.size};
    shape.insert(shape.end(), input.shape.begin(), input.shape.end());
    at::Tensor x =
        input.tokens ? View(batch.tokens, shape) : View(batch.features, shape);
    next_parameter_ = 0;
    next_buffer_ = 0;
    next_counter_ = 0;
    for (const Layer& layer : network_.layers()) {
      x = Apply(layer, x, mode, dropout);
    }
    return x.reshape({batch.size * input.target_length, input.num_classes});
  }

  const at::Tensor& NextParameter() { return leaves_[next_parameter_++]; }

  at::Tensor NextBuffer() {
    const TensorEntry& entry = network_.layout().buffers[next_buffer_++];
    return View(std::span<const float>(buffers_).subspan(
                    static_cast<std::size_t>(entry.offset),
                    static_cast<std::size_t>(entry.size)),
                entry.shape);
  }

  at::Tensor Apply(const Layer& layer,
                   const at::Tensor& x,
                   Mode mode,
                   core::Stream* dropout) {
    switch (layer.type) {
      case LayerType::kDense: {
        const at::Tensor& weight = NextParameter();
        return at::linear(
            x,
            weight,
            layer.bias ? std::optional(NextParameter()) : std::nullopt);
      }
      case LayerType::kConvolution: {
        const at::Tensor& weight = NextParameter();
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
        return x.flatten(1);
      case LayerType::kRelu:
        return at::relu(x);
      case LayerType::kTanh:
        return at::tanh(x);
      case LayerType::kSigmoid:
        return at::sigmoid(x);
      case LayerType::kDropout:
        return Drop(layer, x, mode, dropout);
      case LayerType::kEmbedding:
        return at::embedding(NextParameter(), x);
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
    }
    FEDTORCH_CHECK(false, "unknown layer type");
    return x;
  }

  // at::dropout takes no generator: its draws would follow the scheduling of
  // the threads. The mask is ours, from the client's stream.
  static at::Tensor Drop(const Layer& layer,
                         const at::Tensor& x,
                         Mode mode,
                         core::Stream* dropout) {
    if (mode != Mode::kTrain || layer.rate == 0.0) return x;
    at::Tensor mask = at::empty(x.sizes(), at::kFloat);
    float* values = mask.mutable_data_ptr<float>();
    const auto threshold = static_cast<std::uint64_t>(layer.rate * 0x1p32);
    const auto scale = static_cast<float>(1.0 / (1.0 - layer.rate));
    for (std::int64_t i = 0; i < mask.numel(); ++i) {
      values[i] = dropout->Bits32() < threshold ? 0.0F : scale;
    }
    return x * mask;
  }

  at::Tensor Lstm(const Layer& layer, const at::Tensor& x) {
    const at::Tensor& weight_ih = NextParameter();
    const at::Tensor& weight_hh = NextParameter();
    const at::Tensor& bias = NextParameter();
    const at::Tensor state = at::zeros({1, x.size(0), layer.units});
    const at::Tensor no_bias = at::zeros({4 * layer.units});
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

  at::Tensor BatchNorm(const at::Tensor& x, Mode mode) {
    const at::Tensor& weight = NextParameter();
    const at::Tensor& bias = NextParameter();
    at::Tensor mean = NextBuffer();
    at::Tensor variance = NextBuffer();
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
  std::size_t next_parameter_ = 0;
  std::size_t next_buffer_ = 0;
  std::size_t next_counter_ = 0;
};

}  // namespace

std::unique_ptr<Session> MakeAutogradSession(const model::Network& network,
                                             model::BufferPolicy policy) {
  return std::make_unique<AutogradSession>(network, policy);
}

}  // namespace fedtorch::engine
