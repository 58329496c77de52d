#include "fedtorch/round/sync_round.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/kernel/vectors.h"
#include "fedtorch/round/defence_report.h"
#include "fedtorch/round/root_data.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_reduce.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>

namespace fedtorch::round {
namespace {

using aggregate::Weighting;

constexpr const char* kDeltas = "";
constexpr const char* kBuffers = "buffers";
constexpr const char* kMomentum = "update_momentum";

constexpr double kAdmissibleNorm = 0x1p32;  // of ExactSum::Admissible
constexpr const char* kInadmissible = "delta is not finite or beyond 2^32";
constexpr std::size_t kGrain = 16384;  // coordinates that a task takes

class Stopwatch {
 public:
  double Lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> elapsed = now - start_;
    start_ = now;
    return elapsed.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

double Norm(std::span<const float> values) {
  return std::sqrt(kernel::Dot(values.data(), values.data(), values.size()));
}

// Whether a delta of this norm can be added up; weights are at most the sample
// count, which ExactSum leaves room for. No value is larger than the norm, and a
// NaN would have made it one, so that a small norm saves a pass.
bool Admissible(double norm, std::span<const float> delta) {
  return norm < kAdmissibleNorm || core::ExactSum::Admissible(1.0, delta);
}

// The same bits on any number of threads: the parts do not depend on them.
double NormInParallel(std::span<const double> values) {
  using Range = tbb::blocked_range<std::size_t>;
  return std::sqrt(tbb::parallel_deterministic_reduce(
      Range(0, values.size(), kGrain),
      0.0,
      [&](const Range& range, double sum) {
        const double* from = values.data() + range.begin();
        return sum + kernel::Dot(from, from, range.size());
      },
      std::plus<>()));
}

core::ExactSum& SumOf(Worker& worker,
                      const std::string& name,
                      std::size_t size) {
  return worker.collected.sums.try_emplace(name, size).first->second;
}

// Deltas are added in groups, because the sums of a model that does not fit
// into the cache are then read once a group. A worker keeps at most this many
// bytes of them; of a larger model each is added at once.
constexpr std::size_t kGroupBytes = std::size_t{96} << 20;

std::size_t GroupSize(std::size_t dimension) {
  return std::clamp(kGroupBytes / (dimension * sizeof(float)),
                    std::size_t{1},
                    core::ExactSum::kRowsAtOnce);
}

// Adds the deltas that wait; `global` is what the clients started from. Of a
// model only this shows what its delta is, and whether it can be admitted.
void AddWaiting(Worker& worker, std::span<const float> global) {
  Collected& all = worker.collected;
  if (all.waiting.empty()) return;
  const bool models = all.waiting_models;
  const auto added = SumOf(worker, kDeltas, global.size())
                         .AddRows(all.waiting_weights,
                                  all.waiting,
                                  models ? global : std::span<const float>());
  for (std::size_t i = 0; i < added.size(); ++i) {
    ClientRecord& record = *all.waiting_records[i];
    if (models) record.delta_norm = std::sqrt(added[i].squared_norm);
    if (!added[i].admissible) record.rejected = kInadmissible;
  }
  all.waiting.clear();
  all.waiting_weights.clear();
  all.waiting_records.clear();
}

// Takes the delta of the worker's update, to be added at once or later.
void TakeDelta(Worker& worker,
               double weight,
               ClientRecord* record,
               std::span<const float> global) {
  Collected& all = worker.collected;
  const bool model = worker.update.in_weights;
  if (all.waiting_models != model) AddWaiting(worker, global);
  all.waiting_models = model;
  const std::size_t place = all.waiting.size();
  if (model) {
    if (all.model_memory.size() == place) all.model_memory.emplace_back();
    all.waiting.push_back(
        worker.problem->GiveWeights(&all.model_memory[place]));
  } else {
    if (all.delta_memory.size() == place) all.delta_memory.emplace_back();
    all.delta_memory[place].swap(worker.update.delta);
    all.waiting.emplace_back(all.delta_memory[place]);
  }
  all.waiting_weights.push_back(weight);
  all.waiting_records.push_back(record);
  if (place + 1 == GroupSize(global.size())) AddWaiting(worker, global);
}

// Adds up what the workers hold under one name into `result`, and empties them.
void Collect(Workers& workers,
             const std::string& name,
             std::size_t size,
             std::vector<double>* result) {
  std::vector<core::ExactSum*> sums;
  for (Worker& worker : workers.all()) {
    const auto found = worker.collected.sums.find(name);
    if (found != worker.collected.sums.end()) sums.push_back(&found->second);
  }
  result->resize(size);
  using Range = tbb::blocked_range<std::size_t>;
  tbb::parallel_for(Range(0, size, kGrain), [&](const Range& range) {
    core::ExactSum::WriteTotal(sums, range.begin(), range.end(), *result);
  });
  for (core::ExactSum* sum : sums) sum->Clear();
}

}  // namespace

std::int64_t RoundReport::num_admitted() const {
  return std::count_if(clients.begin(), clients.end(), [](const auto& record) {
    return !record.dropped && record.rejected.empty();
  });
}

std::int64_t RoundReport::num_dropped() const {
  return std::count_if(clients.begin(), clients.end(), [](const auto& record) {
    return record.dropped;
  });
}

std::int64_t RoundReport::num_rejected() const {
  return std::count_if(clients.begin(), clients.end(), [](const auto& record) {
    return !record.rejected.empty();
  });
}

std::int64_t RoundReport::num_steps() const {
  std::int64_t steps = 0;
  for (const ClientRecord& record : clients) {
    if (record.trained) steps += record.result.steps;
  }
  return steps;
}

std::int64_t RoundReport::num_sending() const {
  return static_cast<std::int64_t>(clients.size()) - num_dropped();
}

std::int64_t RoundReport::num_byzantine() const {
  return std::count_if(clients.begin(), clients.end(), [](const auto& record) {
    return record.byzantine && !record.dropped;
  });
}

SyncRound::SyncRound(Experiment& experiment,
                     const World& world,
                     Workers& workers,
                     client::StateStore& store)
    : experiment_(experiment), world_(world), workers_(workers), store_(store) {
  for (const model::TensorEntry& entry : world.network.layout().parameters) {
    blocks_.push_back({entry.name, entry.offset, entry.size, entry.shape});
  }
}

RoundReport SyncRound::Run(std::int64_t round, GlobalModel* model) {
  Stopwatch watch;
  RoundReport report;
  report.round = round;
  report.lr = experiment_.work.lr *
              experiment_.work.schedule.Factor(round, experiment_.rounds);
  std::vector<std::int64_t> epochs;
  report.clients = Select(round, &epochs);
  const std::vector<double> weights = PlannedWeights(round, report.clients);
  report.select_seconds = watch.Lap();

  Train(*model, epochs, weights, &report);
  report.train_seconds = watch.Lap();
  if (crafting_) Attack(*model, &report);
  report.attack_seconds = watch.Lap();

  Aggregate(weights, &report, model);
  report.server_seconds = watch.Lap() - report.aggregate_seconds;
  if (!model->IsFinite()) {
    throw core::Diverged("round " + std::to_string(round) +
                         ": the global model is no longer finite after the "
                         "server step; lower client.optimizer.lr or "
                         "server.optimizer.lr");
  }
  return report;
}

std::vector<ClientRecord> SyncRound::Select(
    std::int64_t round, std::vector<std::int64_t>* epochs) const {
  const fleet::select::Cohort cohort = experiment_.selector->Select(
      {.seed = experiment_.seed,
       .round = round,
       .cohort_size = experiment_.CohortSize(world_.num_clients()),
       .shares = world_.shares});
  std::vector<ClientRecord> records;
  for (const fleet::Assignment& assignment :
       fleet::AssignWork(experiment_.stragglers,
                         cohort,
                         experiment_.work.epochs,
                         experiment_.seed,
                         round)) {
    ClientRecord record;
    record.client = assignment.client;
    record.multiplicity = assignment.multiplicity;
    record.straggler = assignment.straggler;
    record.samples = world_.client_sets.train.SizeOf(assignment.client);
    record.dropped = assignment.epochs == 0 || record.samples == 0;
    records.push_back(record);
    epochs->push_back(assignment.epochs);
  }
  const attack::Options& attack = experiment_.attack;
  if (!attack.present()) return records;
  std::vector<std::int64_t> ids;
  for (const ClientRecord& record : records) ids.push_back(record.client);
  const std::vector<char> members =
      attack.Members(ids, world_.num_clients(), experiment_.seed, round);
  for (std::size_t slot = 0; slot < records.size(); ++slot) {
    ClientRecord& record = records[slot];
    record.byzantine = members[slot] != 0;
    if (!record.byzantine || attack.data != attack::Data::kNone) continue;
    // Without samples it has nothing to send but what it crafts; it claims as
    // many samples as an honest client has.
    const std::int64_t honest =
        world_.num_clients() - attack.Count(world_.num_clients());
    record.samples = world_.num_samples() / std::max<std::int64_t>(1, honest);
    record.dropped = !(attack.ActiveIn(round) && attack.attack->crafts());
  }
  return records;
}

std::vector<double> SyncRound::PlannedWeights(
    std::int64_t round, const std::vector<ClientRecord>& cohort) const {
  const fleet::select::Input input{
      .seed = experiment_.seed,
      .round = round,
      .cohort_size = experiment_.CohortSize(world_.num_clients()),
      .shares = world_.shares};
  std::vector<aggregate::Weighed> weighed;
  for (const ClientRecord& record : cohort) {
    aggregate::Weighed entry;
    entry.samples = record.dropped ? 0 : record.samples;
    entry.multiplicity = record.dropped ? 0 : record.multiplicity;
    entry.share = world_.shares[static_cast<std::size_t>(record.client)];
    if (experiment_.weighting == Weighting::kUnbiased) {
      const auto expected =
          experiment_.selector->ExpectedCount(input, record.client);
      if (!expected) {
        throw core::ConfigError(
            "server.weighting: unbiased needs a selection whose expected "
            "counts are known; weighted sampling without replacement has "
            "none; use federation.selection.replace=true or another weighting");
      }
      entry.expected_count = *expected;
    }
    weighed.push_back(entry);
  }
  return aggregate::Weights(experiment_.weighting, weighed);
}

void SyncRound::Train(const GlobalModel& model,
                      const std::vector<std::int64_t>& epochs,
                      const std::vector<double>& weights,
                      RoundReport* report) {
  sent_memory_.Reserve(model.parameters.size());
  sent_ = sent_memory_.first(model.parameters.size());
  model.SentParameters(sent_);
  sent_buffers_ = model.SentBuffers();
  sent_counters_ = model.counters;
  last_update_ = model.last_update;
  broadcast_.clear();
  for (const auto& [name, values] : experiment_.method->Broadcast()) {
    broadcast_[name].assign(values.begin(), values.end());
  }
  const std::size_t cohort = report->clients.size();
  counters_.assign(cohort, {});
  const attack::Options& attack = experiment_.attack;
  const bool active = attack.ActiveIn(report->round);
  crafting_ = active && attack.attack->crafts() && report->num_byzantine() > 0;
  uses_table_ = crafting_ || !experiment_.defence.streams();
  if (uses_table_) table_.resize(cohort * sent_.size());
  // Who is going to send something else need not train.
  const bool own_unused = crafting_ && !attack.attack->needs_own_updates() &&
                          attack.knowledge == attack::Knowledge::kOmniscient;

  std::vector<std::int64_t> order;
  std::vector<std::int64_t> steps(cohort);
  for (std::size_t slot = 0; slot < cohort; ++slot) {
    ClientRecord& record = report->clients[slot];
    record.trained = !record.dropped &&
                     !(record.byzantine &&
                       (own_unused || attack.data == attack::Data::kNone));
    if (!record.trained) continue;
    steps[slot] =
        experiment_.work.StepsOf(report->clients[slot].samples, epochs[slot]);
    order.push_back(static_cast<std::int64_t>(slot));
  }
  // Longest first, so that the last worker to end ends early.
  std::stable_sort(order.begin(), order.end(), [&](auto left, auto right) {
    return steps[static_cast<std::size_t>(left)] >
           steps[static_cast<std::size_t>(right)];
  });
  for (Worker& worker : workers_.all()) worker.collected.seconds = {};
  Stopwatch watch;
  workers_.Train(order, [&](Worker& worker, std::int64_t task) {
    const auto slot = static_cast<std::size_t>(task);
    const std::int64_t client = report->clients[slot].client;
    try {
      TrainOne(worker, slot, epochs[slot], weights[slot], report);
    } catch (const core::Bug&) {
      throw;
    } catch (const std::exception& error) {
      throw core::RunError("round " + std::to_string(report->round) +
                           ", client " + std::to_string(client) +
                           ", local training: " + error.what());
    }
  });
  const double seconds = watch.Lap();
  report->stacked_work = workers_.TakeStackedWork();

  AddAllWaiting();
  report->num_workers = workers_.count();
  for (const Worker& worker : workers_.all()) {
    report->worker_seconds.batches += worker.collected.seconds.batches;
    report->worker_seconds.steps += worker.collected.seconds.steps;
    report->worker_seconds.hand_off += worker.collected.seconds.hand_off;
    report->worker_seconds.exact_sum += worker.collected.seconds.exact_sum;
  }
  if (world_.execution.stacked) {
    // What is not the clients' own is the stack's.
    const WorkerSeconds& known = report->worker_seconds;
    report->worker_seconds.steps =
        std::max(0.0,
                 seconds * static_cast<double>(report->num_workers) -
                     known.hand_off - known.exact_sum);
  }

  const auto value_bytes = static_cast<std::int64_t>(sizeof(float));
  const auto model_values = static_cast<std::int64_t>(sent_.size());
  const auto buffer_values = static_cast<std::int64_t>(sent_buffers_.size());
  const auto counter_bytes =
      static_cast<std::int64_t>(sent_counters_.size() * sizeof(std::int64_t));
  const auto extras =
      static_cast<std::int64_t>(experiment_.method->num_extras_sent());
  const auto sent_down = static_cast<std::int64_t>(broadcast_.size());
  report->up_bytes =
      report->num_sending() *
      ((model_values * (1 + extras) + buffer_values) * value_bytes +
       counter_bytes);
  // Stragglers received the model before they were too late.
  report->down_bytes =
      static_cast<std::int64_t>(cohort) *
      ((model_values * (1 + sent_down) + buffer_values) * value_bytes +
       counter_bytes);
}

void SyncRound::AddAllWaiting() {
  std::vector<std::int64_t> some;
  std::vector<Worker>& all = workers_.all();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].collected.waiting.empty()) {
      some.push_back(static_cast<std::int64_t>(i));
    }
  }
  if (some.empty()) return;
  workers_.Run(some, [&](Worker&, std::int64_t index) {
    Stopwatch watch;
    Worker& worker = all[static_cast<std::size_t>(index)];
    AddWaiting(worker, sent_);
    worker.collected.seconds.exact_sum += watch.Lap();
  });
}

void SyncRound::TrainOne(Worker& worker,
                         std::size_t slot,
                         std::int64_t epochs,
                         double weight,
                         RoundReport* report) {
  Stopwatch watch;
  ClientRecord& record = report->clients[slot];
  const client::LocalWork& work = experiment_.work;
  client::ReusableProblem& problem = *worker.problem;
  problem.StartFrom(sent_);
  std::copy(
      sent_counters_.begin(), sent_counters_.end(), problem.counters().begin());
  const bool local_buffers =
      experiment_.model.buffers == model::BufferPolicy::kLocal &&
      !sent_buffers_.empty();
  std::vector<float> own_buffers;
  if (local_buffers && store_.Read(kBuffers, record.client, &own_buffers)) {
    std::copy(
        own_buffers.begin(), own_buffers.end(), problem.buffers().begin());
  } else {
    std::copy(
        sent_buffers_.begin(), sent_buffers_.end(), problem.buffers().begin());
  }
  worker.state.clear();
  for (const std::string& name : experiment_.method->state_names()) {
    std::vector<float> values;
    if (store_.Read(name, record.client, &values)) {
      worker.state.emplace(name, std::move(values));
    }
  }
  client::Update<float>& update = worker.update;
  update.in_weights = false;
  update.delta_norm.reset();
  update.extra.clear();
  update.state.clear();
  update.result = {};
  std::unique_ptr<client::Tampering> tampering;
  if (record.byzantine && experiment_.attack.ActiveIn(report->round)) {
    std::int64_t rank = 0;
    for (std::size_t before = 0; before < slot; ++before) {
      if (report->clients[before].byzantine) ++rank;
    }
    tampering = experiment_.attack.attack->Tamper(
        {.seed = experiment_.seed,
         .round = report->round,
         .client = record.client,
         .cohort = static_cast<std::int64_t>(report->clients.size()),
         .rank = rank,
         .lr = report->lr,
         .model = sent_,
         .previous = last_update_});
  }
  problem.Begin({.client = record.client,
                 .round = report->round,
                 .indices = world_.client_sets.train.Of(record.client),
                 .epochs = epochs,
                 .lr = report->lr,
                 .tampering = tampering.get()});
  // A delta that stays in the weights is checked when it is added, which must
  // then be all there is to do with it.
  const bool alone = sent_buffers_.empty() && sent_counters_.empty();
  algorithm::ClientContext<float> context{
      .problem = problem,
      .global = sent_,
      .broadcast = broadcast_,
      .state = worker.state,
      .update = update,
      .may_leave_delta = tampering == nullptr && work.update_momentum == 0.0 &&
                         (uses_table_ || alone)};
  experiment_.method->Client(context);
  FEDTORCH_CHECK(update.in_weights || update.delta.size() == sent_.size(),
                 "the method left no delta");
  if (tampering != nullptr) {
    tampering->AfterTraining(update.delta);
    update.delta_norm.reset();
  }
  if (work.update_momentum > 0.0) {
    AddMomentum(record.client, &update);
  }
  record.result = update.result;
  if (update.in_weights && uses_table_) {
    const std::span<float> row = TableRow(slot);
    record.delta_norm = std::sqrt(kernel::Subtract(
        problem.weights().data(), sent_.data(), row.size(), row.data()));
    Admit(worker, row, &record);
  } else if (!update.in_weights) {
    record.delta_norm =
        update.delta_norm ? *update.delta_norm : Norm(update.delta);
    Admit(worker, update.delta, &record);
  }
  const client::TurnSeconds& turn = worker.problem->seconds();
  worker.collected.seconds.batches += turn.batches;
  worker.collected.seconds.steps += turn.steps;
  worker.collected.seconds.hand_off +=
      watch.Lap() - turn.batches - turn.steps - turn.parked;
  if (!record.rejected.empty()) return;

  // From here on the update counts.
  if (!uses_table_) {
    TakeDelta(worker, weight, &record, sent_);
  } else if (!update.in_weights) {
    std::copy(update.delta.begin(), update.delta.end(), TableRow(slot).begin());
  }
  for (const auto& [name, values] : update.extra) {
    SumOf(worker, name, sent_.size()).Add(1.0, values);
  }
  if (!sent_buffers_.empty()) {
    SumOf(worker, kBuffers, sent_buffers_.size())
        .Add(weight, problem.buffers());
  }
  worker.collected.seconds.exact_sum += watch.Lap();
  if (local_buffers) {
    store_.Write(kBuffers, record.client, problem.buffers());
  }
  counters_[slot].assign(problem.counters().begin(), problem.counters().end());
  for (const auto& [name, values] : update.state) {
    store_.Write(name, record.client, values);
  }
  worker.collected.seconds.hand_off += watch.Lap();
}

void SyncRound::AddMomentum(std::int64_t client,
                            client::Update<float>* update) const {
  const auto beta = static_cast<float>(experiment_.work.update_momentum);
  const float share =
      experiment_.work.update_momentum_sums ? 1.0F : 1.0F - beta;
  std::vector<float> momentum;
  if (!store_.Read(kMomentum, client, &momentum)) {
    momentum.assign(update->delta.size(), 0.0F);
  }
  for (std::size_t i = 0; i < momentum.size(); ++i) {
    momentum[i] = beta * momentum[i] + share * update->delta[i];
  }
  update->delta = momentum;
  update->delta_norm.reset();
  update->state[kMomentum] = std::move(momentum);
}

aggregate::UpdateTable SyncRound::TableOf(const std::vector<std::size_t>& slots,
                                          const RoundReport& report) const {
  aggregate::UpdateTable table;
  table.dimension = static_cast<std::int64_t>(sent_.size());
  table.all_finite = true;
  std::vector<const float*> rows;
  for (const std::size_t slot : slots) {
    rows.push_back(table_.data() + slot * sent_.size());
    table.clients.push_back(report.clients[slot].client);
  }
  table.rows = std::move(rows);
  return table;
}

aggregate::Context SyncRound::ContextOf(const GlobalModel& model,
                                        const RoundReport& report,
                                        std::int64_t masked) const {
  return {.f = experiment_.attack.DeclaredF(report.num_sending(),
                                            world_.num_clients()),
          .masked = masked,
          .seed = experiment_.seed,
          .round = report.round,
          .previous = model.last_update,
          .model = model.parameters,
          .blocks = blocks_};
}

void SyncRound::Attack(const GlobalModel& model, RoundReport* report) {
  const attack::Options& options = experiment_.attack;
  std::vector<std::size_t> honest;
  std::vector<std::size_t> own;   // adversaries that trained
  std::vector<std::size_t> ours;  // all adversaries
  for (std::size_t slot = 0; slot < report->clients.size(); ++slot) {
    const ClientRecord& record = report->clients[slot];
    if (record.dropped) continue;
    if (record.byzantine) ours.push_back(slot);
    if (!record.rejected.empty()) continue;
    if (!record.byzantine) {
      honest.push_back(slot);
    } else if (record.trained) {
      own.push_back(slot);
    }
  }
  // An attack that starts from its own updates is for those who have one.
  if (options.attack->needs_own_updates()) ours = own;
  const bool all_known =
      options.knowledge == attack::Knowledge::kOmniscient && !honest.empty();
  const aggregate::UpdateTable known =
      TableOf(all_known ? honest : own, *report);
  const aggregate::UpdateTable own_table = TableOf(own, *report);
  report->robustness["attack/blind"] = 0.0;
  if (ours.empty()) return;
  attack::Crafted crafted;
  if (known.num_rows() == 0) {
    // Nobody to learn from: adversaries without data in a cohort of their own.
    crafted.vectors.emplace_back(sent_.size(), 0.0);
    report->robustness["attack/blind"] = 1.0;
  } else {
    attack::Scene scene;
    scene.seed = experiment_.seed;
    scene.round = report->round;
    scene.known = &known;
    scene.own = &own_table;
    scene.num_byzantine = static_cast<std::int64_t>(ours.size());
    scene.num_total = report->num_sending();
    for (const std::size_t slot : ours) {
      scene.clients.push_back(report->clients[slot].client);
    }
    scene.defence = &experiment_.defence;
    scene.context = ContextOf(model, *report, 0);
    crafted = experiment_.attack.attack->Craft(scene);
  }
  FEDTORCH_CHECK(
      crafted.vectors.size() == 1 || crafted.vectors.size() == ours.size(),
      "one vector for all adversaries, or one for each");
  for (const auto& [name, value] : crafted.diagnostics) {
    report->robustness[name] = value;
  }
  // What they claim about their work is what an honest client did.
  client::LocalResult claimed;
  if (!honest.empty()) claimed = report->clients[honest.front()].result;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ClientRecord& record = report->clients[ours[i]];
    const std::vector<double>& vector =
        crafted.vectors[crafted.vectors.size() == 1 ? 0 : i];
    const std::span<float> row = TableRow(ours[i]);
    for (std::size_t k = 0; k < row.size(); ++k) {
      row[k] = static_cast<float>(vector[k]);
    }
    record.rejected.clear();
    if (!record.trained) record.result = claimed;
    record.delta_norm = Norm(row);
    if (!Admissible(record.delta_norm, row)) record.rejected = kInadmissible;
  }
}

std::vector<double> SyncRound::Defend(const std::vector<std::size_t>& admitted,
                                      const std::vector<double>& weights,
                                      const GlobalModel& model,
                                      RoundReport* report) {
  const auto count = static_cast<std::int64_t>(admitted.size());
  aggregate::UpdateTable table = TableOf(admitted, *report);
  table.weights = weights;
  aggregate::Context context =
      ContextOf(model, *report, report->num_sending() - count);
  RootData root(
      experiment_, world_, workers_, model, report->round, report->lr);
  if (!world_.root.empty()) context.server = &root;
  report->skipped =
      experiment_.defence.Obstacle(count, {context.f, context.masked});
  if (!report->skipped.empty()) {
    if (experiment_.fail_on_unservable) {
      throw core::RunError("round " + std::to_string(report->round) + ": " +
                           report->skipped +
                           "; set server.unservable_cohort=skip to go on "
                           "without such rounds");
    }
    return {};
  }
  aggregate::Result result =
      experiment_.defence.AggregateAndRemember(table, context);
  for (const auto& [name, value] : result.diagnostics) {
    report->robustness[name] = value;
  }
  if (experiment_.attack.present()) {
    std::vector<char> byzantine;
    for (const std::size_t slot : admitted) {
      byzantine.push_back(report->clients[slot].byzantine ? 1 : 0);
    }
    report->robustness.merge(DefenceMetrics(table, byzantine, result));
  }
  return std::move(result.vector);
}

void SyncRound::Admit(const Worker& worker,
                      std::span<const float> delta,
                      ClientRecord* record) const {
  const client::Update<float>& update = worker.update;
  const auto admissible = [](std::span<const float> values) {
    return core::ExactSum::Admissible(1.0, values);
  };
  if (!Admissible(record->delta_norm, delta)) {
    record->rejected = kInadmissible;
  } else if (!admissible(worker.problem->buffers())) {
    record->rejected = "buffers are not finite or beyond 2^32";
  }
  for (const auto* vectors : {&update.extra, &update.state}) {
    for (const auto& [name, values] : *vectors) {
      if (record->rejected.empty() && !admissible(values)) {
        record->rejected = name + " is not finite or beyond 2^32";
      }
    }
  }
}

void SyncRound::Aggregate(const std::vector<double>& weights,
                          RoundReport* report,
                          GlobalModel* model) {
  Stopwatch watch;
  const std::size_t dimension = sent_.size();
  std::vector<std::size_t> admitted;
  double planned = 0.0;
  double present = 0.0;
  for (std::size_t slot = 0; slot < report->clients.size(); ++slot) {
    planned += weights[slot];
    const ClientRecord& record = report->clients[slot];
    if (!record.rejected.empty() && experiment_.fail_on_nonfinite) {
      throw core::Diverged("round " + std::to_string(report->round) +
                           ", client " + std::to_string(record.client) + ": " +
                           record.rejected +
                           "; lower client.optimizer.lr, or set "
                           "server.fail_on_nonfinite=false to go on without "
                           "such updates");
    }
    if (record.dropped || !record.rejected.empty()) continue;
    admitted.push_back(slot);
    present += weights[slot];
  }
  // Normalised weights are normalised again when members were set aside;
  // unbiased ones are left as they are.
  const bool renormalise = experiment_.weighting != Weighting::kUnbiased &&
                           present < planned && present > 0.0;
  const double factor = renormalise ? 1.0 / present : 1.0;
  double loss = 0.0;
  double loss_weight = 0.0;
  double trained_weight = 0.0;
  std::vector<algorithm::Contribution> cohort;
  std::vector<double> effective;
  for (const std::size_t slot : admitted) {
    ClientRecord& record = report->clients[slot];
    record.weight = weights[slot] * factor;
    effective.push_back(record.weight);
    if (record.trained && !record.byzantine) {
      loss += record.weight * record.result.loss;
      loss_weight += record.weight;
    }
    if (record.trained) trained_weight += weights[slot];
    cohort.push_back({.client = record.client,
                      .samples = record.samples,
                      .multiplicity = record.multiplicity,
                      .weight = record.weight,
                      .result = record.result});
  }
  report->train_loss = loss_weight > 0.0
                           ? loss / loss_weight
                           : std::numeric_limits<double>::quiet_NaN();

  if (experiment_.attack.present()) {
    const auto present_now = static_cast<double>(report->num_byzantine());
    const auto sent = static_cast<double>(report->num_sending());
    report->robustness["attack/byzantine"] = present_now;
    if (sent > 0.0) report->robustness["attack/share"] = present_now / sent;
  }
  if (!uses_table_) {
    Collect(workers_, kDeltas, dimension, &aggregate_);
    if (renormalise) {
      for (double& value : aggregate_) value *= factor;
    }
  } else if (!admitted.empty()) {
    aggregate_ = Defend(admitted, effective, *model, report);
  }
  std::map<std::string, std::vector<double>> extra_sums;
  for (const std::string& name : experiment_.method->extra_names()) {
    Collect(workers_, name, dimension, &extra_sums[name]);
  }
  std::vector<double> buffers;
  if (!sent_buffers_.empty()) {
    Collect(workers_, kBuffers, sent_buffers_.size(), &buffers);
  }
  report->aggregate_seconds = watch.Lap();
  // A round without an admitted update, or whose cohort the defence cannot
  // serve, leaves the model as it is.
  if (admitted.empty() || !report->skipped.empty()) return;

  report->update_norm = NormInParallel(aggregate_);
  algorithm::ServerContext context{.model = model->parameters,
                                   .aggregate = aggregate_,
                                   .extra_sums = extra_sums,
                                   .cohort = cohort,
                                   .num_clients = world_.num_clients(),
                                   .optimizer = *experiment_.optimizer};
  experiment_.method->Server(context);
  model->last_update.swap(aggregate_);
  report->diagnostics = experiment_.method->Diagnostics();

  const model::BufferPolicy policy = experiment_.model.buffers;
  const bool moves = policy == model::BufferPolicy::kAggregate ||
                     policy == model::BufferPolicy::kLocal;
  if (moves && !buffers.empty() && trained_weight > 0.0) {
    // Statistics are averages, so their weights must sum to 1 whatever the
    // weighting of updates.
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      model->buffers[i] = buffers[i] / trained_weight;
    }
    for (const std::size_t slot : admitted) {
      if (!report->clients[slot].trained) continue;
      for (std::size_t i = 0; i < model->counters.size(); ++i) {
        model->counters[i] = std::max(model->counters[i], counters_[slot][i]);
      }
    }
  }
}

}  // namespace fedtorch::round
