#include "fedtorch/study/trial_pool.h"

#include "fedtorch/core/errors.h"

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>
#include <iostream>
#include <optional>
#include <string>
#include <utility>

namespace fedtorch::study {
namespace {

using Json = nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr int kTick = 200;  // ms between two looks at signals and claims
constexpr auto kRetryClaim = std::chrono::milliseconds(500);

// Owns a file descriptor.
class File {
 public:
  File() = default;
  explicit File(int number) : number_(number) {}
  ~File() { Close(); }
  File(File&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  File& operator=(File&& other) noexcept {
    if (this != &other) {
      Close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }

  int number() const { return number_; }
  void Close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_ = -1;
};

std::pair<File, File> MakePipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw core::RunError(std::string("sweep: no pipe to a process: ") +
                         std::strerror(errno));
  }
  return {File(ends[0]), File(ends[1])};
}

bool WriteAll(int file, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = ::write(file, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

// Reads up to a newline; nullopt at the end of the file.
std::optional<std::string> ReadLine(int file) {
  std::string line;
  char c = 0;
  while (true) {
    const ssize_t count = ::read(file, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    if (c == '\n') return line;
    line += c;
  }
}

// What a worker says about a trial; no state means that it was claimed.
std::string OutcomeLine(std::size_t index,
                        const std::optional<TrialStatus>& status) {
  Json json{{"trial", index}};
  if (status) {
    json["state"] = ToText(status->state);
    json["message"] = status->message;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The life of a worker: trial after trial until no more are asked for.
[[noreturn]] void Serve(const SweepPlan& plan,
                        const TrialRequest& request,
                        int orders,
                        int outcomes) {
  CorpusCache cache;
  while (const std::optional<std::string> order = ReadLine(orders)) {
    const std::size_t index = std::stoul(*order);
    std::optional<TrialStatus> status;
    try {
      status = RunTrial(plan.trials[index], request, &cache);
    } catch (const std::exception& error) {
      status = TrialStatus{TrialState::kFailed, error.what()};
    }
    if (!WriteAll(outcomes, OutcomeLine(index, status))) break;
  }
  // The parent's buffers and exit handlers are not ours.
  ::_exit(0);
}

struct Worker {
  pid_t process = -1;
  File orders;
  File outcomes;
  std::optional<std::size_t> trial;
  std::string data_key;  // of the last trial
  bool alive() const { return process > 0; }
};

class Pool {
 public:
  Pool(const SweepPlan& plan,
       const std::vector<std::size_t>& trials,
       const PoolOptions& options)
      : plan_(plan),
        options_(options),
        pending_(trials.begin(), trials.end()),
        log_(::open((options.request.directory / "log.txt").c_str(),
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                    0666)),
        workers_(static_cast<std::size_t>(options.jobs)) {}

  ~Pool() {
    for (Worker& worker : workers_) {
      if (!worker.alive()) continue;
      ::kill(worker.process, SIGKILL);
      ::waitpid(worker.process, nullptr, 0);
    }
  }

  record::StopRequest Run() {
    // A worker that is gone is seen at its pipe, not by a signal.
    struct sigaction ignore {};
    struct sigaction former {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &former);
    StartWorkers();
    while (true) {
      if (!stopping()) Assign();
      const bool idle = Running() == 0;
      if (idle && (stopping() || (pending_.empty() && claimed_.empty()))) break;
      Listen();
      Look();
      if (!stopping()) StartWorkers();
      if (options_.watched) options_.watched({Running(), claimed_.size()});
    }
    for (Worker& worker : workers_) {
      if (!worker.alive()) continue;
      worker.orders.Close();
      ::waitpid(worker.process, nullptr, 0);
      worker.process = -1;
    }
    ::sigaction(SIGPIPE, &former, nullptr);
    return stop_;
  }

 private:
  bool stopping() const { return stop_ != record::StopRequest::kNone; }

  std::size_t Running() const {
    return static_cast<std::size_t>(
        std::count_if(workers_.begin(), workers_.end(), [](const Worker& w) {
          return w.trial.has_value();
        }));
  }

  // Replaces workers that died while there is work. The guard is put aside,
  // since a child would inherit it.
  void StartWorkers() {
    std::size_t needed = pending_.size() + claimed_.size();
    for (Worker& worker : workers_) {
      if (worker.alive() || needed == 0) continue;
      guard_.reset();
      Start(&worker);
      --needed;
    }
    if (!guard_) guard_.emplace(STDERR_FILENO);
  }

  void Start(Worker* worker) {
    auto [orders_read, orders_write] = MakePipe();
    auto [outcomes_read, outcomes_write] = MakePipe();
    std::cout.flush();
    std::cerr.flush();
    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    if (process < 0) {
      throw core::RunError(std::string("sweep: no process for a trial: ") +
                           std::strerror(errno) + "; use a smaller -j");
    }
    if (process == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      // Ctrl-C is for the parent, which asks for checkpoints.
      ::setpgid(0, 0);
      if (log_.number() >= 0) ::dup2(log_.number(), STDERR_FILENO);
      for (Worker& other : workers_) {
        other.orders.Close();
        other.outcomes.Close();
      }
      orders_write.Close();
      outcomes_read.Close();
      Serve(plan_,
            options_.request,
            orders_read.number(),
            outcomes_write.number());
    }
    worker->process = process;
    worker->orders = std::move(orders_write);
    worker->outcomes = std::move(outcomes_read);
    worker->trial.reset();
    worker->data_key.clear();
  }

  // Trials on the samples that a worker holds go first.
  void Assign() {
    const auto now = Clock::now();
    while (!claimed_.empty() && claimed_.front().second <= now) {
      pending_.push_back(claimed_.front().first);
      claimed_.pop_front();
    }
    for (Worker& worker : workers_) {
      if (!worker.alive() || worker.trial || pending_.empty()) continue;
      auto next =
          std::find_if(pending_.begin(), pending_.end(), [&](std::size_t i) {
            return plan_.trials[i].data_key == worker.data_key;
          });
      if (next == pending_.end()) next = pending_.begin();
      const std::size_t index = *next;
      if (!WriteAll(worker.orders.number(), std::to_string(index) + "\n")) {
        continue;  // it died; Listen will see that
      }
      pending_.erase(next);
      worker.trial = index;
      worker.data_key = plan_.trials[index].data_key;
    }
  }

  void Listen() {
    std::vector<pollfd> files;
    std::vector<Worker*> owners;
    for (Worker& worker : workers_) {
      if (!worker.alive()) continue;
      files.push_back({worker.outcomes.number(), POLLIN, 0});
      owners.push_back(&worker);
    }
    if (::poll(files.data(), files.size(), kTick) <= 0) return;
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (files[i].revents == 0) continue;
      if (const auto line = ReadLine(files[i].fd)) {
        Take(*line, owners[i]);
      } else {
        Bury(owners[i]);
      }
    }
  }

  void Take(const std::string& line, Worker* worker) {
    const Json json = Json::parse(line);
    const std::size_t index = json.at("trial");
    worker->trial.reset();
    if (!json.contains("state")) {
      claimed_.emplace_back(index, Clock::now() + kRetryClaim);
      return;
    }
    TrialStatus status{ParseTrialState(json.at("state").get<std::string>())
                           .value_or(TrialState::kFailed),
                       json.at("message")};
    // A signal to that process alone stopped it: a retry is useful, but not
    // an endless one.
    if (status.state == TrialState::kMissing && !stopping()) {
      status = {TrialState::kFailed, "was stopped by a signal"};
    }
    options_.ended(index, status);
  }

  void Bury(Worker* worker) {
    int status = 0;
    ::waitpid(worker->process, &status, 0);
    worker->process = -1;
    worker->orders.Close();
    worker->outcomes.Close();
    if (!worker->trial) return;
    const std::size_t index = *std::exchange(worker->trial, std::nullopt);
    // One that was still reading data when it was asked to stop.
    if (stopping()) return;
    const std::string how =
        WIFSIGNALED(status)
            ? "by signal " + std::to_string(WTERMSIG(status))
            : "with code " + std::to_string(WEXITSTATUS(status));
    options_.ended(
        index,
        {TrialState::kFailed, "its process ended " + how + "; see log.txt"});
  }

  void Look() {
    if (stopping() || !guard_) return;
    stop_ = guard_->Requested();
    if (!stopping()) return;
    for (Worker& worker : workers_) {
      if (worker.alive()) ::kill(worker.process, SIGTERM);
    }
  }

  const SweepPlan& plan_;
  const PoolOptions& options_;
  std::deque<std::size_t> pending_;
  std::deque<std::pair<std::size_t, Clock::time_point>> claimed_;
  File log_;
  std::vector<Worker> workers_;
  std::optional<record::InterruptGuard> guard_;
  record::StopRequest stop_ = record::StopRequest::kNone;
};

}  // namespace

record::StopRequest RunPool(const SweepPlan& plan,
                            const std::vector<std::size_t>& trials,
                            const PoolOptions& options) {
  return Pool(plan, trials, options).Run();
}

}  // namespace fedtorch::study
