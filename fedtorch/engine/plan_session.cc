#include "fedtorch/core/errors.h"
#include "fedtorch/engine/plan_stage.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/kernel/cells.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace fedtorch::engine {
namespace {

using model::Layer;
using model::LayerType;

std::size_t Size(std::int64_t value) { return static_cast<std::size_t>(value); }

// Values of all fields of a pass that does not have to hold a whole batch:
// about what the second-level cache holds.
constexpr std::size_t kPassValues = std::size_t{1} << 18;
constexpr std::size_t kSmallestPass = 16;
constexpr std::size_t kLargestPass = 512;
// Values that the samples passing together through the image stages may have,
// outputs and gradients: half of a second-level cache of 1 MiB.
constexpr std::size_t kPartValues = std::size_t{1} << 17;

template <class Real>
class PlanSession final : public BasicSession<Real> {
 public:
  explicit PlanSession(const model::Network& network)
      : positions_(Size(network.input().target_length)),
        classes_(Size(network.input().num_classes)),
        sample_values_(1),
        size_(Size(network.num_parameters())),
        stages_(plan::Lower<Real>(network)) {
    for (const std::int64_t side : network.input().shape) {
      sample_values_ *= Size(side);
    }
    // The largest tensor starts at a cache line; the others follow it.
    std::size_t largest = 0;
    std::size_t offset = 0;
    for (const auto& entry : network.layout().parameters) {
      if (Size(entry.size) > largest) {
        largest = Size(entry.size);
        offset = Size(entry.offset);
      }
    }
    constexpr std::size_t kLine = 64 / sizeof(Real);
    shift_ = (kLine - offset % kLine) % kLine;
    parameters_.Reserve(size_ + shift_);
    std::vector<float> initial(size_);
    network.InitialParameters(0, initial);
    std::copy(initial.begin(), initial.end(), parameters().begin());

    std::size_t values = 0;
    bool trained = false;
    for (auto& stage : stages_) {
      values += stage->output().per_sample();
      passes_on_.push_back(trained);
      trained = trained || stage->has_parameters();
    }
    // The leading stages that go sample by sample, the input not counted.
    std::size_t part_values = 0;
    while (images_ + 1 < stages_.size() && stages_[images_ + 1]->by_sample()) {
      ++images_;
      part_values += 2 * stages_[images_]->output().per_sample();
    }
    part_ = std::max<std::size_t>(
        1, kPartValues / std::max<std::size_t>(part_values, 1));
    pass_size_ = std::clamp(kPassValues / std::max<std::size_t>(values, 1),
                            kSmallestPass,
                            kLargestPass);
  }

  std::span<Real> parameters() override {
    if (start_ != nullptr) {
      std::copy_n(start_, size_, own());
      start_ = nullptr;
    }
    return {own(), size_};
  }
  void StartFrom(std::span<const Real> global) override {
    FEDTORCH_CHECK(global.size() == size_, "wrong size");
    start_ = global.data();
  }
  std::span<const Real> GiveParameters(
      core::AlignedBuffer<Real>* memory) override {
    parameters();
    memory->Reserve(size_ + shift_);
    std::swap(*memory, parameters_);
    return {memory->data() + shift_, size_};
  }
  std::span<float> buffers() override { return {}; }
  std::span<std::int64_t> counters() override { return {}; }

  void ResetMomentum() override {
    std::fill_n(velocity_.data(), velocity_.size(), Real{0});
  }

  double Step(const Batch& batch,
              const StepRule<Real>& rule,
              core::Stream& dropout) override {
    const auto pass = Begin(batch, &dropout);
    const auto count = static_cast<double>(batch.size);
    const bool by_example = rule.max_example_norm > 0.0;
    const double mean =
        Loss(batch, by_example ? 1.0 : 1.0 / count) / (by_example ? count : 1);
    Backward(pass);
    if (by_example) ClipExamples(pass, rule.max_example_norm);
    Collect(pass);
    double clip = 1.0;
    if (rule.max_gradient_norm > 0.0) {
      double squares = 0.0;
      for (auto& stage : stages_) squares += stage->SquaredNorm(pass);
      clip = ClipFactor(std::sqrt(squares), rule.max_gradient_norm);
    }
    plan::Change<Real> change = ChangeOf(rule, clip);
    if (change.update.form == kernel::Update<Real>::Form::kAdd) {
      change.update.start = start_;
    } else {
      parameters();  // the other forms work in place
    }
    for (auto& stage : stages_) stage->Move(pass, change, own());
    start_ = nullptr;
    return mean;
  }

  double AddGradient(const Batch& batch,
                     Real scale,
                     std::span<Real> out) override {
    FEDTORCH_CHECK(out.size() == size_, "wrong size");
    double loss = 0.0;
    InParts(batch, [&](const Batch& part, std::size_t) {
      const auto pass = Begin(part, nullptr);
      loss += Loss(part, 1.0 / static_cast<double>(batch.size));
      Backward(pass);
      Collect(pass);
      for (auto& stage : stages_) {
        stage->Move(pass, {.update = {}, .scale = scale}, out.data());
      }
    });
    return loss;
  }

  void ExampleGradientNorms(const Batch& batch,
                            std::span<double> out) override {
    FEDTORCH_CHECK(out.size() == Size(batch.size), "wrong size");
    InParts(batch, [&](const Batch& part, std::size_t first) {
      const auto pass = Begin(part, nullptr);
      Loss(part, 1.0);
      Backward(pass);
      const auto norms = out.subspan(first, pass.batch);
      ExampleNorms(pass, norms);
    });
  }

  void Predict(const Batch& batch, const Predictions& out) override {
    FEDTORCH_CHECK(out.losses.size() == Size(batch.size) * positions_,
                   "wrong size");
    InParts(batch, [&](const Batch& part, std::size_t first) {
      Begin(part, nullptr);
      const auto count = Size(part.size) * positions_;
      Targets(part);
      Real* logits = stages_.back()->output().data();
      if (positions_ == 1) {
        kernel::SoftmaxPredict(count,
                               classes_,
                               targets_.data(),
                               logits,
                               out.losses.data() + first,
                               out.predicted.data() + first,
                               out.second_scores.empty()
                                   ? nullptr
                                   : out.second_scores.data() + first);
        return;
      }
      losses_.Reserve(count);
      predicted_.Reserve(count);
      seconds_.Reserve(count);
      kernel::SoftmaxPredict(count,
                             classes_,
                             targets_.data(),
                             logits,
                             losses_.data(),
                             predicted_.data(),
                             classes_ > 1 ? seconds_.data() : nullptr);
      // Back from position by position to sample by sample.
      const auto samples = Size(part.size);
      for (std::size_t i = 0; i < samples; ++i) {
        for (std::size_t t = 0; t < positions_; ++t) {
          const std::size_t to = (first + i) * positions_ + t;
          const std::size_t from = t * samples + i;
          out.losses[to] = losses_.data()[from];
          out.predicted[to] = predicted_.data()[from];
          if (!out.second_scores.empty()) {
            out.second_scores[to] = seconds_.data()[from];
          }
        }
      }
    });
  }

 private:
  using Pass = plan::Pass<Real>;

  Real* own() { return parameters_.data() + shift_; }

  // Loads a batch and runs it forward.
  Pass Begin(const Batch& batch, core::Stream* dropout) {
    Pass pass{.batch = Size(batch.size),
              .training = dropout != nullptr,
              .parameters = start_ != nullptr ? start_ : own(),
              .dropout = dropout,
              .tokens = batch.tokens};
    if (pass.batch > reserved_) {
      for (std::size_t i = 0; i < stages_.size(); ++i) {
        // The last of the image stages gets its gradient for all samples.
        const bool by_part = i > 0 && i < images_;
        stages_[i]->Reserve(pass.batch,
                            by_part ? std::min(part_, pass.batch) : pass.batch);
      }
      reserved_ = pass.batch;
    }
    static_cast<plan::Input<Real>&>(*stages_.front()).Load(batch);
    ForEachPart(pass, [&](const Pass& part) {
      for (std::size_t i = 1; i <= images_; ++i) stages_[i]->Forward(part);
    });
    for (std::size_t i = images_ + 1; i < stages_.size(); ++i) {
      stages_[i]->Forward(pass);
    }
    return pass;
  }

  // Calls work(part) for parts of a pass that fit the cache.
  template <class Work>
  void ForEachPart(const Pass& pass, const Work& work) {
    if (images_ == 0) return;
    for (std::size_t first = 0; first < pass.batch; first += part_) {
      Pass part = pass;
      part.first = first;
      part.batch = std::min(part_, pass.batch - first);
      work(part);
    }
  }

  // Targets in the order of the fields.
  void Targets(const Batch& batch) {
    const auto samples = Size(batch.size);
    targets_.Reserve(samples * positions_);
    for (std::size_t i = 0; i < samples; ++i) {
      for (std::size_t t = 0; t < positions_; ++t) {
        targets_.data()[t * samples + i] = batch.targets[i * positions_ + t];
      }
    }
  }

  // Turns scores into the gradient of `weight` * (sum of the samples' losses);
  // a sample's loss is the mean over its positions. Returns that sum, weighted.
  double Loss(const Batch& batch, double weight) {
    Targets(batch);
    plan::Stage<Real>& last = *stages_.back();
    const std::size_t rows = Size(batch.size) * positions_;
    std::copy_n(last.output().data(), rows * classes_, last.gradient().data());
    const double each = weight / static_cast<double>(positions_);
    const double loss =
        each * kernel::SoftmaxCrossEntropy(rows,
                                           classes_,
                                           targets_.data(),
                                           static_cast<Real>(each),
                                           last.gradient().data());
    plan::PassRectifier(last, Pass{.batch = Size(batch.size)});
    return loss;
  }

  // Goes back to the image stages; those are gone through part by part, by
  // whoever needs their gradients.
  void Backward(const Pass& pass) {
    for (std::size_t i = stages_.size() - 1; i > images_; --i) {
      stages_[i]->BeginBackward(pass);
      if (passes_on_[i]) stages_[i]->Backward(pass);
    }
  }

  // Gathers the gradients that are not computed on the way into the weights.
  void Collect(const Pass& pass) {
    for (std::size_t i = images_ + 1; i < stages_.size(); ++i) {
      stages_[i]->CollectGradient(pass);
    }
    ForEachPart(pass, [&](const Pass& part) {
      for (std::size_t i = images_; i > 0; --i) {
        stages_[i]->CollectGradient(part);
        if (passes_on_[i]) stages_[i]->Backward(part);
      }
    });
  }

  void ExampleNorms(const Pass& pass, std::span<double> norms) {
    std::fill(norms.begin(), norms.end(), 0.0);
    for (std::size_t i = images_ + 1; i < stages_.size(); ++i) {
      stages_[i]->AddExampleNorms(pass, norms);
    }
    ForEachPart(pass, [&](const Pass& part) {
      for (std::size_t i = images_; i > 0; --i) {
        stages_[i]->AddExampleNorms(part,
                                    norms.subspan(part.first, part.batch));
        if (passes_on_[i]) stages_[i]->Backward(part);
      }
    });
    for (double& norm : norms) norm = std::sqrt(norm);
  }

  // Turns sums of the examples' gradients into the mean of the clipped ones.
  void ClipExamples(const Pass& pass, double max) {
    norms_.Reserve(pass.batch);
    factors_.Reserve(pass.batch);
    const auto norms = norms_.first(pass.batch);
    const auto factors = factors_.first(pass.batch);
    ExampleNorms(pass, norms);
    for (std::size_t i = 0; i < pass.batch; ++i) {
      factors[i] = static_cast<Real>(ClipFactor(norms[i], max) /
                                     static_cast<double>(pass.batch));
    }
    // The image stages before the last get what the last passes on.
    for (std::size_t i = std::max<std::size_t>(images_, 1); i < stages_.size();
         ++i) {
      stages_[i]->ScaleExamples(pass, factors);
    }
  }

  plan::Change<Real> ChangeOf(const StepRule<Real>& rule, double clip) {
    using Form = typename kernel::Update<Real>::Form;
    plan::Change<Real> change;
    kernel::Update<Real>& update = change.update;
    const bool prox = rule.prox != 0.0;
    if (prox) update.anchor = rule.anchor.data();
    if (!rule.linear.empty()) update.linear = rule.linear.data();
    if (rule.momentum != 0.0) {
      velocity_.Reserve(size_);
      update.form = Form::kMomentum;
      update.momentum = static_cast<Real>(rule.momentum);
      update.decay = static_cast<Real>(rule.weight_decay);
      update.prox = static_cast<Real>(rule.prox);
      update.lr = static_cast<Real>(rule.lr);
      update.velocity = velocity_.data();
      change.scale = static_cast<Real>(clip);
      return change;
    }
    change.scale = static_cast<Real>(-rule.lr * clip);
    if (prox || rule.weight_decay != 0.0 || update.linear != nullptr) {
      update.form = Form::kAffine;
      update.keep =
          static_cast<Real>(1.0 - rule.lr * (rule.weight_decay + rule.prox));
      update.to_anchor = static_cast<Real>(rule.lr * rule.prox);
      update.to_linear = static_cast<Real>(-rule.lr);
    }
    return change;
  }

  // Calls work(part, first sample) for parts of a batch that fit the cache.
  template <class Work>
  void InParts(const Batch& batch, const Work& work) {
    const auto total = Size(batch.size);
    for (std::size_t first = 0; first < total; first += pass_size_) {
      const std::size_t count = std::min(pass_size_, total - first);
      const auto of = [&](auto values, std::size_t width) {
        return values.empty() ? values
                              : values.subspan(first * width, count * width);
      };
      work({.size = static_cast<std::int64_t>(count),
            .features = of(batch.features, sample_values_),
            .tokens = of(batch.tokens, sample_values_),
            .targets = of(batch.targets, positions_)},
           first);
    }
  }

  const std::size_t positions_, classes_;
  std::size_t sample_values_;
  const std::size_t size_;
  std::vector<std::unique_ptr<plan::Stage<Real>>> stages_;
  std::vector<bool> passes_on_;  // whether a stage has to run Backward
  std::size_t images_ = 0;       // stages 1 to here go part by part
  std::size_t part_ = 1;         // samples of a part
  std::size_t pass_size_ = 0;
  std::size_t reserved_ = 0;
  std::size_t shift_ = 0;
  const Real* start_ = nullptr;  // where the parameters are before a first step
  core::AlignedBuffer<Real> parameters_, velocity_, factors_;
  core::AlignedBuffer<double> norms_;
  core::AlignedBuffer<std::int64_t> targets_, predicted_;
  core::AlignedBuffer<float> losses_, seconds_;
};

}  // namespace

std::string PlanObstacle(const model::Network& network,
                         model::BufferPolicy /*policy*/) {
  const auto& layers = network.layers();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const std::string name = "layer " + network.report()[i].name;
    switch (layer.type) {
      case LayerType::kDense:
      case LayerType::kMaxPool:
      case LayerType::kAveragePool:
      case LayerType::kRelu:
      case LayerType::kTanh:
      case LayerType::kSigmoid:
      case LayerType::kDropout:
      case LayerType::kEmbedding:
      case LayerType::kLstm:
      case LayerType::kLastPosition:
        break;
      case LayerType::kFlatten:
        if (network.shape_before(i).size() == 2) {
          return name + " of a sequence has no plan";
        }
        break;
      case LayerType::kConvolution:
        if (layer.stride != 1) {
          return name + " has a stride of " + std::to_string(layer.stride) +
                 "; the plan has only stride 1";
        }
        if (layer.padding >= layer.kernel) {
          return name + " is padded by its whole width, which has no plan";
        }
        break;
      default:
        return name + " has no plan";
    }
  }
  return "";
}

template <class Real>
std::unique_ptr<BasicSession<Real>> MakePlanSession(
    const model::Network& network, model::BufferPolicy policy) {
  const std::string obstacle = PlanObstacle(network, policy);
  FEDTORCH_CHECK(obstacle.empty(), obstacle);
  return std::make_unique<PlanSession<Real>>(network);
}

template std::unique_ptr<BasicSession<float>> MakePlanSession(
    const model::Network&, model::BufferPolicy);
template std::unique_ptr<BasicSession<double>> MakePlanSession(
    const model::Network&, model::BufferPolicy);

}  // namespace fedtorch::engine
