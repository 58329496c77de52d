#pragma once
#pragma GCC system_header

// Does for reductions what parallel_for.h does for loops. The range is cut and
// the parts are joined as oneTBB's deterministic form does it, so that the bits
// are the same.

#include_next <tbb/parallel_reduce.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>

namespace fedtorch_thread_check {

template <class Range>
void AddLeaves(Range range, std::vector<Range>* leaves) {
  if (!range.is_divisible()) {
    leaves->push_back(range);
    return;
  }
  Range right(range, tbb::split());
  AddLeaves(range, leaves);
  AddLeaves(right, leaves);
}

// Joins what the leaves left, which stand in order from `*next` on, and returns
// the place of the result.
template <class Range, class Join>
std::size_t JoinLeaves(Range range, const Join& join, std::size_t* next) {
  if (!range.is_divisible()) return (*next)++;
  Range right(range, tbb::split());
  const std::size_t first = JoinLeaves(range, join, next);
  const std::size_t second = JoinLeaves(right, join, next);
  join(first, second);
  return first;
}

}  // namespace fedtorch_thread_check

namespace tbb {

template <class Range, class Value, class Function, class Join>
Value fedtorch_parallel_reduce(const Range& range, const Value& identity,
                               const Function& function, const Join& join) {
  std::vector<Range> leaves;
  fedtorch_thread_check::AddLeaves(range, &leaves);
  // Not a vector of values: one of bool would share its bytes among threads.
  const auto values = std::make_unique<Value[]>(leaves.size());
  fedtorch_thread_check::Spread(leaves.size(), [&](std::size_t i) {
    values[i] = function(leaves[i], identity);
  });
  std::size_t next = 0;
  fedtorch_thread_check::JoinLeaves(
      range,
      [&](std::size_t a, std::size_t b) {
        values[a] = join(values[a], values[b]);
      },
      &next);
  return std::move(values[0]);
}

template <class Range, class Body>
void fedtorch_parallel_reduce(const Range& range, Body& body) {
  std::vector<Range> leaves;
  fedtorch_thread_check::AddLeaves(range, &leaves);
  std::vector<std::unique_ptr<Body>> others;
  std::vector<Body*> bodies{&body};
  for (std::size_t i = 1; i < leaves.size(); ++i) {
    others.push_back(std::make_unique<Body>(body, split()));
    bodies.push_back(others.back().get());
  }
  fedtorch_thread_check::Spread(
      leaves.size(), [&](std::size_t i) { (*bodies[i])(leaves[i]); });
  std::size_t next = 0;
  fedtorch_thread_check::JoinLeaves(
      range,
      [&](std::size_t a, std::size_t b) { bodies[a]->join(*bodies[b]); },
      &next);
}

}  // namespace tbb

#define parallel_reduce fedtorch_parallel_reduce
#define parallel_deterministic_reduce fedtorch_parallel_reduce
