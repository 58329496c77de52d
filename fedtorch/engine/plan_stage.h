#pragma once

#include "fedtorch/core/aligned_buffer.h"
#include "fedtorch/core/stream.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/kernel/products.h"
#include "fedtorch/model/network.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fedtorch::engine::plan {

/// Holds the values between two stages, for a batch of any size up to the
/// largest seen. Images lie by row, column, channel with a border of zeros as
/// wide as their reader's padding; columns are images of one pixel; sequences
/// lie by position, then sample, so that a position is one matrix.
template <class Real>
class Field {
 public:
  Field() = default;
  Field(std::size_t height,
        std::size_t width,
        std::size_t channels,
        std::size_t padding)
      : height_(height),
        width_(width),
        channels_(channels),
        padding_(padding) {}
  /// An empty field of the same shape; gradients have no border.
  Field WithoutBorder() const {
    Field field(height_, width_, channels_, 0);
    field.sequence_ = sequence_;
    return field;
  }
  static Field Sequence(std::size_t positions, std::size_t values) {
    Field field(1, positions, values, 0);
    field.sequence_ = true;
    return field;
  }

  void Reserve(std::size_t batch) { values_.Reserve(batch * stride()); }
  /// Reads someone else's values from now on; not with a border.
  void Borrow(Real* values) { borrowed_ = values; }

  std::size_t height() const { return height_; }
  std::size_t width() const { return width_; }
  std::size_t channels() const { return channels_; }
  std::size_t padding() const { return padding_; }
  bool sequence() const { return sequence_; }
  /// Values of one sample, the border not counted.
  std::size_t per_sample() const { return height_ * width_ * channels_; }
  /// Rows of `channels()` values that a batch has.
  std::size_t rows(std::size_t batch) const { return batch * height_ * width_; }
  /// Values from one sample to the next; not for sequences.
  std::size_t stride() const {
    return (height_ + 2 * padding_) * (width_ + 2 * padding_) * channels_;
  }
  std::size_t line_stride() const {
    return (width_ + 2 * padding_) * channels_;
  }
  /// The first value inside the border.
  Real* data() {
    if (borrowed_ != nullptr) return borrowed_;
    return values_.data() + padding_ * (line_stride() + channels_);
  }
  /// The first value of the border.
  Real* border() { return borrowed_ != nullptr ? borrowed_ : values_.data(); }

 private:
  std::size_t height_ = 1;
  std::size_t width_ = 1;
  std::size_t channels_ = 0;
  std::size_t padding_ = 0;
  bool sequence_ = false;
  Real* borrowed_ = nullptr;
  core::AlignedBuffer<Real> values_;
};

/// Carries what one pass works on: `batch` samples of a batch from `first` on.
/// Only stages that go sample by sample see a `first` other than 0.
template <class Real>
struct Pass {
  std::size_t batch = 0;
  std::size_t first = 0;
  bool training = false;
  const Real* parameters = nullptr;  ///< [num_parameters]
  core::Stream* dropout = nullptr;   ///< set when training
  std::span<const std::int64_t> tokens{};
};

/// How a gradient enters the parameters; see kernel::Update. Products of
/// weights take the field's gradient times `scale`.
template <class Real>
struct Change {
  kernel::Update<Real> update;
  Real scale = 1;
};

/// Is one step of the lowered network: reads the field before it, writes its
/// own, and the other way round for gradients. A stage covers a layer with the
/// activation and dropout behind it where one kernel can do both.
///
/// Backward passes run through all stages before any weight moves, so every
/// gradient is taken at the old weights, and norms can be known before the
/// step.
template <class Real>
class Stage {
 public:
  Stage(Stage* before, Field<Real> output)
      : before_(before),
        output_(std::move(output)),
        gradient_(output_.WithoutBorder()) {}
  virtual ~Stage() = default;

  /// Makes room for a batch of which the gradient is needed for `part` samples
  /// at a time.
  virtual void Reserve(std::size_t batch, std::size_t part) {
    output_.Reserve(batch);
    gradient_.Reserve(part);
    holds_part_ = part < batch;
  }
  /// Whether it treats samples one by one, so that a few of them can pass
  /// through several such stages while they are in cache.
  virtual bool by_sample() const { return false; }
  virtual void Forward(const Pass<Real>& pass) = 0;
  /// Called before Backward, and also where that is spared.
  virtual void BeginBackward(const Pass<Real>&) {}
  /// Computes the gradient of the stage before from this stage's own, which
  /// may change; called only where an earlier stage has parameters. Multiplies
  /// by the slope of the activation that the stage before has fused.
  virtual void Backward(const Pass<Real>& pass) = 0;

  virtual bool has_parameters() const { return false; }
  /// Prepares gradients that are not computed on the way into the weights:
  /// called once a pass, after Backward, and adds to what parts of the same
  /// batch left.
  virtual void CollectGradient(const Pass<Real>&) {}
  /// Adds the squared norm of every sample's own gradient, of its own loss.
  virtual void AddExampleNorms(const Pass<Real>&, std::span<double>) {}
  /// Returns the squared norm of the batch's gradient. After CollectGradient.
  virtual double SquaredNorm(const Pass<Real>&) { return 0.0; }
  /// Multiplies each sample's share of the gradient; before CollectGradient.
  virtual void ScaleExamples(const Pass<Real>& pass,
                             std::span<const Real> factors);
  /// Moves the stage's parameters in `target` [num_parameters]: the weights
  /// for a step, a sum of gradients otherwise. Uses up the gradient.
  virtual void Move(const Pass<Real>&, const Change<Real>&, Real* /*target*/) {}

  /// What the next stage reads, and where it leaves the gradient of it.
  Field<Real>& output() { return output_; }
  Field<Real>& gradient() { return gradient_; }
  /// The same for the samples of a pass.
  kernel::Rows<Real> Output(const Pass<Real>& pass) {
    return View(output_, output_.data(), pass.first);
  }
  kernel::Rows<Real> Gradient(const Pass<Real>& pass) {
    return View(gradient_, gradient_.data(), holds_part_ ? 0 : pass.first);
  }
  /// Slope of the activation fused into this stage: the gradient passes times
  /// `slope()` where the output is positive, if `rectified()`.
  bool rectified() const { return rectified_; }
  Real slope() const { return slope_; }

 protected:
  Stage* before_;  // null for the first
  Field<Real> output_;
  Field<Real> gradient_;
  bool rectified_ = false;
  Real slope_ = 1;  // 1 / (1 - rate) behind a fused dropout

 private:
  static kernel::Rows<Real> View(Field<Real>& field,
                                 Real* data,
                                 std::size_t first) {
    return {data + first * field.stride(),
            field.channels(),
            field.line_stride(),
            field.stride()};
  }

  bool holds_part_ = false;  // the gradient, of the part at hand
};

/// Multiplies a stage's gradient by the slope of its fused activation, where
/// the kernel that wrote the gradient could not.
template <class Real>
void PassRectifier(Stage<Real>& stage, const Pass<Real>& pass);

/// Draws one dropout mask: 0 with probability `rate`, else 1 / (1 - rate).
template <class Real>
void DrawMask(double rate, core::Stream& stream, std::span<Real> mask);

/// Lowers a network to stages, the first of which is the input. Requires that
/// PlanObstacle is empty.
template <class Real>
std::vector<std::unique_ptr<Stage<Real>>> Lower(const model::Network& network);

/// Makes the stage of the LSTM at index `layer`; `tensor` is the index of its
/// first tensor in the layout.
template <class Real>
std::unique_ptr<Stage<Real>> MakeLstm(Stage<Real>* before,
                                      const model::Network& network,
                                      std::size_t layer,
                                      std::size_t tensor);

/// Is the first stage: takes a batch in the order of the dataset.
template <class Real>
class Input : public Stage<Real> {
 public:
  using Stage<Real>::Stage;
  /// Copies a batch into the field.
  virtual void Load(const Batch& batch) = 0;
};

}  // namespace fedtorch::engine::plan
