#include "fedtorch/engine/stacked_batch.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>

namespace fedtorch::engine {
namespace {

std::int64_t Product(const std::vector<std::int64_t>& shape) {
  return std::accumulate(
      shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

// Copies what each client gave, `width` values a sample, to the client's place
// among padded batches.
template <class T>
void Spread(const std::vector<T>& values,
            const StackedBatch& step,
            std::size_t width,
            T* out) {
  const T* next = values.data();
  for (const std::int64_t size : step.sizes) {
    const std::size_t count = static_cast<std::size_t>(size) * width;
    std::copy_n(next, count, out);
    next += count;
    out += static_cast<std::size_t>(step.batch) * width;
  }
}

void DrawMask(double rate, std::span<std::uint8_t> kept, core::Stream& stream) {
  const auto threshold = static_cast<std::uint64_t>(rate * 0x1p32);
  for (std::uint8_t& value : kept) {
    value = stream.Bits32() < threshold ? 0 : 1;
  }
}

}  // namespace

void StepMemory::Open() {
  const auto size = static_cast<std::int64_t>(bytes_);
  if (!host_.defined() || host_.numel() < size) {
    host_ = at::empty({size}, at::kByte);
    there_ = device_.is_cpu() ? host_ : at::empty_like(host_, device_);
  }
  std::memset(At<char>(0), 0, bytes_);
}

void StepMemory::Send() {
  if (device_.is_cpu()) return;
  const auto size = static_cast<std::int64_t>(bytes_);
  // A copy from pageable memory returns once the source may be written again
  // and does not wait for the device, so the host gathers the next batch while
  // this one is trained on.
  there_.narrow(0, 0, size).copy_(host_.narrow(0, 0, size), true);
}

at::Tensor StepMemory::View(std::size_t begin,
                            std::size_t width,
                            at::ScalarType type,
                            const std::vector<std::int64_t>& shape) const {
  return there_
      .narrow(0,
              static_cast<std::int64_t>(begin),
              Product(shape) * static_cast<std::int64_t>(width))
      .view(type)
      .view(shape);
}

template <class Real>
StackedReader<Real>::StackedReader(const model::Network& network,
                                   at::Device device)
    : input_(network.input()),
      width_(static_cast<std::size_t>(Product(input_.shape))),
      memory_(device) {
  for (const model::DropoutMask& mask : network.dropout_masks()) {
    const auto size = static_cast<std::size_t>(Product(mask.shape));
    masks_.push_back({mask.rate, mask.shape, size});
  }
}

template <class Real>
void StackedReader<Real>::Collect(std::span<const StackedSource> clients,
                                  StackedBatch* step) {
  features_.clear();
  tokens_.clear();
  targets_.clear();
  for (const StackedSource& client : clients) {
    const Batch batch = (*client.next_batch)();
    FEDTORCH_CHECK(batch.size > 0, "a step needs a sample");
    const auto size = static_cast<std::size_t>(batch.size);
    const std::size_t values =
        input_.tokens ? batch.tokens.size() : batch.features.size();
    FEDTORCH_CHECK(values == size * width_ &&
                       batch.targets.size() == size * static_cast<std::size_t>(
                                                          input_.target_length),
                   "wrong size");
    step->sizes.push_back(batch.size);
    step->samples += batch.size;
    step->batch = std::max(step->batch, batch.size);
    features_.insert(
        features_.end(), batch.features.begin(), batch.features.end());
    tokens_.insert(tokens_.end(), batch.tokens.begin(), batch.tokens.end());
    targets_.insert(targets_.end(), batch.targets.begin(), batch.targets.end());
  }
}

template <class Real>
StackedBatch StackedReader<Real>::Read(std::span<const StackedSource> clients) {
  StackedBatch step;
  Collect(clients, &step);
  const auto slots = static_cast<std::size_t>(step.batch) * clients.size();
  const auto length = static_cast<std::size_t>(input_.target_length);
  memory_.Clear();
  const std::size_t x_begin = input_.tokens
                                  ? memory_.Add<std::int64_t>(slots * width_)
                                  : memory_.Add<float>(slots * width_);
  const std::size_t target_begin = memory_.Add<std::int64_t>(slots * length);
  const std::size_t share_begin = memory_.Add<Real>(slots * length);
  const std::size_t count_begin = memory_.Add<Real>(clients.size());
  // Dropout is on for all clients of a stack or for none.
  const bool masked = !masks_.empty() && clients[0].dropout != nullptr;
  std::vector<std::size_t> mask_begin;
  for (std::size_t m = 0; masked && m < masks_.size(); ++m) {
    mask_begin.push_back(memory_.Add<std::uint8_t>(slots * masks_[m].size));
  }
  memory_.Open();

  if (input_.tokens) {
    Spread(tokens_, step, width_, memory_.At<std::int64_t>(x_begin));
  } else {
    Spread(features_, step, width_, memory_.At<float>(x_begin));
  }
  Spread(targets_, step, length, memory_.At<std::int64_t>(target_begin));
  for (std::size_t k = 0; k < clients.size(); ++k) {
    const auto size = static_cast<std::size_t>(step.sizes[k]);
    const std::size_t first = k * static_cast<std::size_t>(step.batch);
    std::fill_n(memory_.At<Real>(share_begin) + first * length,
                size * length,
                static_cast<Real>(1.0 / static_cast<double>(size * length)));
    memory_.At<Real>(count_begin)[k] = static_cast<Real>(size);
    // Layer by layer, each for the whole batch of this client.
    for (std::size_t m = 0; m < mask_begin.size(); ++m) {
      const std::size_t values = masks_[m].size;
      DrawMask(masks_[m].rate,
               {memory_.At<std::uint8_t>(mask_begin[m]) + first * values,
                size * values},
               *clients[k].dropout);
    }
  }
  memory_.Send();

  constexpr at::ScalarType kType = c10::CppTypeToScalarType<Real>::value;
  const auto rows = static_cast<std::int64_t>(clients.size());
  const auto shape_of = [&](const std::vector<std::int64_t>& sample) {
    std::vector<std::int64_t> shape{rows, step.batch};
    shape.insert(shape.end(), sample.begin(), sample.end());
    return shape;
  };
  if (input_.tokens) {
    step.x = memory_.View<std::int64_t>(x_begin, shape_of(input_.shape));
  } else {
    step.x = memory_.View<float>(x_begin, shape_of(input_.shape)).to(kType);
    if (input_.shape.size() == 3) {
      step.x = step.x.permute({0, 1, 3, 4, 2}).contiguous();
    }
  }
  const std::int64_t positions = step.batch * input_.target_length;
  step.targets = memory_.View<std::int64_t>(target_begin, {rows, positions});
  step.shares = memory_.View<Real>(share_begin, {rows, positions});
  step.counts = memory_.View<Real>(count_begin, {rows});
  for (std::size_t m = 0; m < mask_begin.size(); ++m) {
    step.masks.push_back(
        memory_.View<std::uint8_t>(mask_begin[m], shape_of(masks_[m].shape))
            .to(kType)
            .mul_(1.0 / (1.0 - masks_[m].rate)));
  }
  return step;
}

template class StackedReader<float>;
template class StackedReader<double>;

}  // namespace fedtorch::engine
