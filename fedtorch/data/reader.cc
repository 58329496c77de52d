#include "fedtorch/data/reader.h"

#include "fedtorch/core/errors.h"

#include <cstdlib>
#include <string_view>
#include <system_error>

namespace fedtorch::data {
namespace {

std::vector<std::filesystem::path> Folders() {
  std::vector<std::filesystem::path> folders{"datasets"};
  if (const char* variable = std::getenv("FEDTORCH_DATA")) {
    std::string_view rest = variable;
    while (!rest.empty()) {
      const std::size_t colon = rest.find(':');
      const std::string_view folder = rest.substr(0, colon);
      if (!folder.empty()) folders.emplace_back(folder);
      if (colon == std::string_view::npos) break;
      rest.remove_prefix(colon + 1);
    }
  }
  folders.emplace_back("/usr/share/datasets");
  return folders;
}

}  // namespace

std::filesystem::path FindData(const std::filesystem::path& name) {
  if (name.empty()) throw core::DataError("name of a data file is empty");
  std::error_code ignored;
  if (std::filesystem::exists(name, ignored)) return name;
  if (name.is_absolute()) {
    throw core::DataError(name.string() + ": no such file; check the path");
  }
  std::string places = "'" + name.string() + "'";
  for (const auto& folder : Folders()) {
    const std::filesystem::path path = folder / name;
    if (std::filesystem::exists(path, ignored)) return path;
    places += ", '" + path.string() + "'";
  }
  throw core::DataError(name.string() + ": no such file; looked at " + places +
                        "; name a folder that holds it in the environment "
                        "variable FEDTORCH_DATA, or give an absolute path");
}

}  // namespace fedtorch::data
