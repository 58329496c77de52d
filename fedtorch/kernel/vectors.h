#pragma once

#include "fedtorch/kernel/products.h"

#include <cstddef>

namespace fedtorch::kernel {

/// Applies a step with a stored gradient to `size` weights from `offset` on:
/// the forms of `Update`, with gradient * scale in the place of the product.
/// Cost: one pass. Threads: safe on disjoint weights.
template <class Real>
void ApplyUpdate(const Update<Real>& update,
                 const Real* gradient,
                 Real scale,
                 std::size_t offset,
                 std::size_t size,
                 Real* w);

/// Adds the sum over all rows of d to sums [columns], rows in ascending order.
template <class Real>
void AddColumnSums(const Extent& extent,
                   const Rows<const Real>& d,
                   std::size_t columns,
                   Real* sums);

/// Multiplies `size` values by `factor`.
template <class Real>
void Scale(Real factor, std::size_t size, Real* values);

/// y += factor * x over `size` values.
template <class Real>
void AddScaled(Real factor, const Real* x, std::size_t size, Real* y);

/// Returns sum x * y over `size` values, summed in double in a fixed order.
template <class Real>
double Dot(const Real* x, const Real* y, std::size_t size);

/// Returns sum (x - y)^2 over `size` values, differences and sums in double in
/// a fixed order.
template <class Real>
double SquaredDistance(const Real* x, const Real* y, std::size_t size);

/// out = x - y over `size` values. Returns the squared norm of `out`, summed in
/// double in a fixed order: in one pass, as each costs the way to memory.
template <class Real>
double Subtract(const Real* x, const Real* y, std::size_t size, Real* out);

}  // namespace fedtorch::kernel
