#include "fedtorch/client/wave.h"

#include "fedtorch/core/errors.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace fedtorch::client {

void Wave::Run(std::size_t count,
               const std::function<void(std::size_t)>& half,
               const LaneHook& enter,
               const LaneHook& leave) {
  enter_ = &enter;
  leave_ = &leave;
  free_lanes_.clear();
  for (std::size_t lane = lanes_; lane > 0; --lane) {
    free_lanes_.push_back(lane - 1);
  }
  lane_of_.assign(count, 0);
  ended_ = 0;
  started_ = count;
  std::vector<std::thread> threads;
  threads.reserve(count);
  std::string problem;
  for (std::size_t i = 0; i < count; ++i) {
    try {
      threads.emplace_back([this, i, &half] { RunHalf(i, half); });
    } catch (const std::system_error& error) {
      // Those that started wait for no more than each other.
      const std::lock_guard lock(mutex_);
      started_ = i;
      problem = error.what();
      break;
    }
  }
  Serve();
  for (std::thread& thread : threads) thread.join();
  if (!problem.empty()) {
    throw core::RunError("the system gives no more than " +
                         std::to_string(started_) + " threads for a wave of " +
                         std::to_string(count) + " clients (" + problem +
                         "); lower runtime.wave");
  }
}

void Wave::RunHalf(std::size_t half,
                   const std::function<void(std::size_t)>& body) {
  std::unique_lock lock(mutex_);
  EnterLane(half, lock);
  lock.unlock();
  body(half);
  lock.lock();
  LeaveLane(half, lock);
  ++ended_;
  all_wait_.notify_one();
}

void Wave::EnterLane(std::size_t half, std::unique_lock<std::mutex>& lock) {
  lane_is_free_.wait(lock, [this] { return !free_lanes_.empty(); });
  lane_of_[half] = free_lanes_.back();
  free_lanes_.pop_back();
  (*enter_)(half, lane_of_[half]);
}

void Wave::LeaveLane(std::size_t half, std::unique_lock<std::mutex>&) {
  (*leave_)(half, lane_of_[half]);
  free_lanes_.push_back(lane_of_[half]);
  lane_is_free_.notify_one();
}

void Wave::Train(std::size_t half, engine::StackedClient<float>& client) {
  Request request{.half = half, .client = &client};
  Park(request);
}

void Wave::Gradient(std::size_t half, engine::StackedGradient<float>& client) {
  Request request{.half = half, .gradient = &client};
  Park(request);
}

void Wave::Park(Request& request) {
  std::unique_lock lock(mutex_);
  LeaveLane(request.half, lock);
  parked_.push_back(&request);
  all_wait_.notify_one();
  served_.wait(lock, [&request] { return request.served; });
  EnterLane(request.half, lock);
  lock.unlock();
  if (request.failure) std::rethrow_exception(request.failure);
}

void Wave::Serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    all_wait_.wait(lock,
                   [this] { return parked_.size() + ended_ == started_; });
    if (parked_.empty()) return;
    std::vector<Request*> requests = std::move(parked_);
    parked_.clear();
    lock.unlock();
    std::sort(requests.begin(),
              requests.end(),
              [](const Request* left, const Request* right) {
                return left->half < right->half;
              });
    std::exception_ptr failure;
    try {
      Compute(requests);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    for (Request* request : requests) {
      request->failure = failure;
      request->served = true;
    }
    served_.notify_all();
  }
}

// The stack works on values that stand side by side, so they are moved there
// and back.
void Wave::Compute(const std::vector<Request*>& requests) {
  std::vector<engine::StackedClient<float>> clients;
  std::vector<engine::StackedGradient<float>> gradients;
  for (Request* request : requests) {
    if (request->client != nullptr) {
      clients.push_back(std::move(*request->client));
    } else {
      gradients.push_back(std::move(*request->gradient));
    }
  }
  if (!clients.empty()) work_ += stack_.Train(clients);
  if (!gradients.empty()) work_ += stack_.Gradients(gradients);
  auto client = clients.begin();
  auto gradient = gradients.begin();
  for (Request* request : requests) {
    if (request->client != nullptr) {
      *request->client = std::move(*client++);
    } else {
      *request->gradient = std::move(*gradient++);
    }
  }
}

engine::StackedWork Wave::TakeWork() { return std::exchange(work_, {}); }

}  // namespace fedtorch::client
