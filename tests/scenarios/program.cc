#include "tests/scenarios/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace fedtorch::scenarios {

const char* const kTiny = R"(name: tiny
seed: 5
data:
  dataset:
    name: synthetic_images
    shape: [1, 6, 6]
    classes: 4
    train_samples: 400
    test_samples: 100
  partition: {name: dirichlet, alpha: 1.0, min_samples: 2}
model: {name: mlp, hidden: [16], dropout: 0.2}
federation: {num_clients: 10, clients_per_round: 4, rounds: 5}
client: {batch_size: 8, optimizer: {name: sgd, lr: 0.05}}
)";

Program::Program(const std::vector<std::string>& arguments,
                 const std::filesystem::path& folder) {
  const char* fedrun = std::getenv("FEDTORCH_FEDRUN");
  if (fedrun == nullptr) throw std::runtime_error("FEDTORCH_FEDRUN not set");
  std::string pattern =
      (std::filesystem::temp_directory_path() / "fedrun-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("no temporary folder");
  }
  files_ = pattern;
  std::vector<char*> words{const_cast<char*>(fedrun)};
  for (const std::string& argument : arguments) {
    words.push_back(const_cast<char*>(argument.c_str()));
  }
  words.push_back(nullptr);
  const std::string out = (files_ / "out").string();
  const std::string err = (files_ / "err").string();
  process_ = ::fork();
  if (process_ == 0) {
    if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(126);
    const auto redirect = [](const std::string& path, int descriptor) {
      const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(file, descriptor);
    };
    redirect(out, STDOUT_FILENO);
    redirect(err, STDERR_FILENO);
    ::execv(fedrun, words.data());
    ::_exit(127);
  }
}

Program::~Program() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(files_, ignored);
}

void Program::Signal(int signal) const { ::kill(process_, signal); }

Ended Program::Wait() {
  int status = 0;
  ::waitpid(process_, &status, 0);
  process_ = -1;
  Ended ended;
  ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ended.output = ReadFile(files_ / "out");
  ended.errors = ReadFile(files_ / "err");
  return ended;
}

Ended Fedrun(const std::vector<std::string>& arguments,
             const std::filesystem::path& folder) {
  return Program(arguments, folder).Wait();
}

Scratch::Scratch() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "scenario-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("no temporary folder");
  }
  path_ = pattern;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Scratch::Write(const std::string& name,
                           const std::string& text) const {
  std::ofstream(path_ / name, std::ios::binary) << text;
  return (path_ / name).string();
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::filesystem::path OnlyRun(const std::filesystem::path& output) {
  std::filesystem::path found;
  for (const auto& name : std::filesystem::directory_iterator(output)) {
    for (const auto& run : std::filesystem::directory_iterator(name)) {
      if (!found.empty()) throw std::runtime_error("more than one run");
      found = run.path();
    }
  }
  if (found.empty()) throw std::runtime_error("no run in " + output.string());
  return found;
}

}  // namespace fedtorch::scenarios
