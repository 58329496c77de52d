#include "tests/docs/program.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace fedtorch::docs {
namespace {

std::string InShell(const std::string& word) {
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

}  // namespace

std::string OutputOf(const char* variable,
                     const std::vector<std::string>& arguments) {
  const char* program = std::getenv(variable);
  if (program == nullptr) {
    throw std::runtime_error(std::string(variable) +
                             " is not set; run this test by ctest");
  }
  std::string command = InShell(program);
  for (const std::string& argument : arguments) {
    command += ' ' + InShell(argument);
  }
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot start: " + command);
  std::string output;
  std::array<char, 65536> buffer;
  std::size_t count = 0;
  while ((count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    output.append(buffer.data(), count);
  }
  const int status = pclose(pipe);
  if (status != 0) {
    throw std::runtime_error("wait status " + std::to_string(status) +
                             " of: " + command);
  }
  return output;
}

}  // namespace fedtorch::docs
