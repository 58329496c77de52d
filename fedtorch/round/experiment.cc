#include "fedtorch/round/experiment.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::round {
namespace {

using config::Section;

void ReadPartition(Section& data, Experiment* experiment) {
  const auto read_shared = [](Section& section, Experiment* out) {
    out->min_samples = section.Int(
        {.name = "min_samples",
         .help = "Fewest samples a client may have; more tries are made and "
                 "then the run is refused.",
         .unit = "samples",
         .aliases = {"min_partition_size", "min_require_size"}},
        1,
        {.min = 1});
    const auto seed = section.OptionalInt(
        {.name = "seed",
         .help = "Seed of the split alone, to hold it while seed varies; null "
                 "= the experiment's."},
        {.min = 0});
    if (seed) out->partition_seed = static_cast<std::uint64_t>(*seed);
  };
  const auto kinds = partition::AllKinds();
  std::vector<config::KindFacts> facts;
  for (const partition::Kind* kind : kinds) {
    facts.push_back({kind->name,
                     kind->summary,
                     kind->source,
                     [kind, read_shared](Section& section) {
                       Experiment ignored;
                       kind->make(section);
                       read_shared(section, &ignored);
                     }});
  }
  const auto chosen = data.ChooseKind(
      {.name = "partition", .help = "Who owns which sample."}, facts, "iid");
  if (!chosen.index) return;
  experiment->partitioner = kinds[*chosen.index]->make(*chosen.section);
  experiment->partitioner_name = kinds[*chosen.index]->name;
  read_shared(*chosen.section, experiment);
}

void ReadData(Section& root, Experiment* experiment) {
  Section data = root.Child(
      {.name = "data", .help = "The samples and how clients share them."});
  experiment->reader = config::MakeKind(
      data,
      {.name = "dataset", .help = "Where the samples come from."},
      data::AllKinds(),
      std::nullopt);
  ReadPartition(data, experiment);

  experiment->class_shares = data.Reals(
      {.name = "class_shares",
       .help = "Share of its training samples that each class keeps, in the "
               "order of the classes, for long-tailed data; empty = all."},
      std::vector<double>{},
      {.min = 0.0, .max = 1.0});
  experiment->test_class_shares =
      data.Reals({.name = "test_class_shares",
                  .help = "The same for the central test set, which keeps all "
                          "of its samples unless this is set."},
                 std::vector<double>{},
                 {.min = 0.0, .max = 1.0});
  experiment->validation_share = data.Real(
      {.name = "validation",
       .help = "Share of the training samples that the server holds back to "
               "choose settings on; drawn at random before the split."},
      0.0,
      {.min = 0.0, .max = 1.0, .open_max = true});

  Section split = data.Child(
      {.name = "client_split",
       .help = "Shares of every client's samples; they add up to 1."});
  SplitShares& shares = experiment->client_split;
  const auto share =
      [&split](std::string_view name, std::string_view help, double fallback) {
        return split.Real(
            {.name = name, .help = help}, fallback, {.min = 0.0, .max = 1.0});
      };
  shares.train = share("train", "Share that the client trains on.", 1.0);
  shares.validation =
      share("validation", "Share kept for choosing settings.", 0.0);
  shares.test = share("test", "Share kept for the client's own test.", 0.0);
  const double sum = shares.train + shares.validation + shares.test;
  if (std::fabs(sum - 1.0) > 1e-9) {
    split.Fail("train",
               "expected train + validation + test to be 1, found " +
                   std::to_string(sum));
  }
}

void ReadFederation(Section& root, Experiment* experiment) {
  Section section = root.Child(
      {.name = "federation", .help = "How many clients, how many rounds."});
  const auto clients = section.OptionalInt(
      {.name = "num_clients",
       .help = "Number of clients N; null with a partition that knows it "
               "(natural).",
       .unit = "clients",
       .aliases =
           {"total_clients", "client_num_in_total", "n_clients", "population"}},
      {.min = 1});
  experiment->num_clients = clients.value_or(0);
  const bool knows = experiment->partitioner != nullptr &&
                     experiment->partitioner->knows_num_clients();
  if (!clients && !knows && experiment->partitioner != nullptr &&
      !section.recording()) {
    section.Fail("num_clients",
                 "required key is missing: data.partition.name is " +
                     experiment->partitioner_name +
                     ", which needs the number of clients");
  }
  experiment->rounds = section.Int({.name = "rounds",
                                    .help = "Number of rounds.",
                                    .unit = "rounds",
                                    .aliases = {"comm_round",
                                                "global_rounds",
                                                "n_rounds",
                                                "num_server_rounds",
                                                "central_num_iterations"}},
                                   std::nullopt,
                                   {.min = 1});
  experiment->clients_per_round =
      section.OptionalInt({.name = "clients_per_round",
                           .help = "Cohort size S.",
                           .unit = "clients",
                           .aliases = {"cohort_size",
                                       "client_num_per_round",
                                       "num_clients_per_iteration"}},
                          {.min = 1});
  experiment->client_fraction = section.OptionalReal(
      {.name = "client_fraction",
       .help = "Cohort as a share of all clients, in place of "
               "clients_per_round; at least one client.",
       .aliases = {"join_ratio", "fraction_fit", "eligible_perc"}},
      {.min = 0.0, .max = 1.0, .open_min = true});
  if (experiment->clients_per_round && experiment->client_fraction) {
    section.Fail("client_fraction",
                 "expected exactly one of clients_per_round and "
                 "client_fraction, found both; remove one");
  }
  if (clients && experiment->clients_per_round &&
      *experiment->clients_per_round > *clients) {
    section.Fail("clients_per_round",
                 "expected at most federation.num_clients = " +
                     std::to_string(*clients) + ", found " +
                     std::to_string(*experiment->clients_per_round));
  }
  experiment->selector = config::MakeKind(
      section,
      {.name = "selection", .help = "Who takes part in a round."},
      fleet::select::AllKinds(),
      "uniform");
  const bool sized =
      experiment->clients_per_round || experiment->client_fraction;
  if (sized && experiment->selector != nullptr &&
      !experiment->selector->uses_cohort_size()) {
    section.Fail(
        experiment->clients_per_round ? "clients_per_round" : "client_fraction",
        "federation.selection takes every client, so a cohort size "
        "has no effect; remove one of them");
  }
}

void ReadFleet(Section& root, Experiment* experiment) {
  Section fleet =
      root.Child({.name = "fleet", .help = "What the devices are like."});
  Section stragglers = fleet.Child(
      {.name = "stragglers", .help = "The slow part of every cohort."});
  experiment->stragglers = fleet::StragglerOptions::Read(stragglers);
  if (experiment->stragglers.fraction > 0.0 && experiment->work.steps &&
      experiment->stragglers.policy ==
          fleet::StragglerOptions::Policy::kPartial) {
    stragglers.Fail("policy",
                    "partial work is counted in epochs, but "
                    "client.local_steps is given; use client.local_epochs");
  }
}

void ReadServer(Section& root, Experiment* experiment) {
  Section section = root.Child(
      {.name = "server", .help = "How updates become the next model."});
  const std::string weighting = section.Choice(
      {.name = "weighting",
       .help = "Weight of an update in a mean: its samples, one each, or "
               "unbiased for the sampling; auto = what the method's paper "
               "uses."},
      {"auto", "samples", "uniform", "unbiased"},
      "auto");
  const auto parsed = aggregate::ParseWeighting(weighting);
  if (parsed) {
    experiment->weighting = *parsed;
  } else if (experiment->method != nullptr) {
    experiment->weighting = experiment->method->default_weighting();
  }
  experiment->optimizer = config::MakeKind(
      section,
      {.name = "optimizer", .help = "How the server steps along the update."},
      server::AllKinds(),
      "sgd");
  experiment->defence = aggregate::Pipeline::Read(section);
  experiment->root_samples = section.Int(
      {.name = "root_samples",
       .help = "Clean training samples that the server itself holds, for rules "
               "that need them (fltrust, zeno); drawn at random, and the "
               "clients keep them too.",
       .unit = "samples"},
      0,
      {.min = 0});
  experiment->fail_on_unservable =
      section.Choice({.name = "unservable_cohort",
                      .help = "A round whose cohort is too small for the "
                              "defence and its f: it moves nothing and is "
                              "recorded (skip), or ends the run (fail)."},
                     {"skip", "fail"},
                     "skip") == "fail";
  experiment->fail_on_nonfinite = section.Bool(
      {.name = "fail_on_nonfinite",
       .help = "End the run (exit code 3) at the first update that is not "
               "finite, instead of setting it aside."},
      false);
}

// Rules between the attack and the defence.
void CheckDefence(Section& root, const Experiment& experiment) {
  if (root.recording() || !experiment.defence.valid() ||
      experiment.attack.attack == nullptr) {
    return;
  }
  const attack::Options& attack = experiment.attack;
  Section server = root.Child({.name = "server", .help = ""});
  Section section = root.Child({.name = "attack", .help = ""});
  if (experiment.defence.needs_declared_f() && !attack.present() &&
      !attack.declared_f) {
    server.Fail("aggregator",
                "the defence tolerates f adversaries, and nothing says how "
                "many; give f to the rule (and to each pre-aggregator that has "
                "one), or attack.declared_f");
  }
  if (experiment.defence.needs_server_data() && experiment.root_samples == 0) {
    server.Fail("root_samples",
                "the rule compares updates with samples of the server's own; "
                "expected root_samples >= 1");
  }
  if (attack.data == attack::Data::kNone && attack.present()) {
    if (!attack.attack->crafts()) {
      section.Fail("data",
                   attack.name +
                       " works through the adversaries' own training, so they "
                       "need samples; use data: own or iid");
    } else if (attack.attack->needs_own_updates() ||
               attack.knowledge == attack::Knowledge::kColluders) {
      section.Fail("data",
                   "the adversaries start from their own honest updates, so "
                   "they need samples; use data: own or iid");
    }
  }
}

void ReadEvaluation(Section& root, Experiment* experiment) {
  Section section =
      root.Child({.name = "eval", .help = "What is measured, and when."});
  EvaluationOptions& options = experiment->evaluation;
  options.every = section.Int(
      {.name = "every",
       .help = "Rounds between two evaluations; the last round always counts.",
       .unit = "rounds",
       .aliases = {"evaluation_frequency", "eval_gap", "eval_every"}},
      1,
      {.min = 1});
  options.central = section.Bool(
      {.name = "central",
       .help = "Evaluate on the data's test set, where it has one."},
      true);
  options.batch_size = section.Int({.name = "batch_size",
                                    .help = "Samples evaluated in one go.",
                                    .unit = "samples"},
                                   500,
                                   {.min = 1});
  options.target_accuracy = section.OptionalReal(
      {.name = "target_accuracy",
       .help = "The summary states in which round test/accuracy reached it."},
      {.min = 0.0, .max = 1.0});
  Section clients = section.Child(
      {.name = "clients", .help = "Evaluation on the clients' own samples."});
  options.clients_every = clients.Int({.name = "every",
                                       .help = "Rounds between two; 0 = never.",
                                       .unit = "rounds"},
                                      0,
                                      {.min = 0});
  options.clients_sample =
      clients.OptionalInt({.name = "sample",
                           .help = "Clients drawn each time; null = all.",
                           .unit = "clients"},
                          {.min = 1});
  options.client_sets = clients.Texts(
      {.name = "sets",
       .help = "Which of their samples: train, validation, test."},
      std::vector<std::string>{"test"});
  for (const std::string& set : options.client_sets) {
    const SplitShares& shares = experiment->client_split;
    const double share = set == "train"        ? shares.train
                         : set == "validation" ? shares.validation
                         : set == "test"       ? shares.test
                                               : -1.0;
    if (share < 0.0) {
      clients.Fail("sets",
                   "expected train, validation or test, found '" + set + "'");
    } else if (share == 0.0 && options.clients_every > 0) {
      clients.Fail("sets",
                   "clients have no " + set +
                       " samples; give data.client_split." + set +
                       " a share above 0");
    }
  }
}

void ReadRest(Section& root, Experiment* experiment) {
  Section output =
      root.Child({.name = "output", .help = "What is written, and where."});
  experiment->output_dir = output.Text(
      {.name = "dir", .help = "Folder of the run directories."}, "runs");
  experiment->per_client = output.Choice(
      {.name = "per_client",
       .help = "Rows in clients.csv: none, one a client and evaluation, or "
               "also one a client and round."},
      {"none", "summary", "all"},
      "summary");

  Section checkpoint =
      root.Child({.name = "checkpoint", .help = "What survives a stop."});
  experiment->checkpoint_every = checkpoint.Int(
      {.name = "every",
       .help = "Rounds between two; 0 = only when the run is stopped.",
       .unit = "rounds"},
      25,
      {.min = 0});
  experiment->checkpoint_keep = checkpoint.Int(
      {.name = "keep", .help = "Newest checkpoints that are kept."},
      2,
      {.min = 1});

  Section runtime =
      root.Child({.name = "runtime", .help = "How this machine is used."});
  experiment->threads = runtime.AutoInt({.name = "threads",
                                         .help = "Workers; auto = all cores.",
                                         .unit = "threads"},
                                        {.min = 1, .max = 1024});
  const std::string engine = runtime.Choice(
      {.name = "engine",
       .help = "How local steps are computed: by the fused kernels of the "
               "plan, by autograd, or by the plan where it covers the model. "
               "Results differ in rounding only. Where clients are stacked it "
               "serves "
               "evaluation."},
      {"auto", "autograd", "plan"},
      "auto");
  for (const auto choice : {engine::EngineChoice::kAuto,
                            engine::EngineChoice::kAutograd,
                            engine::EngineChoice::kPlan}) {
    if (engine == ToText(choice)) experiment->engine = choice;
  }
  experiment->execution = ExecutionOptions::Read(runtime);
  experiment->state_memory_mb = runtime.Int(
      {.name = "state_memory_mb",
       .help = "Memory for per-client state before it goes to disk.",
       .unit = "MB"},
      1024,
      {.min = 0});
}

}  // namespace

Experiment Experiment::Read(Section root) {
  Experiment experiment;
  experiment.name = root.Text(
      {.name = "name", .help = "Names the experiment and its run folder."},
      "experiment");
  const bool plain =
      !experiment.name.empty() &&
      experiment.name.find_first_of("/\\") == std::string::npos &&
      experiment.name[0] != '.';
  if (!plain) {
    root.Fail("name",
              "expected a name that can be a folder, without '/' and "
              "not starting with '.', found '" +
                  experiment.name + "'");
  }
  experiment.seed = static_cast<std::uint64_t>(
      root.Int({.name = "seed",
                .help = "Master seed; every stream derives from it.",
                .aliases = {"random_seed"}},
               0,
               {.min = 0}));
  experiment.partition_seed = experiment.seed;
  ReadData(root, &experiment);
  experiment.model = model::Options::Read(root);
  ReadFederation(root, &experiment);
  experiment.work = client::LocalWork::Read(root);
  ReadFleet(root, &experiment);
  const auto methods = algorithm::AllKinds();
  std::vector<config::KindFacts> facts;
  for (const algorithm::Kind* kind : methods) {
    facts.push_back(
        {kind->name, kind->summary, kind->source, [kind](Section& section) {
           kind->make(section);
         }});
  }
  const auto chosen = root.ChooseKind(
      {.name = "algorithm", .help = "The training method."}, facts, "fedavg");
  if (chosen.index) {
    experiment.method = methods[*chosen.index]->make(*chosen.section);
    experiment.method_name = methods[*chosen.index]->name;
  }
  ReadServer(root, &experiment);
  experiment.attack = attack::Options::Read(root);
  if (experiment.attack.beside && experiment.num_clients > 0) {
    experiment.num_clients += experiment.attack.count.value_or(0);
  }
  CheckDefence(root, experiment);
  ReadEvaluation(root, &experiment);
  ReadRest(root, &experiment);
  return experiment;
}

std::int64_t Experiment::CohortSize(std::int64_t clients) const {
  if (clients_per_round) return std::min(*clients_per_round, clients);
  const double fraction = client_fraction.value_or(1.0);
  const auto size = static_cast<std::int64_t>(
      std::ceil(fraction * static_cast<double>(clients) - 1e-9));
  return std::clamp<std::int64_t>(size, 1, clients);
}

}  // namespace fedtorch::round
