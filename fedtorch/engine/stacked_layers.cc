#include "fedtorch/engine/stacked_layers.h"

#include "fedtorch/core/errors.h"

#include <limits>
#include <utility>

namespace fedtorch::engine {
namespace {

using model::Layer;
using model::LayerType;
using model::Network;
using model::TensorEntry;

using Entries = std::vector<const TensorEntry*>;

// [K, rows, values] of a tensor whose last dimension is the values.
at::Tensor Rows(const at::Tensor& x) {
  return x.reshape({x.size(0), -1, x.size(-1)});
}

// x W + b; x [K, rows, in], W [K, in, out], b [K, 1, out] or undefined.
at::Tensor Affine(const at::Tensor& x,
                  const at::Tensor& w,
                  const at::Tensor& b) {
  return b.defined() ? at::baddbmm(b, x, w) : at::bmm(x, w);
}

// The weight and perhaps the bias of a layer that is a product.
class ProductParameters {
 public:
  explicit ProductParameters(Entries entries) : entries_(std::move(entries)) {}

  // As [K, in, out], whatever the dimensions before the last are called.
  at::Tensor Weight(const StackedPass& pass) const {
    const TensorEntry& entry = *entries_[0];
    const std::int64_t out = entry.shape.back();
    return pass.Parameter(entry, {entry.size / out, out});
  }
  at::Tensor Bias(const StackedPass& pass) const {
    if (entries_.size() < 2) return {};
    return pass.Parameter(*entries_[1], {1, entries_[1]->size});
  }
  void Give(const at::Tensor& x,
            const at::Tensor& delta,
            GradientSink& sink) const {
    sink.Product(*entries_[0], x, delta);
    if (entries_.size() > 1) sink.RowSum(*entries_[1], delta);
  }

 private:
  Entries entries_;
};

class StackedDense final : public StackedLayer {
 public:
  explicit StackedDense(Entries entries) : parameters_(std::move(entries)) {}

  at::Tensor Forward(const StackedPass& pass, const at::Tensor& x) override {
    x_ = Rows(x);
    const at::Tensor y =
        Affine(x_, parameters_.Weight(pass), parameters_.Bias(pass));
    std::vector<std::int64_t> shape = x.sizes().vec();
    shape.back() = y.size(2);
    return y.view(shape);
  }

  at::Tensor Backward(const StackedPass& pass,
                      const at::Tensor& delta,
                      bool wants_input,
                      GradientSink& sink) override {
    const at::Tensor rows = Rows(delta);
    at::Tensor result;
    if (wants_input) {
      std::vector<std::int64_t> shape = delta.sizes().vec();
      shape.back() = x_.size(2);
      result = at::bmm(rows, Transposed(parameters_.Weight(pass))).view(shape);
    }
    parameters_.Give(x_, rows, sink);
    return result;
  }

  bool has_parameters() const override { return true; }

 private:
  ProductParameters parameters_;
  at::Tensor x_;
};

// The square windows of a convolution or pool over images
// [K, batch, h, w, channels].
class Windows {
 public:
  Windows(const Layer& layer,
          const std::vector<std::int64_t>& before,
          const std::vector<std::int64_t>& after)
      : kernel_(layer.kernel),
        stride_(layer.stride),
        padding_{0,
                 0,
                 layer.padding,
                 Behind(layer, before[2], after[2]),
                 layer.padding,
                 Behind(layer, before[1], after[1])} {}

  // A view [K, batch, h', w', channels, kernel, kernel] of the padded images.
  at::Tensor Of(const at::Tensor& x, double padding_value) {
    const at::Tensor padded = at::constant_pad_nd(x, padding_, padding_value);
    padded_shape_ = padded.sizes().vec();
    return padded.unfold(2, kernel_, stride_).unfold(3, kernel_, stride_);
  }

  // The transpose of Of: sums what overlapping windows say about a pixel. A
  // gather on every device, so its bits do not depend on a schedule.
  at::Tensor Sum(const at::Tensor& windows) const {
    std::vector<std::int64_t> rows_folded = padded_shape_;
    rows_folded[2] = windows.size(2);
    rows_folded.push_back(kernel_);
    const at::Tensor rows =
        at::unfold_backward(windows, rows_folded, 3, kernel_, stride_);
    const at::Tensor padded =
        at::unfold_backward(rows, padded_shape_, 2, kernel_, stride_);
    std::vector<std::int64_t> back = padding_;
    for (std::int64_t& side : back) side = -side;
    return at::constant_pad_nd(padded, back);
  }

  std::int64_t area() const { return kernel_ * kernel_; }

 private:
  // Padding after the last pixel so that the windows end exactly there; less
  // than none where the last pixels lie in no window, more than the layer's
  // where an incomplete window counts.
  static std::int64_t Behind(const Layer& layer,
                             std::int64_t pixels,
                             std::int64_t windows) {
    return (windows - 1) * layer.stride + layer.kernel - pixels - layer.padding;
  }

  std::int64_t kernel_;
  std::int64_t stride_;
  std::vector<std::int64_t> padding_;  // channels, columns, rows
  std::vector<std::int64_t> padded_shape_;
};

// A product over unfolded windows. Grouped convolutions, the other way to give
// each client its own filters, are slow in cuDNN (performance 8.2).
class StackedConvolution final : public StackedLayer {
 public:
  StackedConvolution(Entries entries, Windows windows)
      : parameters_(std::move(entries)), windows_(std::move(windows)) {}

  at::Tensor Forward(const StackedPass& pass, const at::Tensor& x) override {
    // The order of the weights: window row, window column, channel.
    const at::Tensor windows =
        windows_.Of(x, 0.0).permute({0, 1, 2, 3, 5, 6, 4});
    unfolded_ = windows.sizes().vec();
    columns_ = windows.reshape({x.size(0), -1, windows_.area() * x.size(4)});
    const at::Tensor y =
        Affine(columns_, parameters_.Weight(pass), parameters_.Bias(pass));
    return y.view(
        {x.size(0), x.size(1), unfolded_[2], unfolded_[3], y.size(2)});
  }

  at::Tensor Backward(const StackedPass& pass,
                      const at::Tensor& delta,
                      bool wants_input,
                      GradientSink& sink) override {
    const at::Tensor rows = Rows(delta);
    at::Tensor result;
    if (wants_input) {
      result = windows_.Sum(at::bmm(rows, Transposed(parameters_.Weight(pass)))
                                .view(unfolded_)
                                .permute({0, 1, 2, 3, 6, 4, 5}));
    }
    parameters_.Give(columns_, rows, sink);
    return result;
  }

  bool has_parameters() const override { return true; }

 private:
  ProductParameters parameters_;
  Windows windows_;
  std::vector<std::int64_t> unfolded_;
  at::Tensor columns_;
};

class StackedMaxPool final : public StackedLayer {
 public:
  explicit StackedMaxPool(Windows windows) : windows_(std::move(windows)) {}

  at::Tensor Forward(const StackedPass&, const at::Tensor& x) override {
    const at::Tensor windows =
        windows_.Of(x, -std::numeric_limits<double>::infinity());
    shape_ = windows.sizes().vec();
    // The first of equal values, by row and column, as the other engines do.
    auto [values, index] = windows.flatten(5).max(5);
    index_ = index;
    return values;
  }

  at::Tensor Backward(const StackedPass&,
                      const at::Tensor& delta,
                      bool wants_input,
                      GradientSink&) override {
    if (!wants_input) return {};
    std::vector<std::int64_t> flat(shape_.begin(), shape_.end() - 2);
    flat.push_back(windows_.area());
    at::Tensor spread = at::zeros(flat, delta.options());
    spread.scatter_(5, index_.unsqueeze(5), delta.unsqueeze(5));
    return windows_.Sum(spread.view(shape_));
  }

 private:
  Windows windows_;
  std::vector<std::int64_t> shape_;
  at::Tensor index_;
};

class StackedAveragePool final : public StackedLayer {
 public:
  explicit StackedAveragePool(Windows windows) : windows_(std::move(windows)) {}

  at::Tensor Forward(const StackedPass&, const at::Tensor& x) override {
    // Padding is not counted: the mean is over pixels of the image.
    const at::Tensor pixels =
        at::ones({1, 1, x.size(2), x.size(3), 1}, x.options());
    count_ = windows_.Of(pixels, 0.0).sum({5, 6});
    const at::Tensor windows = windows_.Of(x, 0.0);
    shape_ = windows.sizes().vec();
    return windows.sum({5, 6}).div_(count_);
  }

  at::Tensor Backward(const StackedPass&,
                      const at::Tensor& delta,
                      bool wants_input,
                      GradientSink&) override {
    if (!wants_input) return {};
    return windows_.Sum(
        delta.div(count_).unsqueeze(5).unsqueeze(6).expand(shape_));
  }

 private:
  Windows windows_;
  std::vector<std::int64_t> shape_;
  at::Tensor count_;
};

class StackedFlatten final : public StackedLayer {
 public:
  at::Tensor Forward(const StackedPass&, const at::Tensor& x) override {
    shape_ = x.sizes().vec();
    return x.flatten(2);
  }
  at::Tensor Backward(const StackedPass&,
                      const at::Tensor& delta,
                      bool,
                      GradientSink&) override {
    return delta.reshape(shape_);
  }

 private:
  std::vector<std::int64_t> shape_;
};

class StackedActivation final : public StackedLayer {
 public:
  explicit StackedActivation(LayerType type) : type_(type) {}

  at::Tensor Forward(const StackedPass&, const at::Tensor& x) override {
    y_ = type_ == LayerType::kRelu   ? at::relu(x)
         : type_ == LayerType::kTanh ? at::tanh(x)
                                     : at::sigmoid(x);
    return y_;
  }
  at::Tensor Backward(const StackedPass&,
                      const at::Tensor& delta,
                      bool wants_input,
                      GradientSink&) override {
    if (!wants_input) return {};
    return type_ == LayerType::kRelu   ? at::threshold_backward(delta, y_, 0)
           : type_ == LayerType::kTanh ? at::tanh_backward(delta, y_)
                                       : at::sigmoid_backward(delta, y_);
  }

 private:
  LayerType type_;
  at::Tensor y_;
};

class StackedDropout final : public StackedLayer {
 public:
  explicit StackedDropout(std::size_t mask) : mask_(mask) {}

  at::Tensor Forward(const StackedPass& pass, const at::Tensor& x) override {
    return pass.masks.empty() ? x : x * pass.masks[mask_];
  }
  at::Tensor Backward(const StackedPass& pass,
                      const at::Tensor& delta,
                      bool,
                      GradientSink&) override {
    return pass.masks.empty() ? delta : delta * pass.masks[mask_];
  }

 private:
  std::size_t mask_;
};

class StackedEmbedding final : public StackedLayer {
 public:
  explicit StackedEmbedding(const TensorEntry& entry) : entry_(entry) {}

  at::Tensor Forward(const StackedPass& pass, const at::Tensor& x) override {
    tokens_ = x.flatten(1);
    const at::Tensor table = pass.Parameter(entry_, entry_.shape);
    return table
        .gather(1,
                tokens_.unsqueeze(2).expand(
                    {tokens_.size(0), tokens_.size(1), entry_.shape[1]}))
        .view({x.size(0), x.size(1), x.size(2), entry_.shape[1]});
  }
  at::Tensor Backward(const StackedPass&,
                      const at::Tensor& delta,
                      bool,
                      GradientSink& sink) override {
    sink.Lookup(entry_, tokens_, Rows(delta));
    return {};
  }

  bool has_parameters() const override { return true; }

 private:
  const TensorEntry& entry_;
  at::Tensor tokens_;
};

// Gates in the order input, forget, cell, output; the products of all
// positions with the input weights, and all gradients of weights, are one
// product each, so only the recurrence goes position by position.
class StackedLstm final : public StackedLayer {
 public:
  explicit StackedLstm(Entries entries) : entries_(std::move(entries)) {}

  at::Tensor Forward(const StackedPass& pass, const at::Tensor& x) override {
    const std::int64_t clients = x.size(0);
    const std::int64_t batch = x.size(1);
    const std::int64_t length = x.size(2);
    const std::int64_t hidden = entries_[1]->shape[0];
    const at::Tensor weight_hh =
        pass.Parameter(*entries_[1], {hidden, 4 * hidden});
    x_ = Rows(x);
    const at::Tensor inputs =
        at::baddbmm(pass.Parameter(*entries_[2], {1, 4 * hidden}),
                    x_,
                    pass.Parameter(*entries_[0], entries_[0]->shape))
            .view({clients, batch, length, 4 * hidden});
    const auto state = [&] {
      return at::zeros({clients, batch, length, hidden}, x.options());
    };
    before_ = state();  // the hidden state that a position starts from
    cell_before_ = state();
    cell_tanh_ = state();
    gates_ = at::empty_like(inputs);
    at::Tensor y = state();
    at::Tensor h = at::zeros({clients, batch, hidden}, x.options());
    at::Tensor c = h;
    for (std::int64_t t = 0; t < length; ++t) {
      before_.select(2, t).copy_(h);
      cell_before_.select(2, t).copy_(c);
      const auto sums =
          at::baddbmm(inputs.select(2, t), h, weight_hh).chunk(4, 2);
      const at::Tensor input = at::sigmoid(sums[0]);
      const at::Tensor forget = at::sigmoid(sums[1]);
      const at::Tensor value = at::tanh(sums[2]);
      const at::Tensor output = at::sigmoid(sums[3]);
      gates_.select(2, t).copy_(at::cat({input, forget, value, output}, 2));
      c = forget * c + input * value;
      const at::Tensor squashed = at::tanh(c);
      cell_tanh_.select(2, t).copy_(squashed);
      h = output * squashed;
      y.select(2, t).copy_(h);
    }
    return y;
  }

  at::Tensor Backward(const StackedPass& pass,
                      const at::Tensor& delta,
                      bool wants_input,
                      GradientSink& sink) override {
    const std::int64_t length = delta.size(2);
    const std::int64_t hidden = delta.size(3);
    const at::Tensor hh_transposed =
        Transposed(pass.Parameter(*entries_[1], {hidden, 4 * hidden}));
    at::Tensor sums = at::empty_like(gates_);  // gradients before the gates
    at::Tensor from_h;
    at::Tensor from_c;
    for (std::int64_t t = length - 1; t >= 0; --t) {
      const auto gates = gates_.select(2, t).chunk(4, 2);
      const at::Tensor squashed = cell_tanh_.select(2, t);
      at::Tensor dh = delta.select(2, t);
      if (from_h.defined()) dh = dh + from_h;
      at::Tensor dc = at::tanh_backward(dh * gates[3], squashed);
      if (from_c.defined()) dc = dc + from_c;
      sums.select(2, t).copy_(at::cat(
          {at::sigmoid_backward(dc * gates[2], gates[0]),
           at::sigmoid_backward(dc * cell_before_.select(2, t), gates[1]),
           at::tanh_backward(dc * gates[0], gates[2]),
           at::sigmoid_backward(dh * squashed, gates[3])},
          2));
      from_c = dc * gates[1];
      from_h = at::bmm(sums.select(2, t), hh_transposed);
    }
    const at::Tensor rows = Rows(sums);
    at::Tensor result;
    if (wants_input) {
      const std::int64_t in = entries_[0]->shape[0];
      result =
          at::bmm(rows,
                  Transposed(pass.Parameter(*entries_[0], {in, 4 * hidden})))
              .view({delta.size(0), delta.size(1), length, in});
    }
    sink.Product(*entries_[0], x_, rows);
    sink.Product(*entries_[1], Rows(before_), rows);
    sink.RowSum(*entries_[2], rows);
    return result;
  }

  bool has_parameters() const override { return true; }

 private:
  Entries entries_;
  at::Tensor x_, before_, cell_before_, cell_tanh_, gates_;
};

class StackedLastPosition final : public StackedLayer {
 public:
  at::Tensor Forward(const StackedPass&, const at::Tensor& x) override {
    shape_ = x.sizes().vec();
    return x.select(2, shape_[2] - 1);
  }
  at::Tensor Backward(const StackedPass&,
                      const at::Tensor& delta,
                      bool wants_input,
                      GradientSink&) override {
    if (!wants_input) return {};
    at::Tensor result = at::zeros(shape_, delta.options());
    result.select(2, shape_[2] - 1).copy_(delta);
    return result;
  }

 private:
  std::vector<std::int64_t> shape_;
};

class StackedGroupNorm final : public StackedLayer {
 public:
  StackedGroupNorm(Entries entries, std::int64_t groups)
      : entries_(std::move(entries)), groups_(groups) {}

  at::Tensor Forward(const StackedPass& pass, const at::Tensor& x) override {
    const at::Tensor grouped = Grouped(x);
    const at::Tensor centred = grouped - grouped.mean({2, 4}, true);
    scale_ = centred.square().mean({2, 4}, true).add_(kEpsilon).rsqrt_();
    normal_ = centred * scale_;
    return (normal_.reshape(x.sizes()) * Weight(pass)) +
           pass.Parameter(*entries_[1], {1, 1, 1, x.size(4)});
  }

  at::Tensor Backward(const StackedPass& pass,
                      const at::Tensor& delta,
                      bool wants_input,
                      GradientSink& sink) override {
    at::Tensor result;
    if (wants_input) {
      const at::Tensor inner = Grouped(delta * Weight(pass));
      result = (inner - inner.mean({2, 4}, true) -
                normal_ * (inner * normal_).mean({2, 4}, true))
                   .mul_(scale_)
                   .reshape(delta.sizes());
    }
    sink.RowSum(*entries_[0], Rows(delta * normal_.reshape(delta.sizes())));
    sink.RowSum(*entries_[1], Rows(delta));
    return result;
  }

  bool has_parameters() const override { return true; }

 private:
  static constexpr double kEpsilon = 1e-5;

  // [K, batch, pixels, groups, channels of a group]
  at::Tensor Grouped(const at::Tensor& x) const {
    return x.reshape({x.size(0), x.size(1), -1, groups_, x.size(4) / groups_});
  }
  at::Tensor Weight(const StackedPass& pass) const {
    return pass.Parameter(*entries_[0], {1, 1, 1, entries_[0]->size});
  }

  Entries entries_;
  std::int64_t groups_;
  at::Tensor normal_, scale_;
};

// The parameters of layer `index`, in the order of the layout.
Entries EntriesOf(const Network& network, std::size_t index) {
  Entries entries;
  for (const TensorEntry& entry : network.layout().parameters) {
    if (entry.layer == index) entries.push_back(&entry);
  }
  return entries;
}

}  // namespace

at::Tensor StackedPass::Parameter(const TensorEntry& entry,
                                  std::vector<std::int64_t> shape) const {
  shape.insert(shape.begin(), clients());
  return weights.narrow(1, entry.offset, entry.size).view(shape);
}

std::vector<std::unique_ptr<StackedLayer>> MakeStackedLayers(
    const Network& network) {
  std::vector<std::unique_ptr<StackedLayer>> layers;
  std::size_t masks = 0;
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const Layer& layer = network.layers()[i];
    Entries entries = EntriesOf(network, i);
    const auto windows = [&] {
      return Windows(
          layer, network.shape_before(i), network.shape_before(i + 1));
    };
    switch (layer.type) {
      case LayerType::kDense:
        layers.push_back(std::make_unique<StackedDense>(std::move(entries)));
        break;
      case LayerType::kConvolution:
        layers.push_back(std::make_unique<StackedConvolution>(
            std::move(entries), windows()));
        break;
      case LayerType::kMaxPool:
        layers.push_back(std::make_unique<StackedMaxPool>(windows()));
        break;
      case LayerType::kAveragePool:
        layers.push_back(std::make_unique<StackedAveragePool>(windows()));
        break;
      case LayerType::kFlatten:
        layers.push_back(std::make_unique<StackedFlatten>());
        break;
      case LayerType::kRelu:
      case LayerType::kTanh:
      case LayerType::kSigmoid:
        layers.push_back(std::make_unique<StackedActivation>(layer.type));
        break;
      case LayerType::kDropout:
        if (layer.rate == 0.0) break;
        layers.push_back(std::make_unique<StackedDropout>(masks++));
        break;
      case LayerType::kEmbedding:
        layers.push_back(std::make_unique<StackedEmbedding>(*entries[0]));
        break;
      case LayerType::kLstm:
        layers.push_back(std::make_unique<StackedLstm>(std::move(entries)));
        break;
      case LayerType::kLastPosition:
        layers.push_back(std::make_unique<StackedLastPosition>());
        break;
      case LayerType::kGroupNorm:
        layers.push_back(std::make_unique<StackedGroupNorm>(std::move(entries),
                                                            layer.groups));
        break;
      default:
        FEDTORCH_CHECK(
            false, std::string(ToText(layer.type)) + " has no stacked form");
    }
  }
  return layers;
}

}  // namespace fedtorch::engine
