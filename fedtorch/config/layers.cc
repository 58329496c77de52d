#include "fedtorch/config/layers.h"

#include "fedtorch/config/parse.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

namespace fedtorch::config {
namespace {

namespace fs = std::filesystem;

// Larger files are no configs; the limit keeps a device file from being read
// for ever.
constexpr std::size_t kMostBytes = 16u << 20;

[[noreturn]] void Throw(core::Place place,
                        std::string path,
                        std::string message) {
  throw core::ConfigError({core::Problem{
      std::move(place), std::move(path), std::move(message), ""}});
}

std::string ReadText(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) {
    Throw({file.string(), 0, 0}, "", "no such file");
  }
  if (fs::is_directory(file, error)) {
    Throw({file.string(), 0, 0}, "", "expected a file, found a folder");
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text;
  std::vector<char> buffer(1u << 16);
  while (stream && text.size() <= kMostBytes) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    text.append(buffer.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad() || !stream.eof()) {
    Throw({file.string(), 0, 0},
          "",
          text.size() > kMostBytes ? "too large for a config: over 16 MiB"
                                   : "cannot be read");
  }
  return text;
}

// Returns the name of the kind that a mapping is for, or nullptr.
const std::string* KindName(const Value& mapping) {
  const Value::Entry* name = mapping.Find("name");
  if (name == nullptr || name->value.type != Value::Type::kScalar) {
    return nullptr;
  }
  return &name->value.text;
}

// A reference is no word: nobody knows yet what it stands for.
bool IsWord(const Value& value) {
  return value.type == Value::Type::kScalar &&
         value.text.find("${") == std::string::npos;
}

// Turns a word into {name: word}.
void OpenShortForm(Value& value, int layer) {
  Value mapping = Value::Mapping(value.place);
  mapping.entries.push_back({"name", value.place, std::move(value), layer});
  value = std::move(mapping);
}

// The folder of the including file, then every folder `configs` beside or
// above it, then that of the working directory.
std::vector<fs::path> DefaultsFolders(const fs::path& file) {
  std::vector<fs::path> folders = {file.parent_path()};
  std::error_code error;
  const fs::path absolute = fs::absolute(file, error);
  const auto add = [&](const fs::path& folder) {
    if (!fs::is_directory(folder, error)) return;
    for (const fs::path& known : folders) {
      if (fs::equivalent(known.empty() ? "." : known, folder, error)) return;
    }
    folders.push_back(folder);
  };
  for (fs::path above = absolute.parent_path();; above = above.parent_path()) {
    add(above / "configs");
    if (above == above.parent_path()) break;
  }
  add("configs");
  return folders;
}

}  // namespace

void SetLayer(Value& value, int layer) {
  for (Value& item : value.items) SetLayer(item, layer);
  for (Value::Entry& entry : value.entries) {
    entry.layer = layer;
    SetLayer(entry.value, layer);
  }
}

void MergeOver(Value& lower, Value upper, int layer, bool is_root) {
  const bool is_lower_mapping = lower.type == Value::Type::kMapping;
  const bool is_upper_mapping = upper.type == Value::Type::kMapping;
  if (is_lower_mapping && IsWord(upper) && !is_root) {
    OpenShortForm(upper, layer);
  } else if (IsWord(lower) && is_upper_mapping) {
    OpenShortForm(lower, layer - 1);
  } else if (!is_lower_mapping || !is_upper_mapping) {
    lower = std::move(upper);
    return;
  }
  const std::string* lower_name = KindName(lower);
  const std::string* upper_name = KindName(upper);
  if (!is_root && lower_name != nullptr && upper_name != nullptr &&
      *lower_name != *upper_name) {
    std::erase_if(lower.entries, [&](const Value::Entry& entry) {
      return entry.layer != layer;
    });
  }
  // A section stays where its file has it when the command line only changes
  // a key in it.
  if (upper.place.line > 0) lower.place = upper.place;
  for (Value::Entry& entry : upper.entries) {
    if (Value::Entry* known = lower.Find(entry.key)) {
      MergeOver(known->value, std::move(entry.value), layer, false);
      const bool is_section = known->value.type == Value::Type::kMapping;
      if (!is_section || entry.place.line > 0) known->place = entry.place;
      known->layer = layer;
    } else {
      lower.entries.push_back(std::move(entry));
    }
  }
}

void LayerLoader::AddFile(const fs::path& file) {
  AddText(ReadText(file), file.string());
}

void LayerLoader::AddText(const std::string& text, const std::string& name) {
  sources_->Add(name, text);
  Value value = ParseYaml(text, name, problems_);
  if (value.type == Value::Type::kNull) {
    value = Value::Mapping({name, 0, 0});
  }
  if (value.type != Value::Type::kMapping) {
    Throw(value.place,
          "(top level)",
          "expected a mapping of keys, got " + value.Describe());
  }
  open_.push_back(fs::path(name));
  if (const Value::Entry* defaults = value.Find("defaults")) {
    AddDefaults(*defaults, fs::path(name));
    std::erase_if(value.entries, [](const Value::Entry& entry) {
      return entry.key == "defaults";
    });
  }
  open_.pop_back();
  const int layer = layers_++;
  SetLayer(value, layer);
  root_.place = {name, 0, 0};
  value.place = root_.place;
  MergeOver(root_, std::move(value), layer, true);
}

void LayerLoader::AddDefaults(const Value::Entry& defaults,
                              const fs::path& file) {
  const Value& value = defaults.value;
  std::vector<Value> words;
  if (value.type == Value::Type::kScalar) words = {value};
  if (value.type == Value::Type::kList) words = value.items;
  if (value.type == Value::Type::kMapping) {
    Throw(value.place,
          "defaults",
          "expected a list of file names, got a mapping; write [a, b]");
  }
  for (const Value& word : words) {
    if (word.type != Value::Type::kScalar || word.text.empty()) {
      Throw(word.place,
            "defaults",
            "expected the name of a file, got " + word.Describe());
    }
    const fs::path found = FindDefaults(word, file);
    std::error_code error;
    for (const fs::path& open : open_) {
      if (fs::equivalent(open, found, error)) {
        Throw(word.place,
              "defaults",
              "'" + word.text + "' names '" + found.string() +
                  "', which is being read already; files cannot name each "
                  "other in a circle");
      }
    }
    AddFile(found);
  }
}

fs::path LayerLoader::FindDefaults(const Value& word,
                                   const fs::path& file) const {
  std::error_code error;
  for (const fs::path& folder : DefaultsFolders(file)) {
    for (const char* ending : {"", ".yaml", ".yml"}) {
      fs::path candidate = (folder / (word.text + ending)).lexically_normal();
      if (fs::exists(candidate, error) && !fs::is_directory(candidate, error)) {
        return candidate;
      }
    }
  }
  Throw(word.place,
        "defaults",
        "no file '" + word.text +
            "', with or without .yaml, beside this file or in a folder "
            "'configs' beside or above it");
}

}  // namespace fedtorch::config
