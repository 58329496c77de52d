#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fedtorch::engine {

/// Robust rules as one writes them in LibTorch's operators: what
/// `fedrun bench aggregate` compares with, and a witness of the rules for
/// finite rows. They run on all intra-op threads that LibTorch was given.
///   median            torch.median along the clients (the lower one)
///   trimmed_mean      sort, then the mean of the ranks f to n - f - 1
///   krum              cdist, sort, sums of the n - f - 2 nearest
///   nnm_krum          cdist, the means of the n - f nearest, then krum
///   geometric_median  Weiszfeld, 8 iterations from the mean
class PlainRules {
 public:
  /// `rows` [n, d] float32, row-major, must live longer.
  PlainRules(std::span<const float> rows, std::int64_t n, std::int64_t d);
  ~PlainRules();
  PlainRules(const PlainRules&) = delete;
  PlainRules& operator=(const PlainRules&) = delete;

  static std::vector<std::string> Names();
  /// Runs a rule of Names(). Throws: Bug for another name.
  std::vector<float> Run(const std::string& rule, std::int64_t f) const;

 private:
  struct Tensors;
  Tensors* tensors_;
};

/// Lets LibTorch use `threads` intra-op threads in the calling thread.
void UseIntraOpThreads(int threads);

}  // namespace fedtorch::engine
