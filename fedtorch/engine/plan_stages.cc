// The stages of images and columns, and the lowering of a network to stages.
#include "fedtorch/core/errors.h"
#include "fedtorch/engine/plan_stage.h"
#include "fedtorch/kernel/cells.h"
#include "fedtorch/kernel/pool.h"
#include "fedtorch/kernel/random_bits.h"
#include "fedtorch/kernel/vectors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <utility>

namespace fedtorch::engine::plan {
namespace {

using model::Layer;
using model::LayerType;
using model::TensorEntry;

std::size_t Size(std::int64_t value) { return static_cast<std::size_t>(value); }

template <class Real>
kernel::Rows<const Real> Const(const kernel::Rows<Real>& rows) {
  return {rows.data, rows.row_stride, rows.line_stride, rows.image_stride};
}

// Calls body(offset in a, offset in b, count) for runs of samples that lie in
// one piece in both of two fields of one shape.
template <class Real, class Body>
void ForEachRun(const Field<Real>& a,
                const Field<Real>& b,
                std::size_t batch,
                const Body& body) {
  if (a.padding() == 0 && b.padding() == 0) {
    body(std::size_t{0}, std::size_t{0}, batch * a.per_sample());
    return;
  }
  const std::size_t count = a.width() * a.channels();
  for (std::size_t i = 0; i < batch; ++i) {
    for (std::size_t line = 0; line < a.height(); ++line) {
      body(i * a.stride() + line * a.line_stride(),
           i * b.stride() + line * b.line_stride(),
           count);
    }
  }
}

// Update with pointers that start at a tensor.
template <class Real>
kernel::Update<Real> At(kernel::Update<Real> update, std::size_t offset) {
  if (update.start != nullptr) update.start += offset;
  if (update.anchor != nullptr) update.anchor += offset;
  if (update.linear != nullptr) update.linear += offset;
  if (update.velocity != nullptr) update.velocity += offset;
  return update;
}

// Rows of samples up to which a norm comes from inner products of rows rather
// than from the gradient itself.
constexpr std::size_t kGramRows = 32;

// Returns the squared norm of x^T d (and of the column sums of d, the bias's
// gradient). Few rows: sum_ij (x_i . x_j + bias) (d_i . d_j), without the
// gradient (Goodfellow 2015 for one row). `scratch` has in * out values.
template <class Real>
double SquaredNormOfProduct(const Real* x,
                            std::size_t x_stride,
                            std::size_t in,
                            const Real* d,
                            std::size_t d_stride,
                            std::size_t out,
                            std::size_t rows,
                            bool bias,
                            core::AlignedBuffer<Real>& scratch) {
  double sum = 0.0;
  if (rows <= kGramRows) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        const double inner =
            kernel::Dot(x + i * x_stride, x + j * x_stride, in) +
            (bias ? 1.0 : 0.0);
        const double outer =
            kernel::Dot(d + i * d_stride, d + j * d_stride, out);
        sum += (i == j ? 1.0 : 2.0) * inner * outer;
      }
    }
    // Rounding may leave a sum of squares below zero.
    return std::max(sum, 0.0);
  }
  scratch.Reserve((in + 1) * out);
  const auto gradient = scratch.first((in + 1) * out);
  std::fill(gradient.begin(), gradient.end(), Real{0});
  const kernel::Extent extent{.rows = rows};
  kernel::Multiply(
      kernel::UpdateProduct<Real>{.extent = extent,
                                  .x = {.data = x, .row_stride = x_stride},
                                  .depth = in,
                                  .d = {.data = d, .row_stride = d_stride},
                                  .columns = out,
                                  .w = gradient.data()});
  if (bias) {
    kernel::AddColumnSums(
        extent,
        kernel::Rows<const Real>{.data = d, .row_stride = d_stride},
        out,
        gradient.data() + in * out);
  }
  return kernel::Dot(gradient.data(), gradient.data(), gradient.size());
}

template <class Real>
class ImageInput final : public Input<Real> {
 public:
  ImageInput(Field<Real> field, bool tokens)
      : Input<Real>(nullptr, std::move(field)), tokens_(tokens) {}

  void Reserve(std::size_t batch, std::size_t) override {
    if (!Direct()) this->output_.Reserve(batch);
  }
  void Load(const Batch& batch) override {
    if (tokens_) return;
    Field<Real>& field = this->output_;
    const float* from = batch.features.data();
    const auto samples = Size(batch.size);
    if constexpr (std::is_same_v<Real, float>) {
      if (Direct()) {
        field.Borrow(const_cast<float*>(from));
        return;
      }
    }
    if (field.sequence()) {
      for (std::size_t i = 0; i < samples; ++i) {
        for (std::size_t t = 0; t < field.width(); ++t) {
          std::copy_n(from + (i * field.width() + t) * field.channels(),
                      field.channels(),
                      field.data() + (t * samples + i) * field.channels());
        }
      }
      return;
    }
    const std::size_t pixels = field.height() * field.width();
    for (std::size_t i = 0; i < samples; ++i) {
      const float* sample = from + i * pixels * field.channels();
      for (std::size_t line = 0; line < field.height(); ++line) {
        Real* to =
            field.data() + i * field.stride() + line * field.line_stride();
        for (std::size_t c = 0; c < field.channels(); ++c) {
          const float* values = sample + c * pixels + line * field.width();
          for (std::size_t j = 0; j < field.width(); ++j) {
            to[j * field.channels() + c] = static_cast<Real>(values[j]);
          }
        }
      }
    }
  }
  void Forward(const Pass<Real>&) override {}
  void Backward(const Pass<Real>&) override {}

 private:
  // A batch can be read where it lies when both orders are the same.
  bool Direct() const {
    const Field<Real>& field = this->output_;
    return std::is_same_v<Real, float> && !field.sequence() &&
           field.padding() == 0 &&
           (field.channels() == 1 || field.height() * field.width() == 1);
  }

  bool tokens_;
};

// A dense layer, the ReLU behind it, and the dropout behind that. On a
// sequence it acts on every position.
template <class Real>
class DenseStage final : public Stage<Real> {
 public:
  DenseStage(Stage<Real>* before,
             Field<Real> output,
             std::size_t in,
             const TensorEntry& weight,
             const TensorEntry* bias,
             bool relu,
             double dropout)
      : Stage<Real>(before, std::move(output)),
        in_(in),
        out_(this->output_.channels()),
        weight_(Size(weight.offset)),
        bias_(bias == nullptr ? 0 : Size(bias->offset)),
        has_bias_(bias != nullptr),
        dropout_(dropout) {
    this->rectified_ = relu;
    sums_.Reserve(out_);
  }

  void Reserve(std::size_t batch, std::size_t part) override {
    Stage<Real>::Reserve(batch, part);
    if (dropout_ > 0.0) mask_.Reserve(batch * this->output_.per_sample());
  }
  bool has_parameters() const override { return true; }

  void Forward(const Pass<Real>& pass) override {
    const std::size_t rows = Rows(pass);
    Real* y = this->output_.data();
    kernel::Multiply(kernel::ForwardProduct<Real>{
        .extent = {.rows = rows},
        .x = X(),
        .depth = in_,
        .w = pass.parameters + weight_,
        .columns = out_,
        .bias = has_bias_ ? pass.parameters + bias_ : nullptr,
        .y = {.data = y, .row_stride = out_},
        .relu = this->rectified_});
    this->slope_ = 1;
    if (dropout_ == 0.0 || !pass.training) return;
    this->slope_ = static_cast<Real>(1.0 / (1.0 - dropout_));
    const auto mask = mask_.first(rows * out_);
    DrawMask(dropout_, *pass.dropout, mask);
    for (std::size_t i = 0; i < mask.size(); ++i) y[i] *= mask[i];
  }

  void Backward(const Pass<Real>& pass) override {
    Stage<Real>& before = *this->before_;
    kernel::Multiply(kernel::BackwardProduct<Real>{
        .rows = Rows(pass),
        .columns = out_,
        .depth = in_,
        .d = this->gradient_.data(),
        .d_stride = out_,
        .w = pass.parameters + weight_,
        .dx = before.gradient().data(),
        .dx_stride = in_,
        .mask = before.rectified() ? before.output().data() : nullptr,
        .scale = before.slope()});
  }

  void AddExampleNorms(const Pass<Real>& pass,
                       std::span<double> norms) override {
    const std::size_t positions = Rows(pass) / pass.batch;
    for (std::size_t i = 0; i < pass.batch; ++i) {
      norms[i] += SquaredNormOfProduct(X().data + i * in_,
                                       pass.batch * in_,
                                       in_,
                                       this->gradient_.data() + i * out_,
                                       pass.batch * out_,
                                       out_,
                                       positions,
                                       has_bias_,
                                       scratch_);
    }
  }
  double SquaredNorm(const Pass<Real>& pass) override {
    return SquaredNormOfProduct(X().data,
                                in_,
                                in_,
                                this->gradient_.data(),
                                out_,
                                out_,
                                Rows(pass),
                                has_bias_,
                                scratch_);
  }

  void Move(const Pass<Real>& pass,
            const Change<Real>& change,
            Real* target) override {
    const std::size_t rows = Rows(pass);
    Real* d = this->gradient_.data();
    if (change.scale != Real{1}) kernel::Scale(change.scale, rows * out_, d);
    const kernel::Rows<const Real> view{.data = d, .row_stride = out_};
    kernel::Multiply(
        kernel::UpdateProduct<Real>{.extent = {.rows = rows},
                                    .x = X(),
                                    .depth = in_,
                                    .d = view,
                                    .columns = out_,
                                    .w = target + weight_,
                                    .update = At(change.update, weight_)});
    if (!has_bias_) return;
    std::fill_n(sums_.data(), out_, Real{0});
    kernel::AddColumnSums({.rows = rows}, view, out_, sums_.data());
    kernel::ApplyUpdate(
        change.update, sums_.data(), Real{1}, bias_, out_, target + bias_);
  }

 private:
  std::size_t Rows(const Pass<Real>& pass) {
    return this->output_.rows(pass.batch);
  }
  kernel::Rows<const Real> X() {
    return {.data = this->before_->output().data(), .row_stride = in_};
  }

  const std::size_t in_, out_, weight_, bias_;
  const bool has_bias_;
  const double dropout_;
  core::AlignedBuffer<Real> mask_, sums_, scratch_;
};

// A convolution of stride 1 and the ReLU behind it.
template <class Real>
class ConvolutionStage final : public Stage<Real> {
 public:
  ConvolutionStage(Stage<Real>* before,
                   Field<Real> output,
                   const Layer& layer,
                   const TensorEntry& weight,
                   const TensorEntry* bias,
                   bool relu)
      : Stage<Real>(before, std::move(output)),
        kernel_(Size(layer.kernel)),
        in_(before->output().channels()),
        out_(this->output_.channels()),
        weight_(Size(weight.offset)),
        bias_(bias == nullptr ? 0 : Size(bias->offset)),
        has_bias_(bias != nullptr),
        padded_(this->output_.height(),
                this->output_.width(),
                out_,
                kernel_ - 1 - Size(layer.padding)) {
    this->rectified_ = relu;
    turned_.Reserve(size());
    // Weight and bias lie side by side, as in the layout.
    sums_.Reserve(size() + out_);
  }

  void Reserve(std::size_t batch, std::size_t part) override {
    Stage<Real>::Reserve(batch, part);
    if (padded_.padding() > 0) padded_.Reserve(part);
  }
  bool has_parameters() const override { return true; }
  bool by_sample() const override { return true; }

  void Forward(const Pass<Real>& pass) override {
    kernel::Multiply(kernel::ForwardProduct<Real>{
        .extent = Outputs(pass.batch),
        .x = X(pass),
        .segments = kernel_,
        .segment_stride = this->before_->output().line_stride(),
        .depth = kernel_ * in_,
        .w = pass.parameters + weight_,
        .columns = out_,
        .bias = has_bias_ ? pass.parameters + bias_ : nullptr,
        .y = this->Output(pass),
        .relu = this->rectified_});
  }

  // A convolution of the gradient, with a border, by the weights turned round.
  void Backward(const Pass<Real>& pass) override {
    Stage<Real>& before = *this->before_;
    kernel::Rows<const Real> d = Const(this->Gradient(pass));
    if (padded_.padding() > 0) {
      ForEachRun(this->gradient_,
                 padded_,
                 pass.batch,
                 [&](std::size_t from, std::size_t to, std::size_t count) {
                   std::copy_n(d.data + from, count, padded_.data() + to);
                 });
      d = {padded_.border(), out_, padded_.line_stride(), padded_.stride()};
    }
    if (pass.first == 0) TurnWeights(pass.parameters + weight_);
    Field<Real>& dx = before.gradient();
    kernel::Multiply(
        kernel::ForwardProduct<Real>{.extent = {.images = pass.batch,
                                                .lines = dx.height(),
                                                .rows = dx.width()},
                                     .x = d,
                                     .segments = kernel_,
                                     .segment_stride = d.line_stride,
                                     .depth = kernel_ * out_,
                                     .w = turned_.data(),
                                     .columns = in_,
                                     .y = before.Gradient(pass)});
    PassRectifier(before, pass);
  }

  void CollectGradient(const Pass<Real>& pass) override {
    if (pass.first == 0) std::fill_n(sums_.data(), size() + out_, Real{0});
    Add(X(pass), Const(this->Gradient(pass)), pass.batch);
  }
  void AddExampleNorms(const Pass<Real>& pass,
                       std::span<double> norms) override {
    kernel::Rows<const Real> x = X(pass);
    kernel::Rows<const Real> d = Const(this->Gradient(pass));
    for (std::size_t i = 0; i < pass.batch; ++i) {
      std::fill_n(sums_.data(), size() + out_, Real{0});
      Add(x, d, 1);
      norms[i] += Norm();
      x.data += x.image_stride;
      d.data += d.image_stride;
    }
  }
  double SquaredNorm(const Pass<Real>&) override { return Norm(); }

  void Move(const Pass<Real>&,
            const Change<Real>& change,
            Real* target) override {
    kernel::ApplyUpdate(change.update,
                        sums_.data(),
                        change.scale,
                        weight_,
                        size() + (has_bias_ ? out_ : 0),
                        target + weight_);
  }

 private:
  std::size_t size() const { return kernel_ * kernel_ * in_ * out_; }
  kernel::Extent Outputs(std::size_t images) {
    return {.images = images,
            .lines = this->output_.height(),
            .rows = this->output_.width()};
  }
  kernel::Rows<const Real> X(const Pass<Real>& pass) {
    Field<Real>& x = this->before_->output();
    return {
        x.border() + pass.first * x.stride(), in_, x.line_stride(), x.stride()};
  }
  // The weights as the data gradient wants them: taps from last to first, and
  // [out, in] for [in, out].
  void TurnWeights(const Real* weights) {
    const std::size_t taps = kernel_ * kernel_;
    for (std::size_t tap = 0; tap < taps; ++tap) {
      const Real* from = weights + tap * in_ * out_;
      Real* to = turned_.data() + (taps - 1 - tap) * in_ * out_;
      for (std::size_t o = 0; o < out_; ++o) {
        for (std::size_t i = 0; i < in_; ++i) {
          to[o * in_ + i] = from[i * out_ + o];
        }
      }
    }
  }
  // Adds the gradient of `images` samples.
  void Add(const kernel::Rows<const Real>& x,
           const kernel::Rows<const Real>& d,
           std::size_t images) {
    kernel::Multiply(
        kernel::UpdateProduct<Real>{.extent = Outputs(images),
                                    .x = x,
                                    .segments = kernel_,
                                    .segment_stride = x.line_stride,
                                    .depth = kernel_ * in_,
                                    .d = d,
                                    .columns = out_,
                                    .w = sums_.data()});
    if (has_bias_) {
      kernel::AddColumnSums(Outputs(images), d, out_, sums_.data() + size());
    }
  }
  double Norm() {
    return kernel::Dot(
        sums_.data(), sums_.data(), size() + (has_bias_ ? out_ : 0));
  }

  const std::size_t kernel_, in_, out_, weight_, bias_;
  const bool has_bias_;
  Field<Real> padded_;
  core::AlignedBuffer<Real> turned_, sums_;
};

template <class Real>
class PoolStage final : public Stage<Real> {
 public:
  PoolStage(Stage<Real>* before, Field<Real> output, const Layer& layer)
      : Stage<Real>(before, std::move(output)),
        largest_(layer.type == LayerType::kMaxPool) {
    Field<Real>& x = before->output();
    pool_ = {.channels = x.channels(),
             .height = x.height(),
             .width = x.width(),
             .out_height = this->output_.height(),
             .out_width = this->output_.width(),
             .kernel = Size(layer.kernel),
             .stride = Size(layer.stride),
             .padding = Size(layer.padding)};
  }

  bool by_sample() const override { return true; }
  void Reserve(std::size_t batch, std::size_t part) override {
    Stage<Real>::Reserve(batch, part);
    if (largest_) winner_.Reserve(batch * this->output_.per_sample());
  }
  void Forward(const Pass<Real>& pass) override {
    pool_.images = pass.batch;
    const auto x = Const(this->before_->Output(pass));
    if (largest_) {
      kernel::MaxPoolForward(pool_, x, this->Output(pass), Winner(pass));
    } else {
      kernel::AveragePoolForward(pool_, x, this->Output(pass));
    }
  }
  void Backward(const Pass<Real>& pass) override {
    Stage<Real>& before = *this->before_;
    pool_.images = pass.batch;
    const auto dy = Const(this->Gradient(pass));
    const auto dx = before.Gradient(pass);
    if (!largest_) {
      kernel::AveragePoolBackward(pool_, dy, dx);
      PassRectifier(before, pass);
      return;
    }
    // A pooled value is positive exactly where its winner is.
    const bool together = before.rectified() && before.slope() == Real{1};
    kernel::MaxPoolBackward(
        pool_, Winner(pass), Const(this->Output(pass)), dy, together, dx);
    if (!together) PassRectifier(before, pass);
  }

 private:
  Real* Winner(const Pass<Real>& pass) {
    return winner_.data() + pass.first * this->output_.per_sample();
  }

  const bool largest_;
  kernel::Pool<Real> pool_;
  core::AlignedBuffer<Real> winner_;
};

template <class Real>
class ActivationStage final : public Stage<Real> {
 public:
  ActivationStage(Stage<Real>* before,
                  Field<Real> output,
                  kernel::Activation function)
      : Stage<Real>(before, std::move(output)), function_(function) {}

  bool by_sample() const override { return !this->output_.sequence(); }

  void Forward(const Pass<Real>& pass) override {
    const Real* x = this->before_->Output(pass).data;
    Real* y = this->Output(pass).data;
    ForEachRun(this->before_->output(),
               this->output_,
               pass.batch,
               [&](std::size_t from, std::size_t to, std::size_t count) {
                 kernel::Activate(function_, count, x + from, y + to);
               });
  }
  void Backward(const Pass<Real>& pass) override {
    const Real* y = this->Output(pass).data;
    const Real* dy = this->Gradient(pass).data;
    Real* dx = this->before_->Gradient(pass).data;
    ForEachRun(this->output_,
               this->gradient_,
               pass.batch,
               [&](std::size_t out, std::size_t at, std::size_t count) {
                 kernel::ActivateBackward(
                     function_, count, y + out, dy + at, dx + at);
               });
    PassRectifier(*this->before_, pass);
  }

 private:
  const kernel::Activation function_;
};

template <class Real>
class DropoutStage final : public Stage<Real> {
 public:
  DropoutStage(Stage<Real>* before, Field<Real> output, const Layer& layer)
      : Stage<Real>(before, std::move(output)),
        rate_(layer.rate),
        whole_maps_(layer.whole_maps) {}

  void Reserve(std::size_t batch, std::size_t part) override {
    Stage<Real>::Reserve(batch, part);
    mask_.Reserve(batch * this->output_.per_sample());
    if (whole_maps_) drawn_.Reserve(batch * this->output_.channels());
  }
  void Forward(const Pass<Real>& pass) override {
    const std::size_t count = pass.batch * this->output_.per_sample();
    const auto mask = mask_.first(count);
    if (!pass.training) {
      std::fill(mask.begin(), mask.end(), Real{1});
    } else if (whole_maps_) {
      DrawWholeMaps(pass, mask);
    } else if (this->output_.sequence()) {
      // Drawn sample by sample, though positions lie outermost.
      const std::size_t width = this->output_.channels();
      for (std::size_t i = 0; i < pass.batch; ++i) {
        for (std::size_t t = 0; t < this->output_.width(); ++t) {
          DrawMask(rate_,
                   *pass.dropout,
                   mask.subspan((t * pass.batch + i) * width, width));
        }
      }
    } else {
      DrawMask(rate_, *pass.dropout, mask);
    }
    const Real* x = this->before_->output().data();
    Real* y = this->output_.data();
    std::size_t at = 0;
    ForEachRun(this->before_->output(),
               this->output_,
               pass.batch,
               [&](std::size_t from, std::size_t to, std::size_t run) {
                 for (std::size_t i = 0; i < run; ++i) {
                   y[to + i] = x[from + i] * mask[at + i];
                 }
                 at += run;
               });
  }
  void Backward(const Pass<Real>& pass) override {
    const std::size_t count = pass.batch * this->output_.per_sample();
    const Real* dy = this->gradient_.data();
    const Real* mask = mask_.data();
    Real* dx = this->before_->gradient().data();
    for (std::size_t i = 0; i < count; ++i) dx[i] = dy[i] * mask[i];
    PassRectifier(*this->before_, pass);
  }

 private:
  // Draws one value a channel and sample, and repeats it at all positions.
  void DrawWholeMaps(const Pass<Real>& pass, std::span<Real> mask) {
    const std::size_t channels = this->output_.channels();
    const auto drawn = drawn_.first(pass.batch * channels);
    DrawMask(rate_, *pass.dropout, drawn);
    const std::size_t rows = mask.size() / channels;
    for (std::size_t row = 0; row < rows; ++row) {
      const std::size_t sample = this->output_.sequence()
                                     ? row % pass.batch
                                     : row / (rows / pass.batch);
      std::copy_n(drawn.data() + sample * channels,
                  channels,
                  mask.data() + row * channels);
    }
  }

  const double rate_;
  const bool whole_maps_;
  core::AlignedBuffer<Real> mask_, drawn_;
};

template <class Real>
class EmbeddingStage final : public Stage<Real> {
 public:
  EmbeddingStage(Stage<Real>* before,
                 Field<Real> output,
                 const TensorEntry& weight)
      : Stage<Real>(before, std::move(output)),
        offset_(Size(weight.offset)),
        size_(Size(weight.size)) {}

  bool has_parameters() const override { return true; }
  void Forward(const Pass<Real>& pass) override {
    const std::size_t width = this->output_.channels();
    Real* to = this->output_.data();
    for (std::size_t row = 0; row < this->output_.rows(pass.batch); ++row) {
      std::copy_n(pass.parameters + offset_ + Token(pass, row) * width,
                  width,
                  to + row * width);
    }
  }
  void Backward(const Pass<Real>&) override {}

  void AddExampleNorms(const Pass<Real>& pass,
                       std::span<double> norms) override {
    for (std::size_t i = 0; i < pass.batch; ++i) {
      Clear();
      for (std::size_t t = 0; t < this->output_.width(); ++t) {
        Add(pass, t * pass.batch + i, Real{1}, sums_.data());
      }
      norms[i] += kernel::Dot(sums_.data(), sums_.data(), size_);
    }
  }
  double SquaredNorm(const Pass<Real>& pass) override {
    Sum(pass);
    return kernel::Dot(sums_.data(), sums_.data(), size_);
  }
  void Move(const Pass<Real>& pass,
            const Change<Real>& change,
            Real* target) override {
    if (change.update.form == kernel::Update<Real>::Form::kAdd) {
      const Real* start = change.update.start;
      if (start != nullptr)
        std::copy_n(start + offset_, size_, target + offset_);
      // Only the rows of the tokens at hand move.
      for (std::size_t row = 0; row < this->output_.rows(pass.batch); ++row) {
        Add(pass, row, change.scale, target + offset_);
      }
      return;
    }
    Sum(pass);
    kernel::ApplyUpdate(change.update,
                        sums_.data(),
                        change.scale,
                        offset_,
                        size_,
                        target + offset_);
  }

 private:
  // Fields lie by position, batches by sample.
  std::size_t Token(const Pass<Real>& pass, std::size_t row) const {
    const std::size_t position = row / pass.batch;
    const std::size_t sample = row % pass.batch;
    return Size(pass.tokens[sample * this->output_.width() + position]);
  }
  void Add(const Pass<Real>& pass, std::size_t row, Real scale, Real* to) {
    const std::size_t width = this->output_.channels();
    kernel::AddScaled(scale,
                      this->gradient_.data() + row * width,
                      width,
                      to + Token(pass, row) * width);
  }
  void Clear() {
    sums_.Reserve(size_);
    std::fill_n(sums_.data(), size_, Real{0});
  }
  void Sum(const Pass<Real>& pass) {
    Clear();
    for (std::size_t row = 0; row < this->output_.rows(pass.batch); ++row) {
      Add(pass, row, Real{1}, sums_.data());
    }
  }

  const std::size_t offset_, size_;
  core::AlignedBuffer<Real> sums_;
};

template <class Real>
class LastPositionStage final : public Stage<Real> {
 public:
  using Stage<Real>::Stage;
  void Forward(const Pass<Real>& pass) override {
    const std::size_t count = pass.batch * this->output_.channels();
    std::copy_n(this->before_->output().data() + Skipped(pass.batch),
                count,
                this->output_.data());
  }
  void Backward(const Pass<Real>& pass) override {
    const std::size_t count = pass.batch * this->output_.channels();
    Real* dx = this->before_->gradient().data();
    std::fill_n(dx, Skipped(pass.batch), Real{0});
    std::copy_n(this->gradient_.data(), count, dx + Skipped(pass.batch));
    PassRectifier(*this->before_, pass);
  }

 private:
  std::size_t Skipped(std::size_t batch) {
    return (this->before_->output().width() - 1) * batch *
           this->output_.channels();
  }
};

// Returns the padding that layer `index` wants around what it reads.
std::size_t BorderBefore(const model::Network& network, std::size_t index) {
  const auto& layers = network.layers();
  // A dropout of nothing is no stage; other elementwise layers write fields of
  // their own.
  while (index < layers.size() && layers[index].type == LayerType::kDropout &&
         layers[index].rate == 0.0) {
    ++index;
  }
  if (index < layers.size() && layers[index].type == LayerType::kConvolution) {
    return Size(layers[index].padding);
  }
  return 0;
}

template <class Real>
Field<Real> FieldOf(const model::Network& network, std::size_t index) {
  const auto& shape = network.shape_before(index);
  if (shape.size() == 3) {
    return {Size(shape[1]),
            Size(shape[2]),
            Size(shape[0]),
            BorderBefore(network, index)};
  }
  if (shape.size() == 2) {
    return Field<Real>::Sequence(Size(shape[0]), Size(shape[1]));
  }
  return {1, 1, Size(shape[0]), 0};
}

}  // namespace

template <class Real>
void Stage<Real>::ScaleExamples(const Pass<Real>& pass,
                                std::span<const Real> factors) {
  Field<Real>& gradient = gradient_;
  if (!gradient.sequence()) {
    for (std::size_t i = 0; i < pass.batch; ++i) {
      kernel::Scale(factors[i],
                    gradient.per_sample(),
                    gradient.data() + i * gradient.per_sample());
    }
    return;
  }
  for (std::size_t row = 0; row < gradient.rows(pass.batch); ++row) {
    kernel::Scale(factors[row % pass.batch],
                  gradient.channels(),
                  gradient.data() + row * gradient.channels());
  }
}

template <class Real>
void PassRectifier(Stage<Real>& stage, const Pass<Real>& pass) {
  if (!stage.rectified()) return;
  const Real* y = stage.Output(pass).data;
  Real* d = stage.Gradient(pass).data;
  ForEachRun(stage.output(),
             stage.gradient(),
             pass.batch,
             [&](std::size_t out, std::size_t at, std::size_t count) {
               kernel::ActivateBackward(
                   kernel::Activation::kRelu, count, y + out, d + at, d + at);
             });
  if (stage.slope() != Real{1}) {
    kernel::Scale(stage.slope(), pass.batch * stage.gradient().per_sample(), d);
  }
}

template <class Real>
void DrawMask(double rate, core::Stream& stream, std::span<Real> mask) {
  const auto threshold = static_cast<std::uint32_t>(rate * 0x1p32);
  const auto scale = static_cast<Real>(1.0 / (1.0 - rate));
  alignas(64) std::array<std::uint32_t, 1024> bits;
  for (std::size_t first = 0; first < mask.size(); first += bits.size()) {
    const std::size_t count = std::min(bits.size(), mask.size() - first);
    kernel::FillBits(stream, std::span(bits).first(count));
    for (std::size_t i = 0; i < count; ++i) {
      mask[first + i] = bits[i] < threshold ? Real{0} : scale;
    }
  }
}

template <class Real>
std::vector<std::unique_ptr<Stage<Real>>> Lower(const model::Network& network) {
  const auto& layers = network.layers();
  const auto& tensors = network.layout().parameters;
  std::vector<std::unique_ptr<Stage<Real>>> stages;
  const model::InputSpec& input = network.input();
  stages.push_back(std::make_unique<ImageInput<Real>>(
      input.tokens ? Field<Real>(1, 1, 0, 0) : FieldOf<Real>(network, 0),
      input.tokens));
  const auto type = [&](std::size_t index) {
    return index < layers.size() ? std::optional(layers[index].type)
                                 : std::nullopt;
  };
  std::size_t tensor = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    Stage<Real>* before = stages.back().get();
    const TensorEntry* weight =
        tensor < tensors.size() ? &tensors[tensor] : nullptr;
    const TensorEntry* bias = layer.bias && tensor + 1 < tensors.size()
                                  ? &tensors[tensor + 1]
                                  : nullptr;
    std::size_t next = i + 1;
    // Takes the layers that a kernel can do on its way.
    const auto take = [&](LayerType wanted) {
      if (type(next) != wanted) return false;
      ++next;
      return true;
    };
    switch (layer.type) {
      case LayerType::kDense: {
        const bool relu = take(LayerType::kRelu);
        double rate = 0.0;
        const bool columns = network.shape_before(i + 1).size() == 1;
        if (relu && columns && take(LayerType::kDropout)) {
          rate = layers[next - 1].rate;
        }
        const auto in = Size(network.shape_before(i).back());
        stages.push_back(
            std::make_unique<DenseStage<Real>>(before,
                                               FieldOf<Real>(network, next),
                                               in,
                                               *weight,
                                               layer.bias ? bias : nullptr,
                                               relu,
                                               rate));
        tensor += layer.bias ? 2 : 1;
        break;
      }
      case LayerType::kConvolution: {
        const bool relu = take(LayerType::kRelu);
        stages.push_back(std::make_unique<ConvolutionStage<Real>>(
            before,
            FieldOf<Real>(network, next),
            layer,
            *weight,
            layer.bias ? bias : nullptr,
            relu));
        tensor += layer.bias ? 2 : 1;
        break;
      }
      case LayerType::kMaxPool:
      case LayerType::kAveragePool:
        stages.push_back(std::make_unique<PoolStage<Real>>(
            before, FieldOf<Real>(network, next), layer));
        break;
      case LayerType::kRelu:
      case LayerType::kTanh:
      case LayerType::kSigmoid:
        stages.push_back(std::make_unique<ActivationStage<Real>>(
            before,
            FieldOf<Real>(network, next),
            layer.type == LayerType::kRelu   ? kernel::Activation::kRelu
            : layer.type == LayerType::kTanh ? kernel::Activation::kTanh
                                             : kernel::Activation::kSigmoid));
        break;
      case LayerType::kDropout:
        if (layer.rate > 0.0) {
          stages.push_back(std::make_unique<DropoutStage<Real>>(
              before, FieldOf<Real>(network, next), layer));
        }
        break;
      case LayerType::kFlatten:
        // An image without a border lies as its flat form already.
        break;
      case LayerType::kEmbedding:
        stages.push_back(std::make_unique<EmbeddingStage<Real>>(
            before, FieldOf<Real>(network, next), *weight));
        tensor += 1;
        break;
      case LayerType::kLstm:
        stages.push_back(MakeLstm<Real>(before, network, i, tensor));
        tensor += 3;
        break;
      case LayerType::kLastPosition:
        stages.push_back(std::make_unique<LastPositionStage<Real>>(
            before, FieldOf<Real>(network, next)));
        break;
      default:
        FEDTORCH_CHECK(false, "a layer without a plan");
    }
    i = next - 1;
  }
  return stages;
}

#define FEDTORCH_PLAN(Real)                                        \
  template void Stage<Real>::ScaleExamples(const Pass<Real>&,      \
                                           std::span<const Real>); \
  template void PassRectifier(Stage<Real>&, const Pass<Real>&);    \
  template void DrawMask(double, core::Stream&, std::span<Real>);  \
  template std::vector<std::unique_ptr<Stage<Real>>> Lower(        \
      const model::Network&);
FEDTORCH_PLAN(float)
FEDTORCH_PLAN(double)
#undef FEDTORCH_PLAN

}  // namespace fedtorch::engine::plan
