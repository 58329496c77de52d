#include "fedtorch/engine/torchscript_module.h"

#include "fedtorch/core/errors.h"
#include "fedtorch/data/reader.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/python/update_graph_executor_opt.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fedtorch::engine {
namespace {

using model::InputSpec;
using model::ParameterLayout;
using model::TensorEntry;
using Shape = std::vector<std::int64_t>;

std::string ShapeText(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t side : shape) {
    text += (text.size() == 1 ? "" : ", ") + std::to_string(side);
  }
  return text + "]";
}

// The last line of a message of LibTorch that says something: those from
// inside a script begin with a trace of its source.
std::string Reason(const std::exception& error) {
  const auto* torch = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch != nullptr ? torch->what_without_backtrace()
                                      : std::string(error.what());
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.pop_back();
  }
  const std::size_t line = text.rfind('\n');
  return line == std::string::npos ? text : text.substr(line + 1);
}

// One tensor of the layout: all places of the module that hold it.
using Places = std::vector<std::string>;

// Puts a tensor where the dotted name says.
void Put(const torch::jit::Module& module,
         const std::string& name,
         const at::Tensor& tensor) {
  torch::jit::Module owner = module;
  std::size_t start = 0;
  for (std::size_t dot = name.find('.'); dot != std::string::npos;
       dot = name.find('.', start)) {
    owner = owner.attr(name.substr(start, dot - start)).toModule();
    start = dot + 1;
  }
  owner._ivalue()->setAttr(name.substr(start), tensor);
}

class LoadedScript final : public model::ScriptModule {
 public:
  LoadedScript(torch::jit::Module module, std::string file)
      : module_(std::move(module)), file_(std::move(file)) {
    module_.eval();
    for (const auto& named : module_.named_parameters()) Add(named, true);
    for (const auto& named : module_.named_buffers()) Add(named, false);
    if (layout_.parameters.empty()) {
      throw core::ConfigError(
          file_ +
          ": expected a module with float32 parameters that need a gradient, "
          "found none; save it before torch.jit.freeze, which makes them "
          "constants");
    }
    MarkFans();
  }

  const ParameterLayout& layout() const override { return layout_; }
  std::span<const float> parameters() const override { return parameters_; }
  std::span<const float> buffers() const override { return buffers_; }
  std::span<const std::int64_t> counters() const override { return counters_; }

  const std::string& file() const { return file_; }
  const torch::jit::Module& module() const { return module_; }
  const std::vector<Places>& parameter_places() const {
    return parameter_places_;
  }
  const std::vector<Places>& buffer_places() const { return buffer_places_; }
  const std::vector<Places>& counter_places() const { return counter_places_; }

 private:
  void Add(const torch::jit::NameTensor& named, bool is_parameter) {
    const at::Tensor& tensor = named.value;
    const bool trained = is_parameter && tensor.requires_grad();
    if (trained && tensor.scalar_type() != at::kFloat) {
      throw core::ConfigError(file_ + ": expected float32 parameters, found " +
                              named.name + " of type " +
                              std::string(c10::toString(tensor.scalar_type())) +
                              "; save the module after module.float()");
    }
    if (tensor.scalar_type() == at::kLong) {
      Append(named,
             &layout_.counters,
             &layout_.num_counters,
             &counters_,
             &counter_places_);
    } else if (tensor.scalar_type() == at::kFloat) {
      if (trained) {
        Append(named,
               &layout_.parameters,
               &layout_.num_parameters,
               &parameters_,
               &parameter_places_);
      } else {
        Append(named,
               &layout_.buffers,
               &layout_.num_buffers,
               &buffers_,
               &buffer_places_);
      }
    }
  }

  template <class T>
  void Append(const torch::jit::NameTensor& named,
              std::vector<TensorEntry>* entries,
              std::int64_t* count,
              std::vector<T>* values,
              std::vector<Places>* places) {
    const at::Tensor& tensor = named.value;
    for (std::size_t i = 0; i < entries->size(); ++i) {
      // Weights that two layers share are one tensor under two names.
      const at::Tensor& known = held_[{entries, i}];
      if (tensor.numel() > 0 && known.data_ptr() == tensor.data_ptr() &&
          known.sizes() == tensor.sizes() &&
          known.strides() == tensor.strides()) {
        (*places)[i].push_back(named.name);
        return;
      }
    }
    held_[{entries, entries->size()}] = tensor;
    TensorEntry entry;
    entry.name = named.name;
    entry.shape = tensor.sizes().vec();
    entry.offset = *count;
    entry.size = tensor.numel();
    *count += entry.size;
    entries->push_back(std::move(entry));
    places->push_back({named.name});
    const at::Tensor plain = tensor.detach().contiguous();
    const T* first = plain.const_data_ptr<T>();
    values->insert(values->end(), first, first + plain.numel());
  }

  // What an initialiser has to know: a weight [out, in, ...], as LibTorch keeps
  // it, has in * ... values that go into an output; a vector called bias has
  // those of the weight of its layer; any other vector is a norm's and is not
  // drawn.
  void MarkFans() {
    std::map<std::string, const TensorEntry*> weights;  // by layer
    for (TensorEntry& entry : layout_.parameters) {
      const std::size_t dot = entry.name.rfind('.');
      const std::string owner =
          dot == std::string::npos ? "" : entry.name.substr(0, dot);
      if (entry.shape.size() >= 2) {
        const std::int64_t window =
            entry.size /
            std::max<std::int64_t>(1, entry.shape[0] * entry.shape[1]);
        entry.fan_in = std::max<std::int64_t>(1, entry.shape[1] * window);
        entry.fan_out = std::max<std::int64_t>(1, entry.shape[0] * window);
        weights[owner] = &entry;
      } else if (weights.contains(owner) &&
                 entry.name.find("bias", owner.size()) != std::string::npos) {
        entry.fan_in = weights[owner]->fan_in;
        entry.fan_out = weights[owner]->fan_out;
        entry.is_bias = true;
      } else {
        entry.constant = true;
      }
    }
  }

  torch::jit::Module module_;
  std::string file_;
  ParameterLayout layout_;
  std::vector<float> parameters_;
  std::vector<float> buffers_;
  std::vector<std::int64_t> counters_;
  std::vector<Places> parameter_places_;
  std::vector<Places> buffer_places_;
  std::vector<Places> counter_places_;
  std::map<std::pair<const void*, std::size_t>, at::Tensor> held_;
};

class Runner final : public ScriptRunner {
 public:
  explicit Runner(const LoadedScript& script)
      : script_(script), module_(script.module().deepcopy()) {}

  at::Tensor Forward(const at::Tensor& x,
                     std::span<const at::Tensor> parameters,
                     std::span<const at::Tensor> buffers,
                     std::span<const at::Tensor> counters) override {
    // The optimiser would rewrite the script after a few calls, which moves
    // bits; the setting belongs to the thread.
    torch::jit::setGraphExecutorOptimize(false);
    PutAll(script_.parameter_places(), parameters);
    PutAll(script_.buffer_places(), buffers);
    PutAll(script_.counter_places(), counters);
    const c10::IValue output = module_.forward({x});
    if (!output.isTensor()) {
      throw core::ConfigError(
          script_.file() + ": expected forward to return one tensor, found " +
          output.tagKind() + "; wrap the module in one that does");
    }
    return output.toTensor();
  }

 private:
  void PutAll(const std::vector<Places>& places,
              std::span<const at::Tensor> tensors) {
    FEDTORCH_CHECK(places.size() == tensors.size(), "wrong number of tensors");
    for (std::size_t i = 0; i < places.size(); ++i) {
      for (const std::string& name : places[i]) Put(module_, name, tensors[i]);
    }
  }

  const LoadedScript& script_;
  torch::jit::Module module_;
};

// The tensors of a section, as copies.
template <class T>
std::vector<at::Tensor> Tensors(const std::vector<TensorEntry>& entries,
                                std::span<const T> values) {
  std::vector<at::Tensor> tensors;
  for (const TensorEntry& entry : entries) {
    tensors.push_back(
        at::from_blob(const_cast<T*>(values.data() + entry.offset),
                      entry.shape,
                      c10::CppTypeToScalarType<T>::value)
            .clone());
  }
  return tensors;
}

// Tries a script on made-up samples, so that what cannot work is said before a
// run and not in its middle.
class Trial {
 public:
  Trial(const LoadedScript& script, const InputSpec& input)
      : script_(script), input_(input), runner_(script) {}

  void Run() {
    const at::Generator& generator = at::detail::getDefaultCPUGenerator();
    const at::Tensor before = generator.get_state();
    // Two sizes, since a traced script may know only that of its example.
    Forward(1);
    const at::Tensor scores = Forward(3);
    CheckGradients(scores);
    if (!at::equal(before, generator.get_state())) {
      throw core::ConfigError(
          script_.file() +
          ": expected no random numbers in evaluation mode, but forward draws "
          "some, which would not be reproducible; make dropout depend on "
          "self.training");
    }
  }

 private:
  at::Tensor Forward(std::int64_t size) {
    parameters_ = Tensors(script_.layout().parameters, script_.parameters());
    for (at::Tensor& parameter : parameters_) parameter.set_requires_grad(true);
    std::vector<at::Tensor> buffers =
        Tensors(script_.layout().buffers, script_.buffers());
    std::vector<at::Tensor> counters =
        Tensors(script_.layout().counters, script_.counters());
    at::Tensor scores;
    try {
      scores = runner_.Forward(Input(size), parameters_, buffers, counters);
    } catch (const core::ConfigError&) {
      throw;
    } catch (const std::exception& error) {
      throw core::ConfigError(script_.file() + ": forward fails on " +
                              InputText(size) + ": " + Reason(error) +
                              "; give it a module made for these data");
    }
    CheckScores(scores, size);
    CheckKept(buffers, script_.layout().buffers, script_.buffers());
    CheckKept(counters, script_.layout().counters, script_.counters());
    return scores;
  }

  at::Tensor Input(std::int64_t size) const {
    Shape shape = input_.shape;
    shape.insert(shape.begin(), size);
    if (input_.tokens) {
      // The first and the last token: an embedding has to have both.
      return at::arange(c10::multiply_integers(shape), at::kLong)
          .remainder(2)
          .mul(input_.num_classes - 1)
          .reshape(shape);
    }
    return at::linspace(-1.0, 1.0, c10::multiply_integers(shape))
        .reshape(shape);
  }

  std::string InputText(std::int64_t size) const {
    Shape shape = input_.shape;
    shape.insert(shape.begin(), size);
    return (input_.tokens
                ? "token ids below " + std::to_string(input_.num_classes) + ", "
                : std::string()) +
           ShapeText(shape);
  }

  void CheckScores(const at::Tensor& scores, std::int64_t size) const {
    Shape expected{size};
    if (input_.target_length != 1) expected.push_back(input_.target_length);
    expected.push_back(input_.num_classes);
    if (scores.scalar_type() != at::kFloat || scores.sizes() != expected) {
      throw core::ConfigError(
          script_.file() + ": expected one score per class, float32 " +
          ShapeText(expected) + " for " + InputText(size) + ", found " +
          std::string(c10::toString(scores.scalar_type())) + " " +
          ShapeText(scores.sizes().vec()) +
          "; give it as many outputs as the data have classes, " +
          std::to_string(input_.num_classes));
    }
  }

  template <class T>
  void CheckKept(const std::vector<at::Tensor>& tensors,
                 const std::vector<TensorEntry>& entries,
                 std::span<const T> values) const {
    const std::vector<at::Tensor> kept = Tensors(entries, values);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      if (!at::equal(kept[i], tensors[i])) {
        throw core::ConfigError(
            script_.file() + ": expected buffers that stay as they are, but " +
            "forward changes " + entries[i].name +
            " in evaluation mode; let only training change it");
      }
    }
  }

  void CheckGradients(const at::Tensor& scores) const {
    if (scores.requires_grad()) scores.sum().backward();
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (parameters_[i].grad().defined()) continue;
      throw core::ConfigError(
          script_.file() +
          ": expected every parameter to take part in forward, found no "
          "gradient of " +
          script_.layout().parameters[i].name +
          "; set requires_grad to False on it before the module is saved");
    }
  }

  const LoadedScript& script_;
  const InputSpec& input_;
  Runner runner_;
  std::vector<at::Tensor> parameters_;
};

class TorchscriptArchitecture final : public model::Architecture {
 public:
  explicit TorchscriptArchitecture(std::string file) : file_(std::move(file)) {}

  std::vector<model::Layer> Layers(const InputSpec& input) const override {
    return {{.type = model::LayerType::kTorchscript,
             .script = ReadTorchscript(data::FindData(file_), input)}};
  }
  model::Initializer initializer() const override {
    return model::Initializer::kFile;
  }

 private:
  std::string file_;
};

std::unique_ptr<model::Architecture> Make(config::Section& section) {
  return std::make_unique<TorchscriptArchitecture>(section.Text(
      {.name = "file",
       .help = "TorchScript file, looked for like a data file; dropout inside "
               "is off, running statistics stay as they are, and init auto "
               "starts from its parameters."},
      std::nullopt));
}

constinit const model::Kind kTorchscript{
    .name = "torchscript",
    .summary = "A module of one's own, with the parameters in its file.",
    .source = "written by the user, PyTorch's TorchScript",
    .make = Make,
};

}  // namespace

std::shared_ptr<const model::ScriptModule> ReadTorchscript(
    const std::filesystem::path& file, const InputSpec& input) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream || std::filesystem::is_directory(file)) {
    throw core::DataError(file.string() +
                          ": expected a readable file, found none");
  }
  std::optional<torch::jit::Module> module;
  try {
    module = torch::jit::load(stream, at::kCPU);
  } catch (const std::exception& error) {
    throw core::DataError(
        file.string() +
        ": expected a TorchScript file, found something else (" +
        Reason(error) + "); write it by torch.jit.script(module).save(path)");
  }
  const auto script =
      std::make_shared<const LoadedScript>(*module, file.string());
  Trial(*script, input).Run();
  return script;
}

std::unique_ptr<ScriptRunner> MakeScriptRunner(
    const model::ScriptModule& module) {
  return std::make_unique<Runner>(dynamic_cast<const LoadedScript&>(module));
}

void UseTorchscript() {
  // A kind can be added only once, a program may start several times.
  static const bool added = (model::Use(kTorchscript), true);
  static_cast<void>(added);
}

}  // namespace fedtorch::engine
