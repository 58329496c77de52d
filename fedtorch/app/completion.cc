#include "fedtorch/app/completion.h"

#include "fedtorch/app/commands.h"
#include "fedtorch/app/kind_rows.h"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace fedtorch::app {
namespace {

std::vector<std::string> OptionNames(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
  }
  return names;
}

// Words that may follow a command beside its options.
std::vector<std::string> Words(const std::string& command) {
  std::vector<std::string> words;
  if (command == "completion") return {"bash", "zsh", "fish"};
  if (command == "bench") {
    for (const std::string& what : BenchWords()) {
      words.push_back(what);
      const std::vector<std::string> names = BenchNames(what);
      words.insert(words.end(), names.begin(), names.end());
    }
  }
  if (command == "list" || command == "describe") {
    std::string_view room;
    for (const KindRow& row : AllKindRows()) {
      if (command == "describe") {
        words.emplace_back(row.name);
      } else if (row.room != room) {
        room = row.room;
        words.emplace_back(room);
      }
    }
    if (command == "describe") {
      words.insert(words.end(), {"data", "model", "run"});
    } else {
      words.emplace_back("runs");
    }
  }
  return words;
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

std::string Bash(const CLI::App& app) {
  std::string commands;
  std::string cases;
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string name = command->get_name();
    commands += (commands.empty() ? "" : " ") + name;
    std::vector<std::string> words = OptionNames(*command);
    const std::vector<std::string> more = Words(name);
    words.insert(words.end(), more.begin(), more.end());
    cases += "    " + name + ") words=\"" + Join(words) + "\" ;;\n";
  }
  return "# bash completion of fedrun\n"
         "_fedrun() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]}\n"
         "  local previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local words=\"" +
         commands +
         " --config --help --version\"\n"
         "  case $previous in\n"
         "    -c|--config) COMPREPLY=($(compgen -f -- \"$current\")); return "
         ";;\n"
         "    -o|--output|--dir) COMPREPLY=($(compgen -d -- \"$current\")); "
         "return ;;\n"
         "    --format) COMPREPLY=($(compgen -W 'text json' -- \"$current\")); "
         "return ;;\n"
         "    --progress) COMPREPLY=($(compgen -W 'auto bar plain none' -- "
         "\"$current\")); return ;;\n"
         "  esac\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -o default -F _fedrun fedrun\n";
}

std::string Fish(const CLI::App& app) {
  std::string text = "# fish completion of fedrun\n";
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string name = command->get_name();
    text += "complete -c fedrun -n __fish_use_subcommand -a " + name + " -d '" +
            command->get_description() + "'\n";
    const std::string condition =
        " -n '__fish_seen_subcommand_from " + name + "'";
    for (const std::string& option : OptionNames(*command)) {
      text +=
          "complete -c fedrun" + condition + " -l " + option.substr(2) + "\n";
    }
    const std::vector<std::string> words = Words(name);
    if (!words.empty()) {
      text += "complete -c fedrun" + condition + " -a '" + Join(words) + "'\n";
    }
  }
  return text;
}

}  // namespace

std::string CompletionScript(const CLI::App& app, const std::string& shell) {
  if (shell == "fish") return Fish(app);
  if (shell == "zsh") {
    return "#compdef fedrun\nautoload -U +X bashcompinit && bashcompinit\n" +
           Bash(app);
  }
  return Bash(app);
}

}  // namespace fedtorch::app
