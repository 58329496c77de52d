#include "tests/config/experiment_reader.h"

#include <optional>
#include <string>
#include <vector>

namespace fedtorch::config {
namespace {

// A kind without keys of its own.
KindFacts Plain(std::string_view name) {
  return {name, "A kind without keys.", "nobody", [](Section&) {}};
}

// Chooses a kind and reads its keys.
void ReadKind(Section& parent,
              const Key& key,
              const std::vector<KindFacts>& kinds,
              std::optional<std::string_view> fallback) {
  auto chosen = parent.ChooseKind(key, kinds, fallback);
  if (chosen.index) kinds[*chosen.index].read(*chosen.section);
}

void ReadDataset(Section& data) {
  const auto read_idx = [](Section& section) {
    section.Text({.name = "train_images", .help = "Images."}, std::nullopt);
    section.Text({.name = "train_labels", .help = "Labels."}, std::nullopt);
    section.OptionalText({.name = "test_images", .help = "Test images."});
    section.OptionalText({.name = "test_labels", .help = "Test labels."});
    section.OptionalInt({.name = "num_classes", .unit = "classes"}, {.min = 2});
    section.Texts({.name = "class_names"}, std::vector<std::string>{});
  };
  const auto read_synthetic = [](Section& section) {
    section.Real({.name = "alpha"}, 1.0, {.min = 0.0, .max = 1000.0});
    section.Real({.name = "beta"}, 1.0, {.min = 0.0, .max = 1000.0});
    section.Int({.name = "devices", .unit = "devices"}, 30, {.min = 1});
    section.Bool({.name = "iid"}, false);
  };
  ReadKind(data,
           {.name = "dataset", .help = "Where the samples come from."},
           {{"idx", "IDX files.", "LeCun 1998", read_idx},
            {"synthetic_fedprox", "Drawn.", "Li 2020", read_synthetic}},
           std::nullopt);
}

void ReadPartition(Section& data) {
  const auto read_shared = [](Section& section) {
    section.Int({.name = "min_samples", .aliases = {"min_partition_size"}},
                1,
                {.min = 1});
    section.OptionalInt({.name = "seed"}, {.min = 0});
  };
  const std::vector<KindFacts> kinds = {
      {"iid", "Even.", "McMahan 2017", read_shared},
      {"natural", "By owner.", "Caldas 2018", read_shared},
      {"dirichlet",
       "Uneven.",
       "Hsu 2019",
       [read_shared](Section& section) {
         section.Real({.name = "alpha",
                       .help = "Concentration.",
                       .aliases = {"beta", "concentration", "dirichlet_alpha"}},
                      0.5,
                      {.min = 1e-6, .max = 1e9});
         read_shared(section);
       }},
      {"shards", "Sorted.", "McMahan 2017", [read_shared](Section& section) {
         section.Int({.name = "shards_per_client"}, 2, {.min = 1});
         read_shared(section);
       }}};
  ReadKind(data,
           {.name = "partition", .help = "Who owns which sample."},
           kinds,
           "iid");
}

void ReadModel(Section& root) {
  const auto read_mlp = [](Section& section) {
    section.Ints({.name = "hidden", .unit = "units"},
                 std::vector<std::int64_t>{200, 200},
                 {.min = 1});
    section.Real(
        {.name = "dropout"}, 0.0, {.min = 0.0, .max = 1.0, .open_max = true});
  };
  const std::vector<KindFacts> layers = {
      {"dense",
       "",
       "",
       [](Section& layer) {
         layer.Int({.name = "units"}, 0, {.min = 0});
         layer.Bool({.name = "bias"}, true);
       }},
      {"lstm",
       "",
       "",
       [](Section& layer) {
         layer.Int({.name = "units"}, std::nullopt, {.min = 1});
       }},
      Plain("relu")};
  const auto read_sequential = [layers](Section& section) {
    for (Section& layer :
         section.Children({.name = "layers", .help = "First to last."})) {
      const auto index = layer.ChooseKindHere(layers, std::nullopt);
      if (index) layers[*index].read(layer);
    }
  };
  ReadKind(root,
           {.name = "model", .help = "The model that is trained."},
           {Plain("logistic"),
            {"mlp", "Dense.", "McMahan 2017", read_mlp},
            {"sequential", "Listed.", "", read_sequential}},
           std::nullopt);
}

void ReadFederation(Section& root) {
  Section section = root.Child({.name = "federation", .help = "How many."});
  section.OptionalInt({.name = "num_clients",
                       .unit = "clients",
                       .aliases = {"total_clients", "n_clients"}},
                      {.min = 1});
  section.Int({.name = "rounds",
               .help = "Number of rounds.",
               .unit = "rounds",
               .aliases = {"comm_round", "global_rounds", "n_rounds"}},
              std::nullopt,
              {.min = 1});
  const auto count = section.OptionalInt(
      {.name = "clients_per_round", .aliases = {"cohort_size"}}, {.min = 1});
  const auto share = section.OptionalReal(
      {.name = "client_fraction", .aliases = {"join_ratio"}},
      {.min = 0.0, .max = 1.0, .open_min = true});
  if (count && share) {
    section.Fail("client_fraction",
                 "expected exactly one of clients_per_round and "
                 "client_fraction, found both; remove one");
  }
  ReadKind(section,
           {.name = "selection"},
           {Plain("uniform"), Plain("poisson")},
           "uniform");
}

void ReadClient(Section& root) {
  Section section = root.Child({.name = "client"});
  const auto epochs = section.OptionalInt(
      {.name = "local_epochs", .unit = "epochs", .aliases = {"local_ep"}},
      {.min = 1});
  const auto steps =
      section.OptionalInt({.name = "local_steps", .unit = "steps"}, {.min = 1});
  if (epochs && steps) {
    section.Fail("local_steps",
                 "expected exactly one of local_epochs and local_steps, found "
                 "both; remove one");
  }
  section.Int({.name = "batch_size", .unit = "samples"}, 32, {.min = 0});
  const auto read_sgd = [](Section& optimizer) {
    optimizer.Real({.name = "lr", .aliases = {"learning_rate"}},
                   0.1,
                   {.min = 0.0, .open_min = true});
    optimizer.Real(
        {.name = "momentum"}, 0.0, {.min = 0.0, .max = 1.0, .open_max = true});
    optimizer.Real(
        {.name = "weight_decay", .aliases = {"wd"}}, 0.0, {.min = 0.0});
  };
  ReadKind(section,
           {.name = "optimizer"},
           {{"sgd", "Descent.", "Robbins and Monro 1951", read_sgd}},
           "sgd");
  const auto read_pieces = [](Section& schedule) {
    schedule.Reals({.name = "factors"}, std::nullopt, {.min = 0.0});
  };
  ReadKind(section,
           {.name = "lr_schedule"},
           {Plain("constant"), {"pieces", "Given.", "", read_pieces}},
           "constant");
}

void ReadAlgorithm(Section& root) {
  const auto read_prox = [](Section& section) {
    section.Real(
        {.name = "mu", .aliases = {"proximal_mu"}}, std::nullopt, {.min = 0.0});
  };
  const auto read_scaffold = [](Section& section) {
    section.Int({.name = "option"}, 2, {.min = 1, .max = 2});
  };
  ReadKind(root,
           {.name = "algorithm"},
           {Plain("fedavg"),
            {"fedprox", "A pull.", "Li 2020", read_prox},
            Plain("fedsgd"),
            {"scaffold", "Variates.", "Karimireddy 2020", read_scaffold}},
           "fedavg");
}

void ReadServer(Section& root) {
  Section section = root.Child({.name = "server"});
  section.Choice({.name = "weighting"},
                 {"auto", "samples", "uniform", "unbiased"},
                 "auto");
  const auto read_sgd = [](Section& optimizer) {
    optimizer.Real({.name = "lr", .aliases = {"learning_rate"}},
                   1.0,
                   {.min = 0.0, .open_min = true});
  };
  const auto read_momentum = [read_sgd](Section& optimizer) {
    read_sgd(optimizer);
    optimizer.Real({.name = "momentum", .aliases = {"server_momentum"}},
                   0.9,
                   {.min = 0.0, .max = 1.0, .open_max = true});
    optimizer.Bool({.name = "nesterov"}, false);
  };
  ReadKind(section,
           {.name = "optimizer"},
           {{"sgd", "", "", read_sgd}, {"momentum", "", "", read_momentum}},
           "sgd");
  ReadKind(section,
           {.name = "aggregator"},
           {Plain("mean"), Plain("median")},
           "mean");
  section.Bool({.name = "fail_on_nonfinite"}, false);
}

void ReadRest(Section& root) {
  Section eval = root.Child({.name = "eval"});
  eval.Int({.name = "every", .aliases = {"eval_every"}}, 1, {.min = 1});
  eval.Bool({.name = "central"}, true);
  Section clients = eval.Child({.name = "clients"});
  clients.Int({.name = "every"}, 0, {.min = 0});
  clients.Texts({.name = "sets"}, std::vector<std::string>{"test"});
  Section output = root.Child({.name = "output"});
  output.Text({.name = "dir", .help = "Folder of the runs."}, "runs");
  output.Choice({.name = "per_client"}, {"none", "summary", "all"}, "summary");
  Section checkpoint = root.Child({.name = "checkpoint"});
  checkpoint.Int({.name = "every"}, 25, {.min = 0});
  Section runtime = root.Child({.name = "runtime"});
  runtime.AutoInt({.name = "threads"}, {.min = 1, .max = 1024});
}

}  // namespace

void ReadExperiment(Section root) {
  root.Text({.name = "name", .help = "Names the experiment."}, "experiment");
  root.Int({.name = "seed", .aliases = {"random_seed"}}, 0, {.min = 0});
  Section data = root.Child({.name = "data"});
  ReadDataset(data);
  ReadPartition(data);
  ReadModel(root);
  ReadFederation(root);
  ReadClient(root);
  ReadAlgorithm(root);
  ReadServer(root);
  ReadRest(root);
}

}  // namespace fedtorch::config
