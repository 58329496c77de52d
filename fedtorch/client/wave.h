#pragma once

#include "fedtorch/engine/stacked.h"

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

namespace fedtorch::client {

/// Trains the clients of a wave together, though each client's half of a
/// method is ordinary code that calls Train and waits for it.
///
/// Each half runs on a light thread of its own and is parked while it waits.
/// When every half is parked or has ended, the thread that called Run computes
/// what the parked ones wait for, as one stack, and lets them go on. So a
/// method may ask as often as it likes, and clients may differ in what they
/// ask: those of one kind that meet are computed together.
///
/// Lanes: at most `lanes` halves run at a time; a half has a lane of its own
/// while it runs and gives it back while it is parked, so what is large can
/// belong to lanes, not to clients.
/// Cost: a thread a client and wave, about 20 us. Randomness: none; what is
/// computed together does not depend on the schedule.
class Wave {
 public:
  /// Called before a half runs or goes on, and after it parks or ends.
  using LaneHook = std::function<void(std::size_t half, std::size_t lane)>;

  /// `stack` must live longer. Requires: lanes >= 1.
  Wave(engine::Stack& stack, std::size_t lanes)
      : stack_(stack), lanes_(lanes) {}

  /// Calls `half(i)` for every i < count, each on a thread; returns when all
  /// have ended. A half must not throw. The hooks run on the half's thread.
  /// Throws: RunError when the system gives no thread; the halves that have
  /// one run to their end before.
  void Run(std::size_t count,
           const std::function<void(std::size_t half)>& half,
           const LaneHook& enter,
           const LaneHook& leave);

  /// Waits for the local training of half `half`, from whose thread it is
  /// called. Throws: what the stack threw, in every half that waited for it.
  void Train(std::size_t half, engine::StackedClient<float>& client);
  /// Waits for a gradient in the same way.
  void Gradient(std::size_t half, engine::StackedGradient<float>& client);

  /// What the stack did since the last reading.
  engine::StackedWork TakeWork();

 private:
  // What one parked half waits for: one of the two.
  struct Request {
    std::size_t half = 0;
    engine::StackedClient<float>* client = nullptr;
    engine::StackedGradient<float>* gradient = nullptr;
    bool served = false;
    std::exception_ptr failure;
  };

  void RunHalf(std::size_t half, const std::function<void(std::size_t)>& body);
  void Park(Request& request);
  void EnterLane(std::size_t half, std::unique_lock<std::mutex>& lock);
  void LeaveLane(std::size_t half, std::unique_lock<std::mutex>& lock);
  void Serve();
  void Compute(const std::vector<Request*>& requests);

  engine::Stack& stack_;
  const std::size_t lanes_;
  engine::StackedWork work_;

  // Of the wave at hand.
  const LaneHook* enter_ = nullptr;
  const LaneHook* leave_ = nullptr;
  std::mutex mutex_;
  std::condition_variable lane_is_free_;
  std::condition_variable served_;
  std::condition_variable all_wait_;
  std::vector<std::size_t> free_lanes_;
  std::vector<std::size_t> lane_of_;  // by half
  std::vector<Request*> parked_;
  std::size_t started_ = 0;
  std::size_t ended_ = 0;
};

}  // namespace fedtorch::client
