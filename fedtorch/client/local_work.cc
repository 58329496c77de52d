#include "fedtorch/client/local_work.h"

#include <cmath>
#include <numbers>

namespace fedtorch::client {
namespace {

using config::Section;

// One row a schedule: its name, what it does, and the keys it reads.
struct ScheduleKind {
  std::string_view name;
  std::string_view summary;
  Schedule (*read)(Section&);
};

double ReadGamma(Section& section, std::string_view help) {
  return section.Real({.name = "gamma", .help = help},
                      std::nullopt,
                      {.min = 0.0, .max = 1.0, .open_min = true});
}

constexpr ScheduleKind kSchedules[] = {
    {"constant",
     "The learning rate never changes.",
     [](Section&) { return Schedule{}; }},
    {"exponential",
     "lr * gamma^(round - 1).",
     [](Section& section) {
       return Schedule{.shape = Schedule::Shape::kExponential,
                       .gamma = ReadGamma(section, "Factor a round.")};
     }},
    {"step",
     "lr * gamma^floor((round - 1) / every).",
     [](Section& section) {
       Schedule schedule{.shape = Schedule::Shape::kStep};
       schedule.every = section.Int({.name = "every",
                                     .help = "Rounds between two drops.",
                                     .unit = "rounds"},
                                    std::nullopt,
                                    {.min = 1});
       schedule.gamma = ReadGamma(section, "Factor a drop.");
       return schedule;
     }},
    {"cosine",
     "Half a cosine from lr to final * lr over all rounds.",
     [](Section& section) {
       Schedule schedule{.shape = Schedule::Shape::kCosine};
       schedule.final = section.Real(
           {.name = "final", .help = "Share of lr left in the last round."},
           0.0,
           {.min = 0.0, .max = 1.0});
       return schedule;
     }},
};

}  // namespace

double Schedule::Factor(std::int64_t round, std::int64_t rounds) const {
  const auto done = static_cast<double>(round - 1);
  switch (shape) {
    case Shape::kConstant:
      return 1.0;
    case Shape::kExponential:
      return std::pow(gamma, done);
    case Shape::kStep:
      return std::pow(gamma, static_cast<double>((round - 1) / every));
    case Shape::kCosine: {
      if (rounds < 2) return 1.0;
      const double progress = done / static_cast<double>(rounds - 1);
      return final + (1.0 - final) * 0.5 *
                         (1.0 + std::cos(std::numbers::pi * progress));
    }
  }
  return 1.0;
}

Schedule Schedule::Read(Section& parent) {
  std::vector<config::KindFacts> facts;
  for (const ScheduleKind& kind : kSchedules) {
    facts.push_back({kind.name, kind.summary, "", [&kind](Section& section) {
                       kind.read(section);
                     }});
  }
  const auto chosen = parent.ChooseKind(
      {.name = "lr_schedule",
       .help = "How the learning rate changes from round to round."},
      facts,
      "constant");
  if (!chosen.index) return {};
  return kSchedules[*chosen.index].read(*chosen.section);
}

LocalWork LocalWork::Read(Section& parent) {
  Section section = parent.Child(
      {.name = "client", .help = "What a chosen client does in a round."});
  LocalWork work;
  const auto epochs = section.OptionalInt(
      {.name = "local_epochs",
       .help = "Passes over the client's samples; 1 when local_steps is not "
               "given either.",
       .unit = "epochs",
       .aliases = {"local_num_epochs", "epochs", "local_ep"}},
      {.min = 1});
  work.steps = section.OptionalInt(
      {.name = "local_steps",
       .help = "Optimiser steps, in place of local_epochs.",
       .unit = "steps",
       .aliases = {"local_update_steps", "local_steps_per_client"}},
      {.min = 1});
  if (epochs && work.steps) {
    section.Fail("local_steps",
                 "expected exactly one of local_epochs and local_steps, found "
                 "both; remove one");
  }
  work.epochs = epochs.value_or(1);
  work.batch_size = section.Int({.name = "batch_size",
                                 .help = "Samples of one step; 0 = all.",
                                 .unit = "samples",
                                 .aliases = {"local_batch_size"}},
                                32,
                                {.min = 0});
  work.keep_last_batch =
      section.Choice(
          {.name = "last_batch",
           .help = "What happens to the short batch at the end of an epoch; "
                   "a client's only batch is always kept."},
          {"keep", "drop"},
          "keep") == "keep";
  const std::string order = section.Choice(
      {.name = "order",
       .help = "Order of a client's samples: shuffled in each epoch, shuffled "
               "once a round, or as stored."},
      {"each_epoch", "once", "as_stored"},
      "each_epoch");
  work.order = order == "each_epoch" ? Order::kEachEpoch
               : order == "once"     ? Order::kOnce
                                     : Order::kAsStored;
  const std::string masks = section.Choice(
      {.name = "dropout_masks",
       .help = "per_client: each client draws its own in each round; "
               "per_round: all clients of a round draw the same; fixed: all "
               "draw the same in every round, as in simulators that put a "
               "global generator back after each client."},
      {"per_client", "per_round", "fixed"},
      "per_client");
  work.masks = masks == "per_client"  ? Masks::kPerClient
               : masks == "per_round" ? Masks::kPerRound
                                      : Masks::kFixed;
  const auto read_sgd = [&work](Section& optimizer) {
    work.lr = optimizer.Real({.name = "lr",
                              .help = "Learning rate of the first round.",
                              .aliases = {"learning_rate"}},
                             0.1,
                             {.min = 0.0, .open_min = true});
    work.momentum = optimizer.Real(
        {.name = "momentum",
         .help = "Heavy-ball momentum; the buffer starts at zero each round."},
        0.0,
        {.min = 0.0, .max = 1.0, .open_max = true});
    work.weight_decay =
        optimizer.Real({.name = "weight_decay",
                        .help = "L2 penalty, added to the gradient.",
                        .aliases = {"wd"}},
                       0.0,
                       {.min = 0.0});
    work.max_gradient_norm = optimizer.Real(
        {.name = "max_gradient_norm",
         .help = "The mean gradient of a batch is scaled to at most this L2 "
                 "norm; 0 = it is not.",
         .aliases = {"max_grad_norm", "clip_norm", "grad_clip"}},
        0.0,
        {.min = 0.0});
    work.max_example_norm = optimizer.Real(
        {.name = "max_example_norm",
         .help = "The gradient of each sample is scaled to at most this L2 "
                 "norm before the mean is taken; 0 = it is not. Not for "
                 "models with batch_norm."},
        0.0,
        {.min = 0.0});
  };
  work.update_momentum = section.Real(
      {.name = "update_momentum",
       .help = "Momentum beta of a client's updates from round to round: it "
               "sends m <- beta m + (1 - beta) delta; 0 = none.",
       .aliases = {"worker_momentum"}},
      0.0,
      {.min = 0.0, .max = 1.0, .open_max = true});
  work.update_momentum_sums =
      section.Choice(
          {.name = "update_momentum_form",
           .help = "average: as above; sum: m <- beta m + delta, larger by the "
                   "factor 1 / (1 - beta)."},
          {"average", "sum"},
          "average") == "sum";
  const auto chosen = section.ChooseKind(
      {.name = "optimizer", .help = "The client's optimiser."},
      {{"sgd",
        "Stochastic gradient descent.",
        "Robbins and Monro 1951",
        [&](Section& optimizer) { read_sgd(optimizer); }}},
      "sgd");
  if (chosen.index) read_sgd(*chosen.section);
  work.schedule = Schedule::Read(section);
  return work;
}

std::int64_t LocalWork::StepsOf(std::int64_t samples,
                                std::int64_t some_epochs) const {
  if (samples == 0) return 0;
  if (steps) return *steps;
  if (batch_size == 0 || samples <= batch_size) return some_epochs;
  const std::int64_t whole = samples / batch_size;
  const bool short_one = keep_last_batch && samples % batch_size != 0;
  return some_epochs * (whole + (short_one ? 1 : 0));
}

}  // namespace fedtorch::client
