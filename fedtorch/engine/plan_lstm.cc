// The stage of an LSTM layer. Products over all positions are done at once;
// only the recurrent product goes position by position.
#include "fedtorch/engine/plan_stage.h"
#include "fedtorch/kernel/cells.h"
#include "fedtorch/kernel/vectors.h"

#include <algorithm>

namespace fedtorch::engine::plan {
namespace {

template <class Real>
class LstmStage final : public Stage<Real> {
 public:
  LstmStage(Stage<Real>* before,
            Field<Real> output,
            const model::ParameterLayout& layout,
            std::size_t tensor)
      : Stage<Real>(before, std::move(output)),
        positions_(this->output_.width()),
        in_(before->output().channels()),
        hidden_(this->output_.channels()),
        input_weight_(Offset(layout, tensor)),
        hidden_weight_(Offset(layout, tensor + 1)),
        bias_(Offset(layout, tensor + 2)) {
    // The three tensors lie side by side.
    size_ = (in_ + hidden_ + 1) * 4 * hidden_;
  }

  void Reserve(std::size_t batch, std::size_t part) override {
    Stage<Real>::Reserve(batch, part);
    gates_.Reserve(positions_ * batch * 4 * hidden_);
    cells_.Reserve(positions_ * batch * hidden_);
    cell_gradient_.Reserve(batch * hidden_);
  }
  bool has_parameters() const override { return true; }

  void Forward(const Pass<Real>& pass) override {
    const std::size_t batch = pass.batch;
    const std::size_t width = 4 * hidden_;
    kernel::Multiply(kernel::ForwardProduct<Real>{
        .extent = {.rows = positions_ * batch},
        .x = {.data = this->before_->output().data(), .row_stride = in_},
        .depth = in_,
        .w = pass.parameters + input_weight_,
        .columns = width,
        .bias = pass.parameters + bias_,
        .y = {.data = gates_.data(), .row_stride = width}});
    for (std::size_t t = 0; t < positions_; ++t) {
      Real* gates = Gates(t, batch);
      if (t > 0) {
        kernel::Multiply(kernel::ForwardProduct<Real>{
            .extent = {.rows = batch},
            .x = {.data = Hidden(t - 1, batch), .row_stride = hidden_},
            .depth = hidden_,
            .w = pass.parameters + hidden_weight_,
            .columns = width,
            .y = {.data = gates, .row_stride = width},
            .accumulate = true});
      }
      kernel::LstmForward<Real>(CellsAt(t, batch),
                                Before(t, batch),
                                Cells(t, batch),
                                Hidden(t, batch),
                                hidden_);
    }
  }

  // Leaves the gradients of the pre-activations in the place of the gates.
  void BackThroughTime(const Pass<Real>& pass) {
    const std::size_t batch = pass.batch;
    const std::size_t width = 4 * hidden_;
    std::fill_n(cell_gradient_.data(), batch * hidden_, Real{0});
    for (std::size_t t = positions_; t-- > 0;) {
      Real* dh = this->gradient_.data() + t * batch * hidden_;
      if (t + 1 < positions_) {
        kernel::Multiply(
            kernel::BackwardProduct<Real>{.rows = batch,
                                          .columns = width,
                                          .depth = hidden_,
                                          .d = Gates(t + 1, batch),
                                          .d_stride = width,
                                          .w = pass.parameters + hidden_weight_,
                                          .dx = dh,
                                          .dx_stride = hidden_,
                                          .accumulate = true});
      }
      kernel::LstmBackward<Real>(CellsAt(t, batch),
                                 Before(t, batch),
                                 Cells(t, batch),
                                 dh,
                                 cell_gradient_.data());
    }
  }

  void BeginBackward(const Pass<Real>& pass) override { BackThroughTime(pass); }
  void Backward(const Pass<Real>& pass) override {
    kernel::Multiply(
        kernel::BackwardProduct<Real>{.rows = positions_ * pass.batch,
                                      .columns = 4 * hidden_,
                                      .depth = in_,
                                      .d = gates_.data(),
                                      .d_stride = 4 * hidden_,
                                      .w = pass.parameters + input_weight_,
                                      .dx = this->before_->gradient().data(),
                                      .dx_stride = in_});
    PassRectifier(*this->before_, pass);
  }

  void CollectGradient(const Pass<Real>& pass) override {
    Collect(pass.batch, 0, pass.batch, 1);
  }
  void AddExampleNorms(const Pass<Real>& pass,
                       std::span<double> norms) override {
    for (std::size_t i = 0; i < pass.batch; ++i) {
      Collect(pass.batch, i, 1, pass.batch);
      norms[i] += kernel::Dot(sums_.data(), sums_.data(), size_);
    }
  }
  double SquaredNorm(const Pass<Real>&) override {
    return kernel::Dot(sums_.data(), sums_.data(), size_);
  }
  void ScaleExamples(const Pass<Real>& pass,
                     std::span<const Real> factors) override {
    for (std::size_t row = 0; row < positions_ * pass.batch; ++row) {
      kernel::Scale(factors[row % pass.batch],
                    4 * hidden_,
                    gates_.data() + row * 4 * hidden_);
    }
  }
  void Move(const Pass<Real>&,
            const Change<Real>& change,
            Real* target) override {
    kernel::ApplyUpdate(change.update,
                        sums_.data(),
                        change.scale,
                        input_weight_,
                        size_,
                        target + input_weight_);
  }

 private:
  static std::size_t Offset(const model::ParameterLayout& layout,
                            std::size_t tensor) {
    return static_cast<std::size_t>(layout.parameters[tensor].offset);
  }
  Real* Gates(std::size_t t, std::size_t batch) {
    return gates_.data() + t * batch * 4 * hidden_;
  }
  Real* Hidden(std::size_t t, std::size_t batch) {
    return this->output_.data() + t * batch * hidden_;
  }
  Real* Cells(std::size_t t, std::size_t batch) {
    return cells_.data() + t * batch * hidden_;
  }
  const Real* Before(std::size_t t, std::size_t batch) {
    return t == 0 ? nullptr : Cells(t - 1, batch);
  }
  kernel::LstmCells<Real> CellsAt(std::size_t t, std::size_t batch) {
    return {.rows = batch,
            .hidden = hidden_,
            .gates = Gates(t, batch),
            .gates_stride = 4 * hidden_};
  }

  // Sums the gradient over `count` samples from `first` on: all of a batch, or
  // one, whose rows are `step` apart.
  void Collect(std::size_t batch,
               std::size_t first,
               std::size_t count,
               std::size_t step) {
    const std::size_t width = 4 * hidden_;
    sums_.Reserve(size_);
    std::fill_n(sums_.data(), size_, Real{0});
    const kernel::Rows<const Real> d{.data = gates_.data() + first * width,
                                     .row_stride = step * width};
    const std::size_t rows = positions_ * count;
    kernel::Multiply(kernel::UpdateProduct<Real>{
        .extent = {.rows = rows},
        .x = {.data = this->before_->output().data() + first * in_,
              .row_stride = step * in_},
        .depth = in_,
        .d = d,
        .columns = width,
        .w = sums_.data()});
    if (positions_ > 1) {
      kernel::Multiply(kernel::UpdateProduct<Real>{
          .extent = {.rows = rows - count},
          .x = {.data = this->output_.data() + first * hidden_,
                .row_stride = step * hidden_},
          .depth = hidden_,
          .d = {.data = Gates(1, batch) + first * width,
                .row_stride = step * width},
          .columns = width,
          .w = sums_.data() + in_ * width});
    }
    kernel::AddColumnSums(
        {.rows = rows}, d, width, sums_.data() + (in_ + hidden_) * width);
  }

  const std::size_t positions_, in_, hidden_;
  const std::size_t input_weight_, hidden_weight_, bias_;
  std::size_t size_ = 0;
  core::AlignedBuffer<Real> gates_, cells_, cell_gradient_, sums_;
};

}  // namespace

template <class Real>
std::unique_ptr<Stage<Real>> MakeLstm(Stage<Real>* before,
                                      const model::Network& network,
                                      std::size_t layer,
                                      std::size_t tensor) {
  const auto& shape = network.shape_before(layer + 1);
  return std::make_unique<LstmStage<Real>>(
      before,
      Field<Real>::Sequence(static_cast<std::size_t>(shape[0]),
                            static_cast<std::size_t>(shape[1])),
      network.layout(),
      tensor);
}

template std::unique_ptr<Stage<float>> MakeLstm(Stage<float>*,
                                                const model::Network&,
                                                std::size_t,
                                                std::size_t);
template std::unique_ptr<Stage<double>> MakeLstm(Stage<double>*,
                                                 const model::Network&,
                                                 std::size_t,
                                                 std::size_t);

}  // namespace fedtorch::engine::plan
