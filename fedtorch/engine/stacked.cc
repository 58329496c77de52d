#include "fedtorch/engine/stacked.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/engine/stacked_batch.h"
#include "fedtorch/engine/stacked_layers.h"
#include "fedtorch/engine/stacked_sinks.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace fedtorch::engine {
namespace {

using model::Layer;
using model::LayerType;

template <class T>
constexpr at::ScalarType kType = c10::CppTypeToScalarType<T>::value;

template <class Real>
class StackOf final : public BasicStack<Real> {
 public:
  StackOf(const model::Network& network, const Device& device)
      : network_(network),
        device_(device.name),
        reader_(network, device_),
        layers_(MakeStackedLayers(network)) {}

  StackedWork Train(std::span<StackedClient<Real>> clients) override {
    const c10::InferenceMode guard;
    std::vector<Source> sources;
    for (StackedClient<Real>& client : clients) {
      sources.push_back(
          {client.steps, client.weights, {&client.next_batch, client.dropout}});
    }
    const std::vector<std::size_t> order = Order(sources);
    std::vector<StepRule<Real>*> rules;
    for (const std::size_t row : order) rules.push_back(&clients[row].rule);
    weights_ = SendRows(
        order.size(), [&](std::size_t k) { return sources[order[k]].weights; });
    TakeRules(rules);
    losses_ = at::zeros({Count(order)}, Options().dtype(at::kDouble));
    StackedWork work;
    RunSteps(
        sources, order, &work, [&](const StackedBatch& input) { Step(input); });
    ReturnRows(
        weights_, order, [&](std::size_t row) { return clients[row].weights; });
    ReturnLosses(order,
                 [&](std::size_t row) -> double& { return clients[row].loss; });
    Release();
    return work;
  }

  StackedWork Gradients(std::span<StackedGradient<Real>> clients) override {
    const c10::InferenceMode guard;
    std::vector<Source> sources;
    for (StackedGradient<Real>& client : clients) {
      sources.push_back(
          {client.batches, client.weights, {&client.next_batch, nullptr}});
    }
    const std::vector<std::size_t> order = Order(sources);
    weights_ = SendRows(
        order.size(), [&](std::size_t k) { return sources[order[k]].weights; });
    losses_ = at::zeros({Count(order)}, Options().dtype(at::kDouble));
    at::Tensor sums = Zeros({Count(order), network_.num_parameters()});
    StackedWork work;
    RunSteps(sources, order, &work, [&](const StackedBatch& input) {
      const StackedPass pass = PassOf(input);
      GradientBuffer buffer(pass);
      // Sums over samples; the division by their number comes at the end.
      Backward(pass,
               Loss(pass, input),
               input.shares * Beside(input.counts, 2),
               buffer);
      sums.narrow(0, 0, pass.clients()).add_(buffer.gradients());
    });
    at::Tensor samples =
        Upload({samples_.begin(), samples_.end()}, {Count(order), 1});
    sums.div_(samples.clamp_min_(1));
    ReturnRows(sums, order, [&](std::size_t row) { return clients[row].out; });
    ReturnLosses(order,
                 [&](std::size_t row) -> double& { return clients[row].loss; });
    Release();
    return work;
  }

 private:
  // What a client gives, whatever is asked for.
  struct Source {
    std::int64_t steps;
    std::span<const Real> weights;
    StackedSource batches;
  };

  // Gives the memory of a call back before the next one takes its own.
  void Release() {
    weights_ = at::Tensor();
    velocity_ = at::Tensor();
    corrections_ = {};
  }

  static std::int64_t Count(const std::vector<std::size_t>& order) {
    return static_cast<std::int64_t>(order.size());
  }

  // Client of each row, most steps first; equal ones as given.
  static std::vector<std::size_t> Order(const std::vector<Source>& sources) {
    std::vector<std::size_t> order(sources.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(
        order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
          return sources[left].steps > sources[right].steps;
        });
    return order;
  }

  at::TensorOptions Options() const {
    return at::TensorOptions().dtype(kType<Real>).device(device_);
  }
  at::Tensor Zeros(std::vector<std::int64_t> shape) const {
    return at::zeros(shape, Options());
  }
  // A copy on every device: the values may go at once.
  at::Tensor Upload(const std::vector<Real>& values,
                    const std::vector<std::int64_t>& shape) const {
    return at::from_blob(const_cast<Real*>(values.data()), shape, kType<Real>)
        .to(device_, /*non_blocking=*/false, /*copy=*/true);
  }

  // Makes [rows, d] on the device from one vector a row, in one copy; a row
  // whose vector is empty is zero.
  template <class RowOf>
  at::Tensor SendRows(std::size_t rows, RowOf row_of) const {
    const auto size = static_cast<std::size_t>(network_.num_parameters());
    at::Tensor host =
        at::zeros({static_cast<std::int64_t>(rows), network_.num_parameters()},
                  kType<Real>);
    Real* out = host.mutable_data_ptr<Real>();
    for (std::size_t k = 0; k < rows; ++k) {
      const std::span<const Real> values = row_of(k);
      if (values.empty()) continue;
      FEDTORCH_CHECK(values.size() == size, "wrong size");
      std::copy(values.begin(), values.end(), out + k * size);
    }
    return host.to(device_);
  }
  template <class RowOf>
  void ReturnRows(const at::Tensor& rows,
                  const std::vector<std::size_t>& order,
                  RowOf row_of) const {
    const auto size = static_cast<std::size_t>(network_.num_parameters());
    const at::Tensor host = rows.cpu();
    const Real* values = host.const_data_ptr<Real>();
    for (std::size_t k = 0; k < order.size(); ++k) {
      const std::span<Real> out = row_of(order[k]);
      FEDTORCH_CHECK(out.size() == size, "wrong size");
      std::copy(values + k * size, values + (k + 1) * size, out.begin());
    }
  }
  template <class LossOf>
  void ReturnLosses(const std::vector<std::size_t>& order, LossOf loss_of) {
    const at::Tensor host = losses_.cpu();
    const double* sums = host.const_data_ptr<double>();
    for (std::size_t k = 0; k < order.size(); ++k) {
      loss_of(order[k]) = samples_[k] > 0.0 ? sums[k] / samples_[k] : 0.0;
    }
  }

  void TakeRules(const std::vector<StepRule<Real>*>& rules) {
    const std::size_t clients = rules.size();
    // One value a client; undefined when all are `absent`.
    const auto column = [&](auto value_of, double absent) {
      std::vector<Real> values;
      for (const StepRule<Real>* rule : rules) {
        values.push_back(static_cast<Real>(value_of(*rule)));
      }
      const bool none =
          std::all_of(values.begin(), values.end(), [absent](Real value) {
            return value == static_cast<Real>(absent);
          });
      return none ? at::Tensor()
                  : Upload(values, {static_cast<std::int64_t>(clients)});
    };
    const auto limit = [](double max) {
      return max > 0.0 ? max : std::numeric_limits<double>::infinity();
    };
    const double none = std::numeric_limits<double>::infinity();
    corrections_ = {};  // a call that failed leaves its own
    corrections_.lr = column([](const auto& rule) { return rule.lr; }, -1.0);
    corrections_.decay =
        column([](const auto& rule) { return rule.weight_decay; }, 0.0);
    corrections_.prox = column([](const auto& rule) { return rule.prox; }, 0.0);
    momentum_ = column([](const auto& rule) { return rule.momentum; }, 0.0);
    max_gradient_norm_ = column(
        [&](const auto& rule) { return limit(rule.max_gradient_norm); }, none);
    max_example_norm_ = column(
        [&](const auto& rule) { return limit(rule.max_example_norm); }, none);
    if (corrections_.prox.defined()) {
      // Usually all pull towards the model that all received: one row then.
      const auto anchor = [&](std::size_t k) {
        return rules[k]->prox != 0.0 ? rules[k]->anchor
                                     : std::span<const Real>{};
      };
      const bool shared = std::all_of(
          rules.begin(), rules.end(), [&](const StepRule<Real>* rule) {
            return rule->prox != 0.0 &&
                   rule->anchor.data() == rules[0]->anchor.data();
          });
      corrections_.anchor = SendRows(shared ? 1 : clients, anchor);
    }
    if (std::any_of(rules.begin(), rules.end(), [](const auto* rule) {
          return !rule->linear.empty();
        })) {
      corrections_.linear =
          SendRows(clients, [&](std::size_t k) { return rules[k]->linear; });
    }
    if (momentum_.defined()) velocity_ = at::zeros_like(weights_);
  }

  // Calls `step` for every step with what its clients read.
  template <class OneStep>
  void RunSteps(const std::vector<Source>& sources,
                const std::vector<std::size_t>& order,
                StackedWork* work,
                OneStep step) {
    std::vector<StackedSource> readers;
    for (const std::size_t row : order) {
      readers.push_back(sources[row].batches);
      work->client_steps += sources[row].steps;
    }
    samples_.assign(order.size(), 0.0);
    const std::int64_t longest = order.empty() ? 0 : sources[order[0]].steps;
    std::size_t active = order.size();
    for (std::int64_t t = 0; t < longest; ++t) {
      while (sources[order[active - 1]].steps <= t) --active;
      const StackedBatch input = reader_.Read(std::span(readers).first(active));
      work->slots += static_cast<std::int64_t>(active);
      work->samples += input.samples;
      work->sample_slots += static_cast<std::int64_t>(active) * input.batch;
      for (std::size_t k = 0; k < active; ++k) {
        samples_[k] += static_cast<double>(input.sizes[k]);
      }
      step(input);
    }
  }

  StackedPass PassOf(const StackedBatch& input) const {
    return {.weights = weights_.narrow(0, 0, input.counts.size(0)),
            .masks = input.masks};
  }

  // Runs forward, adds to the clients' sums of losses, and returns the gradient
  // of each position's own loss, [K, positions, classes].
  at::Tensor Loss(const StackedPass& pass, const StackedBatch& input) {
    at::Tensor x = input.x;
    for (const auto& layer : layers_) x = layer->Forward(pass, x);
    const at::Tensor logs = at::log_softmax(
        x.reshape({pass.clients(), -1, network_.input().num_classes}), 2);
    const at::Tensor target = input.targets.unsqueeze(2);
    // shares * counts: the mean over an example's positions, summed over
    // examples.
    losses_.narrow(0, 0, pass.clients())
        .sub_((logs.gather(2, target).squeeze(2) * input.shares)
                  .sum(1)
                  .mul_(input.counts));
    at::Tensor delta = logs.exp();
    delta.scatter_add_(
        2, target, at::full({1, 1, 1}, -1, Options()).expand(target.sizes()));
    return delta;
  }

  // Sends delta * shares back through the layers.
  void Backward(const StackedPass& pass,
                const at::Tensor& delta,
                const at::Tensor& shares,
                GradientSink& sink) {
    const model::InputSpec& input = network_.input();
    std::vector<std::int64_t> shape{pass.clients(), -1};
    if (input.target_length > 1) shape.push_back(input.target_length);
    shape.push_back(input.num_classes);
    at::Tensor gradient = (delta * shares.unsqueeze(2)).view(shape);
    std::size_t first = 0;
    while (first < layers_.size() && !layers_[first]->has_parameters()) ++first;
    for (std::size_t i = layers_.size(); i-- > first;) {
      gradient = layers_[i]->Backward(pass, gradient, i > first, sink);
    }
  }

  void Step(const StackedBatch& input) {
    const StackedPass pass = PassOf(input);
    const std::int64_t clients = pass.clients();
    const at::Tensor delta = Loss(pass, input);
    at::Tensor shares = input.shares;
    if (max_example_norm_.defined()) {
      ExampleNorms norms(pass, input.batch);
      Backward(pass, delta, shares * Beside(input.counts, 2), norms);
      const at::Tensor factors = ClipFactors(
          norms.Norms(), Beside(max_example_norm_.narrow(0, 0, clients), 2));
      shares = (shares.view({clients, input.batch, -1}) * factors.unsqueeze(2))
                   .view(shares.sizes());
    }
    const at::Tensor lr = Beside(corrections_.lr.narrow(0, 0, clients), 2);
    if (!momentum_.defined() && !max_gradient_norm_.defined()) {
      FusedUpdate update(pass, corrections_);
      Backward(pass, delta, shares * lr, update);
      return;
    }
    GradientBuffer buffer(pass);
    Backward(pass, delta, shares, buffer);
    at::Tensor step = buffer.gradients();
    if (max_gradient_norm_.defined()) {
      step.mul_(
          ClipFactors(at::linalg_vector_norm(step, 2, {1}, true),
                      Beside(max_gradient_norm_.narrow(0, 0, clients), 2)));
    }
    if (corrections_.any()) step.add_(corrections_.Of(pass.weights, 0));
    if (momentum_.defined()) {
      step = velocity_.narrow(0, 0, clients)
                 .mul_(Beside(momentum_.narrow(0, 0, clients), 2))
                 .add_(step);
    }
    at::Tensor moved = pass.weights;
    moved.sub_(step * lr);
  }

  // ClipFactor of engine/step_rule.h for tensors.
  static at::Tensor ClipFactors(const at::Tensor& norms,
                                const at::Tensor& max) {
    return at::where(norms > max, max / norms, at::ones_like(norms));
  }

  const model::Network& network_;
  at::Device device_;
  StackedReader<Real> reader_;
  std::vector<std::unique_ptr<StackedLayer>> layers_;

  // Of the call at hand, sorted like its rows.
  at::Tensor weights_;           // [K, d]
  at::Tensor velocity_;          // [K, d], undefined without momentum
  at::Tensor losses_;            // [K], sums over samples
  std::vector<double> samples_;  // [K], seen so far
  StackedCorrections corrections_;
  at::Tensor momentum_, max_gradient_norm_, max_example_norm_;  // [K]
};

}  // namespace

double StackedWork::useful_steps() const {
  return slots == 0
             ? 1.0
             : static_cast<double>(client_steps) / static_cast<double>(slots);
}

StackedWork& StackedWork::operator+=(const StackedWork& other) {
  client_steps += other.client_steps;
  slots += other.slots;
  samples += other.samples;
  sample_slots += other.sample_slots;
  return *this;
}

double StackedWork::useful_samples() const {
  return sample_slots == 0
             ? 1.0
             : static_cast<double>(samples) / static_cast<double>(sample_slots);
}

template <class Real>
std::unique_ptr<BasicStack<Real>> MakeStack(const model::Network& network,
                                            const Device& device) {
  return std::make_unique<StackOf<Real>>(network, device);
}

template std::unique_ptr<BasicStack<float>> MakeStack(const model::Network&,
                                                      const Device&);
template std::unique_ptr<BasicStack<double>> MakeStack(const model::Network&,
                                                       const Device&);

std::string StackedObstacle(const model::Network& network,
                            model::BufferPolicy /*policy*/) {
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const LayerType type = network.layers()[i].type;
    const std::string name =
        "layer " + std::to_string(i) + "." + std::string(ToText(type));
    switch (type) {
      case LayerType::kDense:
      case LayerType::kConvolution:
      case LayerType::kMaxPool:
      case LayerType::kAveragePool:
      case LayerType::kFlatten:
      case LayerType::kRelu:
      case LayerType::kTanh:
      case LayerType::kSigmoid:
      case LayerType::kDropout:
      case LayerType::kEmbedding:
      case LayerType::kLstm:
      case LayerType::kLastPosition:
      case LayerType::kGroupNorm:
        break;
      case LayerType::kBatchNorm:
        return name +
               " shares statistics over the batch and has no stacked form";
      default:
        return name + " has no stacked form";
    }
  }
  return "";
}

std::int64_t StackedBytes(const model::Network& network,
                          std::int64_t batch_size) {
  const auto count = [&network](std::size_t i) {
    std::int64_t product = 1;
    for (const std::int64_t side : network.shape_before(i)) product *= side;
    return product;
  };
  std::int64_t values = 0;
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const Layer& layer = network.layers()[i];
    const std::int64_t area = layer.kernel * layer.kernel;
    values += 3 * count(i + 1);
    if (layer.type == LayerType::kConvolution) {
      values +=
          2 * count(i + 1) / layer.units * area * network.shape_before(i)[0];
    } else if (layer.type == LayerType::kMaxPool ||
               layer.type == LayerType::kAveragePool) {
      values += 2 * count(i + 1) * area;
    }
  }
  return static_cast<std::int64_t>(sizeof(float)) *
         (5 * network.num_parameters() + batch_size * values);
}

}  // namespace fedtorch::engine
