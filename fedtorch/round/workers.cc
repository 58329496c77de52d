#include "fedtorch/round/workers.h"

#include "fedtorch/round/lowest_failure.h"
#include "fedtorch/round/stacked_workers.h"

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <atomic>

namespace fedtorch::round {

std::int64_t WorkerCount(const Experiment& experiment) {
  return experiment.threads.value_or(tbb::info::default_concurrency());
}

// The global control lets more workers run than there are cores, which is how
// results are shown not to depend on their number.
class Workers::Arena {
 public:
  explicit Arena(int threads)
      : control_(tbb::global_control::max_allowed_parallelism,
                 static_cast<std::size_t>(threads)),
        arena_(threads) {}
  tbb::task_arena& get() { return arena_; }

 private:
  tbb::global_control control_;
  tbb::task_arena arena_;
};

Workers::Workers(std::int64_t count,
                 const Experiment& experiment,
                 const World& world)
    : arena_(std::make_unique<Arena>(static_cast<int>(count))),
      experiment_(experiment),
      world_(world),
      workers_(static_cast<std::size_t>(count)) {
  if (world.execution.stacked) {
    stacked_ = std::make_unique<StackedWorkers>(experiment, world, workers_);
  }
}

Workers::~Workers() = default;

std::int64_t Workers::count() const {
  return static_cast<std::int64_t>(workers_.size());
}

void Workers::Run(const std::vector<std::int64_t>& order,
                  const std::function<void(Worker&, std::int64_t)>& run) {
  std::atomic<std::size_t> next{0};
  LowestFailure failure;
  const auto serve = [&](std::size_t index) {
    engine::PrepareThread();
    Worker& worker = workers_[index];
    if (worker.session == nullptr) {
      worker.session = engine::MakeSession(
          world_.network, experiment_.model.buffers, experiment_.engine);
      worker.problem =
          std::make_unique<client::SessionProblem>(*worker.session,
                                                   world_.corpus.train,
                                                   experiment_.work,
                                                   experiment_.seed);
      worker.train_reader =
          std::make_unique<client::BatchReader>(world_.corpus.train);
      if (world_.corpus.test) {
        worker.test_reader =
            std::make_unique<client::BatchReader>(*world_.corpus.test);
      }
      if (world_.validation) {
        worker.validation_reader =
            std::make_unique<client::BatchReader>(*world_.validation);
      }
    }
    while (true) {
      const std::size_t position = next.fetch_add(1);
      if (position >= order.size()) return;
      const std::int64_t task = order[position];
      try {
        run(worker, task);
      } catch (...) {
        failure.Take(task);
      }
    }
  };
  arena_->get().execute([&] {
    // One loop a worker; each takes clients until none is left, so a worker's
    // memory is touched by one thread at a time and nothing is stolen midway.
    tbb::parallel_for(std::size_t{0},
                      workers_.size(),
                      std::size_t{1},
                      serve,
                      tbb::simple_partitioner{});
  });
  failure.Rethrow();
}

void Workers::Train(const std::vector<std::int64_t>& order,
                    const std::function<void(Worker&, std::int64_t)>& run) {
  if (stacked_ != nullptr) {
    stacked_->Run(order, run);
  } else {
    Run(order, run);
  }
}

engine::StackedWork Workers::TakeStackedWork() {
  return stacked_ != nullptr ? stacked_->TakeWork() : engine::StackedWork{};
}

}  // namespace fedtorch::round
