#pragma once
#pragma GCC system_header

// Stands before oneTBB's header of the same name in builds with the thread
// sanitiser. The library is not instrumented, so the sanitiser cannot see how
// it hands a task to a thread and would report every value that passes. Here
// the loops run on threads of the standard library, which it does see: what it
// then reports is a race of our own. As many threads as the global control
// allows; loops within a loop run on the thread that they are called from.

#include_next <tbb/parallel_for.h>

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include <tbb/blocked_range.h>
#include <tbb/global_control.h>

namespace fedtorch_thread_check {

inline thread_local bool in_loop = false;

// Calls `run` with 0 ... count - 1 and throws the first exception that it met.
template <class Run>
void Spread(std::size_t count, const Run& run) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto serve = [&] {
    const bool nested = in_loop;
    in_loop = true;
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      try {
        run(i);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
    in_loop = nested;
  };
  const std::size_t threads = std::min(
      count, in_loop ? 1
                     : tbb::global_control::active_value(
                           tbb::global_control::max_allowed_parallelism));
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < threads; ++i) others.emplace_back(serve);
  serve();
  for (std::thread& other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace fedtorch_thread_check

namespace tbb {

template <class Value, class Body, class... Partitioner>
void fedtorch_parallel_for(const blocked_range<Value>& range, const Body& body,
                           const Partitioner&...) {
  const std::size_t grain = range.grainsize();
  const std::size_t pieces = (range.size() + grain - 1) / grain;
  fedtorch_thread_check::Spread(pieces, [&](std::size_t i) {
    const std::size_t first = i * grain;
    const std::size_t last = std::min(range.size(), first + grain);
    body(blocked_range<Value>(range.begin() + static_cast<Value>(first),
                              range.begin() + static_cast<Value>(last)));
  });
}

template <std::integral Index, class Body, class... Partitioner>
  requires(!std::integral<Body>)
void fedtorch_parallel_for(Index first, std::type_identity_t<Index> last,
                           std::type_identity_t<Index> step, const Body& body,
                           const Partitioner&...) {
  if (last <= first) return;
  const auto count = static_cast<std::size_t>((last - first - 1) / step + 1);
  fedtorch_thread_check::Spread(count, [&](std::size_t i) {
    body(static_cast<Index>(first + static_cast<Index>(i) * step));
  });
}

template <std::integral Index, class Body, class... Partitioner>
  requires(!std::integral<Body>)
void fedtorch_parallel_for(Index first, std::type_identity_t<Index> last,
                           const Body& body, const Partitioner&... rest) {
  fedtorch_parallel_for(first, last, Index{1}, body, rest...);
}

}  // namespace tbb

#define parallel_for fedtorch_parallel_for
