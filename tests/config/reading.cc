#include "tests/config/reading.h"

namespace fedtorch::config {
namespace {

std::string Format(const core::Problem& problem) {
  std::string place = problem.place.ToString();
  const std::string file = "test.yml:";
  const std::string line = "command line, override ";
  if (place.starts_with(file)) place.erase(0, file.size());
  if (place.starts_with(line)) {
    place.erase(0, line.size());
    place.erase(place.find(':'));
  }
  return place + " " + problem.path + ": " + problem.message;
}

}  // namespace

std::vector<std::string> ProblemsIn(const std::string& text,
                                    const Reader& read,
                                    const std::vector<std::string>& overrides) {
  std::vector<std::string> lines;
  try {
    Document document = Document::FromText(text, "test.yml", overrides);
    Section root = document.Root();
    read(root);
    document.Finish();
  } catch (const core::ConfigError& error) {
    for (const core::Problem& problem : error.problems()) {
      lines.push_back(Format(problem));
    }
  }
  return lines;
}

std::string ResolvedFrom(const std::string& text,
                         const Reader& read,
                         const std::vector<std::string>& overrides) {
  Document document = Document::FromText(text, "test.yml", overrides);
  Section root = document.Root();
  read(root);
  document.Finish();
  return document.ResolvedYaml();
}

Document Recorded(const Reader& read) {
  Document document = Document::Recorder();
  Section root = document.Root();
  read(root);
  return document;
}

}  // namespace fedtorch::config
