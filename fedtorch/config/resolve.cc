#include "fedtorch/config/resolve.h"

#include "fedtorch/config/flow.h"

#include <algorithm>

namespace fedtorch::config {
namespace {

std::string Spaces(int count) {
  return std::string(static_cast<std::size_t>(count), ' ');
}

std::string Flow(const AskedKey& key, std::string (*format)(const Scalar&)) {
  if (!key.is_list) return format(key.value.front());
  std::string text = "[";
  for (const Scalar& scalar : key.value) {
    if (text.size() > 1) text += ", ";
    text += format(scalar);
  }
  return text + "]";
}

std::string Free(const AskedKey& key, std::string (*format)(const Value&)) {
  return key.free_value == nullptr ? "{}" : format(*key.free_value);
}

class YamlWriter {
 public:
  explicit YamlWriter(const DocumentState& state) : state_(state) {}

  // Writes the keys of a section, one or more lines each; `first` stands
  // before the first one instead of the indentation.
  void Write(const OpenedSection& section,
             int indent,
             const std::string& first) {
    bool is_first = true;
    for (const AskedKey& key : section.keys) {
      if (key.left_out) continue;
      text_ += is_first ? first : Spaces(indent);
      is_first = false;
      text_ += ToYaml(Scalar(key.name)) + ":";
      if (key.type == KeyType::kSection) {
        WriteChild(state_.section(key.sections.front()), indent + 2);
      } else if (key.type == KeyType::kSectionList) {
        WriteList(key, indent + 2);
      } else if (key.type == KeyType::kFlowLists) {
        text_ += " " + Free(key, ToFlowYaml) + "\n";
      } else {
        text_ += " " + Flow(key, ToYaml) + "\n";
      }
    }
  }

  std::string TakeText() { return std::move(text_); }

 private:
  void WriteChild(const OpenedSection& section, int indent) {
    if (section.keys.empty()) {
      text_ += " {}\n";
      return;
    }
    text_ += "\n";
    Write(section, indent, Spaces(indent));
  }

  void WriteList(const AskedKey& key, int indent) {
    if (key.sections.empty()) {
      text_ += " []\n";
      return;
    }
    text_ += "\n";
    for (const int index : key.sections) {
      const OpenedSection& section = state_.section(index);
      if (section.keys.empty()) {
        text_ += Spaces(indent) + "- {}\n";
      } else {
        Write(section, indent + 2, Spaces(indent) + "- ");
      }
    }
  }

  const DocumentState& state_;
  std::string text_;
};

class JsonWriter {
 public:
  JsonWriter(const DocumentState& state, bool compact)
      : state_(state), compact_(compact) {}

  void Write(const OpenedSection& section,
             int indent,
             const std::vector<std::string>& left_out = {}) {
    bool first = true;
    text_ += "{";
    for (const AskedKey& key : section.keys) {
      if (key.left_out ||
          std::find(left_out.begin(), left_out.end(), key.name) !=
              left_out.end()) {
        continue;
      }
      if (!first) text_ += ",";
      first = false;
      Break(indent + 2);
      text_ += ToJson(Scalar(key.name)) + (compact_ ? ":" : ": ");
      if (key.type == KeyType::kSection) {
        Write(state_.section(key.sections.front()), indent + 2);
      } else if (key.type == KeyType::kSectionList) {
        WriteList(key, indent + 2);
      } else if (key.type == KeyType::kFlowLists) {
        text_ += Free(key, ToFlowJson);
      } else {
        text_ += compact_ ? WithoutSpaces(key) : Flow(key, ToJson);
      }
    }
    if (!first) Break(indent);
    text_ += "}";
  }

  std::string TakeText() { return std::move(text_); }

 private:
  void Break(int indent) {
    if (!compact_) text_ += "\n" + Spaces(indent);
  }

  static std::string WithoutSpaces(const AskedKey& key) {
    if (!key.is_list) return ToJson(key.value.front());
    std::string text = "[";
    for (const Scalar& scalar : key.value) {
      if (text.size() > 1) text += ",";
      text += ToJson(scalar);
    }
    return text + "]";
  }

  void WriteList(const AskedKey& key, int indent) {
    text_ += "[";
    for (std::size_t i = 0; i < key.sections.size(); ++i) {
      if (i != 0) text_ += ",";
      Break(indent + 2);
      Write(state_.section(key.sections[i]), indent + 2);
    }
    if (!key.sections.empty()) Break(indent);
    text_ += "]";
  }

  const DocumentState& state_;
  bool compact_;
  std::string text_;
};

}  // namespace

std::string ResolvedYamlOf(const DocumentState& state) {
  YamlWriter writer(state);
  writer.Write(state.section(0), 0, "");
  std::string text = writer.TakeText();
  return text.empty() ? "{}\n" : text;
}

std::string ResolvedJsonOf(const DocumentState& state) {
  JsonWriter writer(state, false);
  writer.Write(state.section(0), 0);
  return writer.TakeText() + "\n";
}

std::string CompactJsonOf(const DocumentState& state,
                          const std::vector<std::string>& left_out) {
  JsonWriter writer(state, true);
  writer.Write(state.section(0), 0, left_out);
  return writer.TakeText();
}

}  // namespace fedtorch::config
