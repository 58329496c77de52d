#include "fedtorch/study/report.h"

#include "fedtorch/app/commands.h"

#include <nlohmann/json.hpp>

#include <iostream>

namespace fedtorch::app {

int Report(const ReportCommandOptions& options) {
  study::ReportRequest request;
  request.directory = options.directory;
  request.page =
      options.page.empty() ? options.directory / "report.html" : options.page;
  request.metric = options.metric;
  request.provenance = !options.no_provenance;
  const study::WrittenReport written = study::WriteReport(request);
  if (options.format == Format::kJson) {
    std::cout << nlohmann::ordered_json{{"page", written.page.string()},
                                        {"pictures", written.folder.string()},
                                        {"finished", written.finished},
                                        {"trials", written.trials}}
                     .dump(2)
              << '\n';
    return 0;
  }
  std::cout << written.finished << " of " << written.trials
            << " trials are finished\npage      " << written.page.string()
            << "\npictures  " << written.folder.string() << '\n';
  return 0;
}

}  // namespace fedtorch::app
