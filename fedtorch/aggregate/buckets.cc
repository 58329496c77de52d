#include "fedtorch/aggregate/buckets.h"

#include <algorithm>
#include <numeric>
#include <vector>

namespace fedtorch::aggregate {

std::int64_t NumBuckets(std::int64_t n, std::int64_t size) {
  return n / size + (n % size != 0 ? 1 : 0);
}

Matrix BucketMeans(std::int64_t n, std::int64_t size, core::Stream stream) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  stream.Shuffle(std::span(order));
  Matrix coefficients(NumBuckets(n, size), n);
  for (std::int64_t bucket = 0; bucket < coefficients.rows(); ++bucket) {
    const std::int64_t first = bucket * size;
    const std::int64_t count = std::min(size, n - first);
    for (std::int64_t k = first; k < first + count; ++k) {
      coefficients(bucket, order[static_cast<std::size_t>(k)]) =
          1.0 / static_cast<double>(count);
    }
  }
  return coefficients;
}

}  // namespace fedtorch::aggregate
