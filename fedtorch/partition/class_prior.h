#pragma once

#include "fedtorch/core/stream.h"
#include "fedtorch/partition/class_lists.h"

#include <cstdint>
#include <span>
#include <vector>

namespace fedtorch::partition {

/// Hands out the samples of each class in the order of its list.
class ClassStock {
 public:
  explicit ClassStock(const ClassLists& lists);

  std::int64_t num_classes() const { return lists_.num_classes(); }
  std::int64_t LeftOf(std::size_t label) const {
    return lists_.offsets[label + 1] - next_[label];
  }
  /// Returns the next sample of a class. Requires: one is left.
  std::int64_t Take(std::size_t label);

 private:
  const ClassLists& lists_;
  std::vector<std::int64_t> next_;
};

/// Draws the classes of one client from its own law over classes, which is a
/// draw from Dirichlet(concentration).
///
/// A class that ran out gets probability 0 and the rest is renormalised
/// (Flower and Hsu et al. 2019; to redraw until a class is found that is left,
/// as FedDyn does, can hang). Where the rest is 0 in floating point, the law
/// over the remaining classes is drawn again from their concentrations: the
/// renormalised rest of a Dirichlet vector has exactly that distribution.
class ClassPrior {
 public:
  /// Takes the client's own stream. `concentration` [num_classes], >= 0, > 0
  /// for classes with samples; must outlive this object.
  ClassPrior(std::span<const double> concentration, core::Stream stream);

  /// Draws the class of the next sample. Requires: some sample is left.
  /// Cost: two passes over the classes.
  std::size_t Draw(const ClassStock& stock);

 private:
  std::span<const double> concentration_;
  core::Stream stream_;
  std::vector<double> law_;
};

}  // namespace fedtorch::partition
