#include "fedtorch/app/load.h"

#include <iostream>

namespace fedtorch::app {

Loaded Load(const ConfigSource& source, SweepSection sweep_section) {
  config::Document document =
      config::Document::FromFiles(source.files, source.overrides);
  config::Section root = document.Root();
  round::Experiment experiment = round::Experiment::Read(root);
  std::optional<study::SweepOptions> sweep = study::SweepOptions::Read(root);
  if (sweep && sweep_section == SweepSection::kRefuse) {
    root.Fail("sweep",
              "this config describes a sweep; use fedrun sweep, or ~sweep to "
              "run its base alone");
  }
  document.Finish();
  for (const std::string& note : document.notes()) {
    std::cerr << "note: " << note << '\n';
  }
  return {std::move(document), std::move(experiment), std::move(sweep)};
}

std::string DidYouMean(std::string_view word,
                       const std::vector<std::string>& names) {
  const std::string near = config::Suggest(word, names);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

}  // namespace fedtorch::app
