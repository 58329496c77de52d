#include "fedtorch/app/load.h"

#include <iostream>

namespace fedtorch::app {

Loaded Load(const ConfigSource& source) {
  config::Document document =
      config::Document::FromFiles(source.files, source.overrides);
  round::Experiment experiment = round::Experiment::Read(document.Root());
  document.Finish();
  for (const std::string& note : document.notes()) {
    std::cerr << "note: " << note << '\n';
  }
  return {std::move(document), std::move(experiment)};
}

std::string DidYouMean(std::string_view word,
                       const std::vector<std::string>& names) {
  const std::string near = config::Suggest(word, names);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

}  // namespace fedtorch::app
