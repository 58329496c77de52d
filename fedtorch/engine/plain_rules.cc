#include "fedtorch/engine/plain_rules.h"

#include "fedtorch/core/errors.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace fedtorch::engine {
namespace {

at::Tensor Krum(const at::Tensor& rows, std::int64_t f) {
  const std::int64_t n = rows.size(0);
  const at::Tensor distances = at::cdist(rows, rows).pow(2);
  // The nearest is the row itself.
  const at::Tensor scores =
      std::get<0>(distances.sort(1)).slice(1, 1, n - f - 1).sum(1);
  return rows[scores.argmin().item<std::int64_t>()];
}

at::Tensor NearestMeans(const at::Tensor& rows, std::int64_t f) {
  const std::int64_t n = rows.size(0);
  const at::Tensor nearest =
      std::get<1>(at::cdist(rows, rows).sort(1)).slice(1, 0, n - f);
  // As matrix product, since gathering n * (n - f) rows takes tens of GB.
  at::Tensor weights = at::zeros({n, n}, rows.options());
  weights.scatter_(1, nearest, 1.0 / static_cast<double>(n - f));
  return weights.mm(rows);
}

at::Tensor Weiszfeld(const at::Tensor& rows) {
  at::Tensor centre = rows.mean(0);
  for (int step = 0; step < 8; ++step) {
    const at::Tensor distances = (rows - centre).norm(2, 1).clamp_min(1e-6);
    const at::Tensor weights = distances.reciprocal();
    centre = (weights / weights.sum()).unsqueeze(0).mm(rows).squeeze(0);
  }
  return centre;
}

}  // namespace

struct PlainRules::Tensors {
  at::Tensor rows;
};

PlainRules::PlainRules(std::span<const float> rows,
                       std::int64_t n,
                       std::int64_t d)
    : tensors_(new Tensors{at::from_blob(
          const_cast<float*>(rows.data()), {n, d}, at::kFloat)}) {}

PlainRules::~PlainRules() { delete tensors_; }

std::vector<std::string> PlainRules::Names() {
  return {"median", "trimmed_mean", "krum", "nnm_krum", "geometric_median"};
}

std::vector<float> PlainRules::Run(const std::string& rule,
                                   std::int64_t f) const {
  const at::Tensor& rows = tensors_->rows;
  at::Tensor result;
  if (rule == "median") {
    result = std::get<0>(at::median(rows, 0));
  } else if (rule == "trimmed_mean") {
    result = std::get<0>(rows.sort(0)).slice(0, f, rows.size(0) - f).mean(0);
  } else if (rule == "krum") {
    result = Krum(rows, f);
  } else if (rule == "nnm_krum") {
    result = Krum(NearestMeans(rows, f), f);
  } else if (rule == "geometric_median") {
    result = Weiszfeld(rows);
  } else {
    FEDTORCH_CHECK(false, "no plain rule " + rule);
  }
  result = result.contiguous();
  const float* values = result.const_data_ptr<float>();
  return {values, values + result.numel()};
}

void UseIntraOpThreads(int threads) { at::set_num_threads(threads); }

}  // namespace fedtorch::engine
