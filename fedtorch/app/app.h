#pragma once

namespace fedtorch::app {

/// Runs the `fedrun` command line and returns the exit code. A program with
/// kinds of its own calls the rooms' `Use(kind)` first.
///
/// Exit codes: 0 ok; 1 run failed; 2 usage or config; 3 diverged; 4 data
/// missing or corrupt; 70 internal check failed; 75 stopped on purpose with a
/// checkpoint; 130 / 143 ended by SIGINT / SIGTERM.
int RunMain(int argc, char** argv);

}  // namespace fedtorch::app
