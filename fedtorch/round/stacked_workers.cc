#include "fedtorch/round/stacked_workers.h"

#include "fedtorch/client/stacked_problem.h"
#include "fedtorch/round/lowest_failure.h"

#include <algorithm>
#include <utility>

namespace fedtorch::round {

StackedWorkers::StackedWorkers(const Experiment& experiment,
                               const World& world,
                               std::vector<Worker>& lanes)
    : experiment_(experiment),
      world_(world),
      lanes_(lanes),
      stack_(engine::MakeStack<float>(world.network, world.execution.device)),
      wave_(*stack_, lanes.size()) {}

void StackedWorkers::Run(
    const std::vector<std::int64_t>& order,
    const std::function<void(Worker&, std::int64_t)>& run) {
  engine::PrepareThread();
  const std::size_t size =
      std::min(order.size(), static_cast<std::size_t>(world_.execution.wave));
  while (seats_.size() < size) {
    Worker& seat = seats_.emplace_back();
    seat.problem = std::make_unique<client::StackedProblem>(
        wave_,
        seats_.size() - 1,
        static_cast<std::size_t>(world_.network.num_parameters()),
        world_.corpus.train,
        experiment_.work,
        experiment_.seed);
  }
  // What a lane collects is with the client that runs on it; swapping moves
  // pointers.
  const auto exchange = [&](std::size_t seat, std::size_t lane) {
    std::swap(seats_[seat].collected, lanes_[lane].collected);
  };
  LowestFailure failure;
  for (std::size_t first = 0; first < order.size(); first += size) {
    wave_.Run(
        std::min(size, order.size() - first),
        [&](std::size_t seat) {
          const std::int64_t task = order[first + seat];
          try {
            run(seats_[seat], task);
          } catch (...) {
            failure.Take(task);
          }
        },
        exchange,
        exchange);
  }
  failure.Rethrow();
}

}  // namespace fedtorch::round
