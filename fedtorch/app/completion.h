#pragma once

#include <string>

namespace CLI {
class App;
}

namespace fedtorch::app {

/// Writes the completion script of a shell (bash, zsh or fish) from the tree
/// of commands and options itself, so that it cannot fall behind.
std::string CompletionScript(const CLI::App& app, const std::string& shell);

}  // namespace fedtorch::app
