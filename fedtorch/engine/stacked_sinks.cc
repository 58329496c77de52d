#include "fedtorch/engine/stacked_sinks.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace fedtorch::engine {
namespace {

using model::TensorEntry;

// Adds delta[k, r] to row tokens[k, r] of table k; tables [K, rows, units].
// Repeated rows are added in a fixed order on every device.
void AddToRows(const at::Tensor& tables,
               const at::Tensor& tokens,
               const at::Tensor& delta) {
  c10::List<std::optional<at::Tensor>> where;
  where.push_back(at::arange(tokens.size(0), tokens.options()).unsqueeze(1));
  where.push_back(tokens);
  at::Tensor changed = tables;
  changed.index_put_(where, delta, true);
}

}  // namespace

at::Tensor Beside(const at::Tensor& values, std::int64_t dimensions) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(dimensions), 1);
  shape[0] = values.size(0);
  return values.view(shape);
}

at::Tensor StackedCorrections::Of(const at::Tensor& weights,
                                  std::int64_t offset) const {
  const std::int64_t clients = weights.size(0);
  const std::int64_t size = weights.size(1);
  at::Tensor sum;
  const auto add = [&sum](at::Tensor term) {
    sum = sum.defined() ? sum.add_(term) : std::move(term);
  };
  if (decay.defined()) {
    add(weights * Beside(decay.narrow(0, 0, clients), 2));
  }
  if (prox.defined()) {
    // The difference is taken first: with prox folded into a factor of w the
    // rounding of that factor would pull every step the same way.
    const std::int64_t rows = std::min(clients, anchor.size(0));
    add((weights - anchor.narrow(0, 0, rows).narrow(1, offset, size))
            .mul_(Beside(prox.narrow(0, 0, clients), 2)));
  }
  if (linear.defined()) {
    const at::Tensor term =
        linear.narrow(0, 0, clients).narrow(1, offset, size);
    sum = sum.defined() ? sum.add_(term) : term;
  }
  return sum;
}

void FusedUpdate::Product(const TensorEntry& entry,
                          const at::Tensor& x,
                          const at::Tensor& delta) {
  Corrected(entry, {x.size(2), delta.size(2)})
      .baddbmm_(Transposed(x), delta, 1, -1);
}

void FusedUpdate::RowSum(const TensorEntry& entry, const at::Tensor& terms) {
  Corrected(entry, {entry.size}).sub_(terms.sum(1));
}

void FusedUpdate::Lookup(const TensorEntry& entry,
                         const at::Tensor& tokens,
                         const at::Tensor& delta) {
  AddToRows(Corrected(entry, entry.shape), tokens, delta.neg());
}

// The entry's weights after the terms that do not come from data.
at::Tensor FusedUpdate::Corrected(const TensorEntry& entry,
                                  std::vector<std::int64_t> shape) const {
  if (corrections_.any()) {
    at::Tensor columns = pass_.Parameter(entry, {entry.size});
    const at::Tensor lr = corrections_.lr.narrow(0, 0, pass_.clients());
    columns.sub_(corrections_.Of(columns, entry.offset) * Beside(lr, 2));
  }
  return pass_.Parameter(entry, std::move(shape));
}

GradientBuffer::GradientBuffer(const StackedPass& pass)
    : gradients_(at::empty(pass.weights.sizes(), pass.weights.options())) {}

void GradientBuffer::Product(const TensorEntry& entry,
                             const at::Tensor& x,
                             const at::Tensor& delta) {
  Columns(entry, {x.size(2), delta.size(2)})
      .baddbmm_(Transposed(x), delta, 0, 1);
}

void GradientBuffer::RowSum(const TensorEntry& entry, const at::Tensor& terms) {
  Columns(entry, {entry.size}).copy_(terms.sum(1));
}

void GradientBuffer::Lookup(const TensorEntry& entry,
                            const at::Tensor& tokens,
                            const at::Tensor& delta) {
  AddToRows(Columns(entry, entry.shape).zero_(), tokens, delta);
}

at::Tensor GradientBuffer::Columns(const TensorEntry& entry,
                                   std::vector<std::int64_t> shape) const {
  shape.insert(shape.begin(), gradients_.size(0));
  return gradients_.narrow(1, entry.offset, entry.size).view(shape);
}

ExampleNorms::ExampleNorms(const StackedPass& pass, std::int64_t batch)
    : batch_(batch),
      squares_(at::zeros({pass.clients(), batch}, pass.weights.options())) {}

void ExampleNorms::Product(const TensorEntry&,
                           const at::Tensor& x,
                           const at::Tensor& delta) {
  const at::Tensor left = Examples(x);
  const at::Tensor right = Examples(delta);
  const std::int64_t rows = left.size(1);
  if (rows * rows <= left.size(2) * right.size(2)) {
    Add(at::bmm(left, Transposed(left))
            .mul_(at::bmm(right, Transposed(right))));
  } else {
    Add(at::bmm(Transposed(left), right).square_());
  }
}

void ExampleNorms::RowSum(const TensorEntry&, const at::Tensor& terms) {
  Add(Examples(terms).sum(1, true).square_());
}

void ExampleNorms::Lookup(const TensorEntry&,
                          const at::Tensor& tokens,
                          const at::Tensor& delta) {
  // Rows of one token add up before they are squared.
  const at::Tensor example = tokens.reshape({squares_.numel(), -1});
  const at::Tensor right = Examples(delta);
  Add(at::bmm(right, Transposed(right))
          .mul_(example.unsqueeze(2).eq(example.unsqueeze(1))));
}

// [K * batch, rows of an example, values]
at::Tensor ExampleNorms::Examples(const at::Tensor& rows) const {
  return rows.reshape({squares_.numel(), rows.size(1) / batch_, rows.size(2)});
}

void ExampleNorms::Add(const at::Tensor& terms) {
  squares_.add_(terms.sum({1, 2}).view(squares_.sizes()));
}

}  // namespace fedtorch::engine
