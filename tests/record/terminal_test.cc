#include "fedtorch/record/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <stdlib.h>
#include <unistd.h>

#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::record {
namespace {

using Values = std::initializer_list<std::pair<const char*, const char*>>;

// Sets the variables that matter, all others of them unset, for one scope.
class Environment {
 public:
  explicit Environment(Values values) {
    for (const char* name : {"TERM",
                             "NO_COLOR",
                             "CLICOLOR_FORCE",
                             "LC_ALL",
                             "LC_CTYPE",
                             "LANG",
                             "COLUMNS"}) {
      if (const char* old = ::getenv(name)) old_[name] = old;
      ::unsetenv(name);
      names_.emplace_back(name);
    }
    for (const auto& [name, value] : values) ::setenv(name, value, 1);
  }
  ~Environment() {
    for (const std::string& name : names_) {
      ::unsetenv(name.c_str());
      const auto old = old_.find(name);
      if (old != old_.end()) ::setenv(name.c_str(), old->second.c_str(), 1);
    }
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  std::map<std::string, std::string> old_;
  std::vector<std::string> names_;
};

// A real terminal of 40 columns.
class PseudoTerminal {
 public:
  PseudoTerminal() {
    winsize size{};
    size.ws_col = 40;
    size.ws_row = 10;
    if (::openpty(&main_, &terminal_, nullptr, nullptr, &size) != 0) {
      terminal_ = -1;
    }
  }
  ~PseudoTerminal() {
    if (terminal_ >= 0) {
      ::close(terminal_);
      ::close(main_);
    }
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;
  int file() const { return terminal_; }

 private:
  int main_ = -1;
  int terminal_ = -1;
};

TEST(Terminal, IsNotInteractiveInAFile) {
  const Environment environment({{"TERM", "xterm"}, {"COLUMNS", "132"}});
  const int file = ::open("/dev/null", O_WRONLY);
  const Terminal terminal = Terminal::Detect(file);
  ::close(file);
  EXPECT_FALSE(terminal.interactive);
  EXPECT_FALSE(terminal.color);
  EXPECT_EQ(terminal.columns, 132);
}

TEST(Terminal, IsForcedToColorsInAFile) {
  const int file = ::open("/dev/null", O_WRONLY);
  {
    const Environment environment({{"CLICOLOR_FORCE", "1"}});
    EXPECT_TRUE(Terminal::Detect(file).color);
  }
  {
    const Environment environment({{"CLICOLOR_FORCE", "0"}});
    EXPECT_FALSE(Terminal::Detect(file).color);
  }
  {
    const Environment environment({{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}});
    EXPECT_FALSE(Terminal::Detect(file).color);
  }
  ::close(file);
}

TEST(Terminal, KnowsARealTerminal) {
  const PseudoTerminal pseudo;
  if (pseudo.file() < 0) GTEST_SKIP() << "needs a pseudo terminal";
  {
    const Environment environment({{"TERM", "xterm"}, {"LANG", "C.UTF-8"}});
    const Terminal terminal = Terminal::Detect(pseudo.file());
    EXPECT_TRUE(terminal.interactive);
    EXPECT_TRUE(terminal.color);
    EXPECT_TRUE(terminal.utf8);
    EXPECT_EQ(terminal.columns, 40);
  }
  {
    const Environment environment({{"TERM", "dumb"}});
    const Terminal terminal = Terminal::Detect(pseudo.file());
    EXPECT_FALSE(terminal.interactive);
    EXPECT_FALSE(terminal.color);
  }
  {
    const Environment environment({{"TERM", "xterm"}, {"NO_COLOR", "1"}});
    const Terminal terminal = Terminal::Detect(pseudo.file());
    EXPECT_TRUE(terminal.interactive);
    EXPECT_FALSE(terminal.color);
  }
}

TEST(Terminal, TakesTheEncodingOfTheFirstLocaleThatIsSet) {
  const auto utf8 = [](Values values) {
    const Environment environment(values);
    return Terminal::Detect(-1).utf8;
  };
  EXPECT_FALSE(utf8({}));
  EXPECT_TRUE(utf8({{"LANG", "de_DE.UTF-8"}}));
  EXPECT_TRUE(utf8({{"LANG", "C.utf8"}}));
  EXPECT_FALSE(utf8({{"LC_ALL", "C"}, {"LANG", "de_DE.UTF-8"}}));
  EXPECT_TRUE(utf8({{"LC_ALL", ""}, {"LC_CTYPE", "C.UTF-8"}, {"LANG", "C"}}));
}

}  // namespace
}  // namespace fedtorch::record
