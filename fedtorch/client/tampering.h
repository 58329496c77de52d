#pragma once

#include <cstdint>
#include <span>

namespace fedtorch::client {

/// Views a batch that an adversary may change before its step.
struct TamperedBatch {
  std::int64_t size = 0;
  std::span<float> features;        ///< [size, shape...], normalised; or empty
  std::span<std::int64_t> tokens;   ///< [size, length]; or empty
  std::span<std::int64_t> targets;  ///< [size, target_length]
  std::span<const std::int64_t> indices;  ///< [size] samples in the dataset
};

/// Is what an adversary does to its own local training: it sees every batch
/// before its step and the weights after it. One object serves one client in
/// one round. Batches of a full gradient (LocalProblem::FullGradient) are seen,
/// too, but no step follows them. Threads: one.
class Tampering {
 public:
  virtual ~Tampering() = default;
  virtual void BeforeStep(const TamperedBatch& batch) { (void)batch; }
  /// `weights` [d] after the step.
  virtual void AfterStep(std::span<float> weights) { (void)weights; }
  /// Changes the finished delta [d] = local - global; `weights` of the update
  /// follow from it.
  virtual void AfterTraining(std::span<float> delta) { (void)delta; }
};

}  // namespace fedtorch::client
