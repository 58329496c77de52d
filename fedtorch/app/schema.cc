#include "fedtorch/app/commands.h"
#include "fedtorch/config/document.h"
#include "fedtorch/round/experiment.h"

#include <iostream>

namespace fedtorch::app {

int PrintSchema(bool markdown) {
  config::Document recorder = config::Document::Recorder();
  round::Experiment::Read(recorder.Root());
  std::cout << (markdown ? recorder.Markdown()
                         : recorder.JsonSchema("fedtorch experiment"));
  return 0;
}

}  // namespace fedtorch::app
