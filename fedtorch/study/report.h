#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace fedtorch::study {

/// Holds what a report is made from.
struct ReportRequest {
  std::filesystem::path directory;  ///< of the sweep
  std::filesystem::path page;       ///< the HTML file to write
  std::string metric = "test/accuracy";
  /// False leaves out machine, program and times, so that equal results give
  /// equal bytes.
  bool provenance = true;
};

/// Says what was written.
struct WrittenReport {
  std::filesystem::path page;
  std::filesystem::path folder;  ///< CSV and SVG of each picture
  std::size_t finished = 0;
  std::size_t trials = 0;
};

/// Reads the finished trials of a sweep and writes the page, and beside it a
/// folder of its name without the ending with the CSV and SVG of each picture;
/// older pictures there are removed.
/// Throws: ConfigError when the folder holds no sweep or no finished trial has
/// the metric (it names those that there are), RunError.
WrittenReport WriteReport(const ReportRequest& request);

}  // namespace fedtorch::study
