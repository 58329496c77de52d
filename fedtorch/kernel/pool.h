#pragma once

#include "fedtorch/kernel/products.h"

#include <cstddef>

namespace fedtorch::kernel {

/// Describes pooling of images stored by row, column, channel. A window starts
/// at (stride * line - padding, stride * row - padding) and is cut at the
/// image's edge.
template <class Real>
struct Pool {
  std::size_t images = 0;
  std::size_t channels = 0;
  std::size_t height = 0, width = 0;          ///< of the input
  std::size_t out_height = 0, out_width = 0;  ///< of the output
  std::size_t kernel = 1, stride = 1, padding = 0;
};

/// y = max over each window; `winner` [images, out_height, out_width, channels]
/// gets the place of the winner in the window, counted by row and column from
/// the uncut window's start. The first of equal values wins; NaN wins.
template <class Real>
void MaxPoolForward(const Pool<Real>& pool,
                    const Rows<const Real>& x,
                    const Rows<Real>& y,
                    Real* winner);

/// dx = dy at the winners, 0 elsewhere. With `relu`, only where y > 0: the
/// gradient of a ReLU before or after the pool.
/// `dy` and `y` are [images, out_height, out_width, channels] views.
template <class Real>
void MaxPoolBackward(const Pool<Real>& pool,
                     const Real* winner,
                     const Rows<const Real>& y,
                     const Rows<const Real>& dy,
                     bool relu,
                     const Rows<Real>& dx);

/// Means over the windows, cut at the edge; their gradient. Divides by the
/// number of values that are there (count_include_pad = false).
template <class Real>
void AveragePoolForward(const Pool<Real>& pool,
                        const Rows<const Real>& x,
                        const Rows<Real>& y);
template <class Real>
void AveragePoolBackward(const Pool<Real>& pool,
                         const Rows<const Real>& dy,
                         const Rows<Real>& dx);

}  // namespace fedtorch::kernel
