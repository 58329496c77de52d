#include "fedtorch/study/sweep_options.h"

#include <utility>

namespace fedtorch::study {

std::optional<SweepOptions> SweepOptions::Read(config::Section& root) {
  std::optional<config::Section> section = root.OptionalChild(
      {.name = "sweep",
       .help = "Many trials from one file, for fedrun sweep; no part of a "
               "trial."});
  if (!section) return std::nullopt;
  SweepOptions options;
  options.name = section->OptionalText(
      {.name = "name",
       .help = "Folder of the sweep below output.dir; null = the name with -sweep."});
  if (options.name && (options.name->empty() || options.name->front() == '.' ||
                       options.name->find('/') != std::string::npos)) {
    section->Fail("name",
                  "expected a name that can be a folder, without '/' and not "
                  "starting with '.', found '" +
                      *options.name + "'");
  }
  for (config::FlowList& list :
       section->FlowLists({.name = "grid",
       .help = "Dotted keys, each with a list of values; a trial for "
               "every combination, the last key varying fastest. A "
               "value may be a whole mapping or list."})) {
    Axis axis{std::move(list.key), {}};
    for (config::FlowValue& value : list.values) {
      axis.values.push_back({std::move(value.text),
                             std::move(value.place),
                             std::move(value.source_line)});
    }
    options.grid.push_back(std::move(axis));
  }
  options.data_seeds = section->Int(
      {.name = "data_seeds",
       .help = "Values of data.partition.seed: its own and the next ones. 1 "
               "leaves it as it is: null follows seed, so each seed has a "
               "split of its own.",
       .unit = "seeds"},
      1,
      {.min = 1, .max = 100'000});
  options.seeds =
      section->Int({.name = "seeds",
                    .help = "Values of seed: its own and the next ones.",
                    .unit = "seeds"},
                   1,
                   {.min = 1, .max = 100'000});
  return options;
}

}  // namespace fedtorch::study
