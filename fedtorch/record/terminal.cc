#include "fedtorch/record/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

namespace fedtorch::record {
namespace {

std::string_view Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool LocaleIsUtf8() {
  // The first that is set and not empty decides (POSIX, 8.2).
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    std::string value(Variable(name));
    if (value.empty()) continue;
    for (char& byte : value) {
      if (byte >= 'A' && byte <= 'Z')
        byte = static_cast<char>(byte - 'A' + 'a');
    }
    return value.find("utf-8") != std::string::npos ||
           value.find("utf8") != std::string::npos;
  }
  return false;
}

}  // namespace

Terminal Terminal::Detect(int file) {
  Terminal terminal;
  const bool is_terminal = ::isatty(file) == 1;
  const bool dumb = Variable("TERM") == "dumb";
  terminal.interactive = is_terminal && !dumb;
  const std::string_view force = Variable("CLICOLOR_FORCE");
  const bool forced = !force.empty() && force != "0";
  terminal.color =
      Variable("NO_COLOR").empty() && (forced || terminal.interactive);
  terminal.utf8 = LocaleIsUtf8();
  winsize size{};
  if (is_terminal && ::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
  } else if (const std::string_view columns = Variable("COLUMNS");
             !columns.empty()) {
    int value = 0;
    const auto [end, error] =
        std::from_chars(columns.data(), columns.data() + columns.size(), value);
    if (error == std::errc() && value > 0) terminal.columns = value;
  }
  return terminal;
}

}  // namespace fedtorch::record
