#pragma once

#include "fedtorch/model/model.h"
#include "fedtorch/model/script_module.h"

#include <filesystem>
#include <memory>
#include <span>

namespace at {
class Tensor;
}

namespace fedtorch::engine {

/// Reads a TorchScript file for data of the form `input` and tries it on such
/// data, forward and backward. It is kept in evaluation mode: dropout inside is
/// off and batch norm normalises by the statistics of the file.
///
/// float32 parameters that need a gradient are its parameters; other float32
/// parameters and buffers are its buffers, int64 buffers its counters; both
/// stay as they are. Tensors that share memory are one. What is of another
/// type stays in the script.
/// Throws: DataError when the file is no TorchScript; ConfigError when it does
/// not fit the data, has nothing to train, or draws random numbers.
std::shared_ptr<const model::ScriptModule> ReadTorchscript(
    const std::filesystem::path& file, const model::InputSpec& input);

/// Runs a script on tensors of the caller. Threads: one at a time; make one
/// for each.
class ScriptRunner {
 public:
  virtual ~ScriptRunner() = default;
  /// Returns the scores, [size, ...]. The tensors replace those of the file, in
  /// the order of its layout. Nothing is optimised between calls, so that the
  /// first one has the same bits as all later ones.
  virtual at::Tensor Forward(const at::Tensor& x,
                             std::span<const at::Tensor> parameters,
                             std::span<const at::Tensor> buffers,
                             std::span<const at::Tensor> counters) = 0;
};

/// Requires: `module` comes from ReadTorchscript.
std::unique_ptr<ScriptRunner> MakeScriptRunner(
    const model::ScriptModule& module);

/// Adds the kind `torchscript` to the models, once. Call it before a config is
/// read and before other threads start.
void UseTorchscript();

}  // namespace fedtorch::engine
