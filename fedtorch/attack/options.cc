#include "fedtorch/attack/options.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/core/stream.h"

#include <algorithm>
#include <cmath>

namespace fedtorch::attack {

Options Options::Read(config::Section& root) {
  Options options;
  const auto kinds = AllKinds();
  // The keys around the attack are its section's own, so they are read for
  // every kind.
  const auto read_shared = [](config::Section& section, Options* out) {
    out->count = section.OptionalInt(
        {.name = "num_byzantine",
         .help = "Adversaries among all clients (of each cohort where "
                 "membership is cohort).",
         .unit = "clients",
         .aliases = {"num_adv", "byzantine_node_num", "byzantine_client_num"}},
        {.min = 0});
    out->fraction = section.OptionalReal(
        {.name = "byzantine_fraction",
         .help = "Adversaries as a share, in place of num_byzantine; rounded "
                 "to the nearest number."},
        {.min = 0.0, .max = 1.0});
    out->declared_f = section.OptionalInt(
        {.name = "declared_f",
         .help = "Adversaries that defences are told of; null = the number to "
                 "be expected in a cohort, rounded up.",
         .unit = "clients",
         .aliases = {"tolerated_f"}},
        {.min = 0});
    const std::string membership = section.Choice(
        {.name = "membership",
         .help = "Who they are: fixed for the run, redrawn from all clients in "
                 "every round, or exactly num_byzantine of every cohort."},
        {"fixed", "redrawn", "cohort"},
        "fixed");
    out->membership = membership == "redrawn"  ? Membership::kRedrawn
                      : membership == "cohort" ? Membership::kCohort
                                               : Membership::kFixed;
    out->knowledge =
        section.Choice(
            {.name = "knowledge",
             .help = "Whose honest updates they know: all of the cohort, or "
                     "only their own."},
            {"omniscient", "colluders"},
            "omniscient") == "omniscient"
            ? Knowledge::kOmniscient
            : Knowledge::kColluders;
    const std::string data = section.Choice(
        {.name = "data",
         .help = "Samples of adversaries: a part of the partition (own), none, "
                 "or a random draw from all samples (iid); without own the "
                 "honest clients share all samples."},
        {"own", "none", "iid"},
        "own");
    out->data = data == "none"  ? Data::kNone
                : data == "iid" ? Data::kIid
                                : Data::kOwn;
    out->beside = section.Bool(
        {.name = "beside",
         .help =
             "Whether adversaries come beside federation.num_clients, which "
             "then counts the honest ones, instead of being among them; "
             "not with data: own."},
        false);
    out->start_round = section.Int({.name = "start_round",
                                    .help = "First round with an attack.",
                                    .unit = "rounds"},
                                   1,
                                   {.min = 1});
    out->end_round =
        section.OptionalInt({.name = "end_round",
                             .help = "Last round with an attack; null = the "
                                     "last of the run.",
                             .unit = "rounds"},
                            {.min = 1});
    out->every = section.Int({.name = "every",
                              .help = "Rounds between two attacks.",
                              .unit = "rounds"},
                             1,
                             {.min = 1});
  };
  std::vector<config::KindFacts> facts;
  for (const Kind* kind : kinds) {
    facts.push_back({kind->name,
                     kind->summary,
                     kind->source,
                     [kind, read_shared](config::Section& section) {
                       Options ignored;
                       kind->make(section);
                       read_shared(section, &ignored);
                     }});
  }
  const auto chosen = root.ChooseKind(
      {.name = "attack", .help = "What adversaries do, and who they are."},
      facts,
      "none");
  if (!chosen.index) return options;
  config::Section& section = *chosen.section;
  options.attack = kinds[*chosen.index]->make(section);
  options.name = kinds[*chosen.index]->name;
  read_shared(section, &options);
  if (section.recording()) return options;
  if (options.count && options.fraction) {
    section.Fail("byzantine_fraction",
                 "expected exactly one of num_byzantine and "
                 "byzantine_fraction, found both; remove one");
  }
  if (options.name != "none" && !options.count && !options.fraction) {
    section.Fail("num_byzantine",
                 "required key is missing: " + options.name +
                     " needs adversaries; give num_byzantine or "
                     "byzantine_fraction");
  }
  if (options.data != Data::kOwn && options.membership != Membership::kFixed) {
    section.Fail("data",
                 "adversaries without a part of the partition are the same "
                 "clients in every round; use membership: fixed");
  }
  if (options.beside && (options.data == Data::kOwn || !options.count)) {
    section.Fail("beside",
                 "adversaries beside the others hold no part of the partition "
                 "and are counted; give num_byzantine and data: none or iid");
  }
  if (options.end_round && *options.end_round < options.start_round) {
    section.Fail("end_round",
                 "expected at least start_round = " +
                     std::to_string(options.start_round) + ", found " +
                     std::to_string(*options.end_round));
  }
  return options;
}

bool Options::present() const {
  return count.value_or(0) > 0 || fraction.value_or(0.0) > 0.0;
}

std::int64_t Options::Count(std::int64_t clients) const {
  if (count) return std::min(*count, clients);
  return static_cast<std::int64_t>(
      std::floor(fraction.value_or(0.0) * static_cast<double>(clients) + 0.5));
}

std::int64_t Options::DeclaredF(std::int64_t cohort,
                                std::int64_t clients) const {
  if (declared_f) return *declared_f;
  if (membership == Membership::kCohort) return Count(cohort);
  const double expected = static_cast<double>(Count(clients)) *
                          static_cast<double>(cohort) /
                          static_cast<double>(clients);
  return static_cast<std::int64_t>(std::ceil(expected - 1e-9));
}

bool Options::ActiveIn(std::int64_t round) const {
  return present() && round >= start_round &&
         (!end_round || round <= *end_round) &&
         (round - start_round) % every == 0;
}

std::vector<char> Options::Members(std::span<const std::int64_t> cohort,
                                   std::int64_t clients,
                                   std::uint64_t seed,
                                   std::int64_t round) const {
  std::vector<char> members(cohort.size(), 0);
  if (!present()) return members;
  const auto number = static_cast<std::uint64_t>(round);
  if (membership == Membership::kCohort) {
    const auto size = static_cast<std::int64_t>(cohort.size());
    core::Stream stream = core::Stream::Named(seed, "byzantine", {number});
    for (const std::int64_t place :
         stream.SampleWithoutReplacement(size, Count(size))) {
      members[static_cast<std::size_t>(place)] = 1;
    }
    return members;
  }
  const std::int64_t wanted = Count(clients);
  if (data != Data::kOwn) {
    for (std::size_t i = 0; i < cohort.size(); ++i) {
      members[i] = cohort[i] >= clients - wanted ? 1 : 0;
    }
    return members;
  }
  core::Stream stream = membership == Membership::kRedrawn
                            ? core::Stream::Named(seed, "byzantine", {number})
                            : core::Stream::Named(seed, "byzantine");
  std::vector<std::int64_t> chosen =
      stream.SampleWithoutReplacement(clients, wanted);
  std::sort(chosen.begin(), chosen.end());
  for (std::size_t i = 0; i < cohort.size(); ++i) {
    members[i] =
        std::binary_search(chosen.begin(), chosen.end(), cohort[i]) ? 1 : 0;
  }
  return members;
}

}  // namespace fedtorch::attack
