#pragma once

#include "fedtorch/core/stream.h"
#include "fedtorch/engine/session.h"
#include "fedtorch/model/network.h"

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace fedtorch::engine {

/// Says where a client's batches and the draws of its dropout come from.
struct StackedSource {
  const std::function<Batch()>* next_batch = nullptr;
  core::Stream* dropout = nullptr;  ///< null = dropout is off
};

/// Holds what one step of K clients reads, on the device.
struct StackedBatch {
  std::int64_t batch = 0;           ///< samples a client, padding counted
  std::int64_t samples = 0;         ///< real ones of all clients
  std::vector<std::int64_t> sizes;  ///< real ones of each client, on the host
  at::Tensor x;        ///< [K, batch, ...]; images by row, column, channel
  at::Tensor targets;  ///< [K, positions] int64
  at::Tensor shares;   ///< [K, positions]: 1 / real positions, 0 for padding
  at::Tensor counts;   ///< [K]: real samples
  std::vector<at::Tensor> masks;  ///< as StackedPass wants them
};

/// Is a piece of memory of the host and its copy on the device, which is the
/// same piece on the processor. Sections of several types share it, so that a
/// step costs one copy to the device.
class StepMemory {
 public:
  explicit StepMemory(at::Device device) : device_(device) {}

  /// Forgets all sections.
  void Clear() { bytes_ = 0; }
  /// Adds a section and returns where it begins.
  template <class T>
  std::size_t Add(std::size_t values) {
    const std::size_t begin = bytes_;
    bytes_ += (values * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return begin;
  }
  /// Gives the sections memory, all zero. The memory only grows, so after the
  /// largest step nothing is allocated.
  void Open();
  template <class T>
  T* At(std::size_t begin) {
    return reinterpret_cast<T*>(host_.mutable_data_ptr<std::uint8_t>() + begin);
  }
  /// Copies the sections to the device.
  void Send();
  /// A section as the device sees it.
  template <class T>
  at::Tensor View(std::size_t begin, const std::vector<std::int64_t>& shape) {
    return View(begin, sizeof(T), c10::CppTypeToScalarType<T>::value, shape);
  }

 private:
  // Every type may be read where a section begins.
  static constexpr std::size_t kAlignment = 64;

  at::Tensor View(std::size_t begin,
                  std::size_t width,
                  at::ScalarType type,
                  const std::vector<std::int64_t>& shape) const;

  at::Device device_;
  std::size_t bytes_ = 0;
  at::Tensor host_;
  at::Tensor there_;
};

/// Reads the batches of all clients of a step, draws their masks, and brings
/// both to the device. Batches of unequal size are padded to the largest.
/// Randomness: dropout, from each client's stream as BasicSession states.
/// Threads: one at a time.
template <class Real>
class StackedReader {
 public:
  StackedReader(const model::Network& network, at::Device device);
  /// What it returned before is overwritten.
  StackedBatch Read(std::span<const StackedSource> clients);

 private:
  struct Mask {
    double rate;
    std::vector<std::int64_t> shape;  // of a sample, in the order of drawing
    std::size_t size;                 // values of a sample
  };

  // Calls every client and keeps its batch aside; sizes are known only then.
  void Collect(std::span<const StackedSource> clients, StackedBatch* step);

  const model::InputSpec& input_;
  std::size_t width_ = 1;  // values of a sample
  std::vector<Mask> masks_;
  StepMemory memory_;
  // Client after client without padding.
  std::vector<float> features_;
  std::vector<std::int64_t> tokens_;
  std::vector<std::int64_t> targets_;
};

}  // namespace fedtorch::engine
