#include "fedtorch/app/commands.h"
#include "fedtorch/config/document.h"
#include "fedtorch/round/experiment.h"
#include "fedtorch/study/sweep_options.h"

#include <iostream>

namespace fedtorch::app {

int PrintSchema(bool markdown) {
  config::Document recorder = config::Document::Recorder();
  config::Section root = recorder.Root();
  round::Experiment::Read(root);
  study::SweepOptions::Read(root);
  std::cout << (markdown ? recorder.Markdown()
                         : recorder.JsonSchema("fedtorch experiment"));
  return 0;
}

}  // namespace fedtorch::app
