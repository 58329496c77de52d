#include "fedtorch/partition/class_prior.h"

#include "fedtorch/core/errors.h"

#include <utility>

namespace fedtorch::partition {

ClassStock::ClassStock(const ClassLists& lists)
    : lists_(lists), next_(lists.offsets.begin(), lists.offsets.end() - 1) {}

std::int64_t ClassStock::Take(std::size_t label) {
  FEDTORCH_CHECK(LeftOf(label) > 0, "the class has no samples left");
  return lists_.samples[static_cast<std::size_t>(next_[label]++)];
}

ClassPrior::ClassPrior(std::span<const double> concentration,
                       core::Stream stream)
    : concentration_(concentration),
      stream_(std::move(stream)),
      law_(stream_.Dirichlet(concentration)) {}

std::size_t ClassPrior::Draw(const ClassStock& stock) {
  double sum = 0.0;
  for (std::size_t label = 0; label < law_.size(); ++label) {
    if (stock.LeftOf(label) == 0) law_[label] = 0.0;
    sum += law_[label];
  }
  if (!(sum > 0.0)) {
    std::vector<double> remaining(concentration_.begin(), concentration_.end());
    for (std::size_t label = 0; label < remaining.size(); ++label) {
      if (stock.LeftOf(label) == 0) remaining[label] = 0.0;
    }
    law_ = stream_.Dirichlet(remaining);
  }
  return stream_.Categorical(law_);
}

}  // namespace fedtorch::partition
