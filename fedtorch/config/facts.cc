#include "fedtorch/config/facts.h"

#include "fedtorch/config/convert.h"

#include <algorithm>
#include <utility>

namespace fedtorch::config {
namespace {

std::string FormatType(const DocumentState& state, const AskedKey& key) {
  if (!key.sections.empty() && state.section(key.sections.front()).has_kind) {
    return key.type == KeyType::kSection ? "kind" : "list of kinds";
  }
  std::string noun;
  switch (key.type) {
    case KeyType::kInteger:
      noun = "integer";
      break;
    case KeyType::kReal:
      noun = "number";
      break;
    case KeyType::kBoolean:
      noun = "boolean";
      break;
    case KeyType::kText:
      noun = "text";
      break;
    case KeyType::kChoice:
      noun = "choice";
      break;
    case KeyType::kSection:
      noun = "section";
      break;
    case KeyType::kSectionList:
      noun = "list of sections";
      break;
    case KeyType::kFlowLists:
      return "mapping of lists";
  }
  if (key.is_list) return "list of " + noun + "s";
  if (key.nullable) noun += " or null";
  if (key.automatic) noun += " or auto";
  return noun;
}

std::string FormatRangeOf(const AskedKey& key) {
  if (key.type == KeyType::kInteger) return FormatRange(key.ints);
  if (key.type == KeyType::kReal) return FormatRange(key.reals);
  return "";
}

class Collector {
 public:
  explicit Collector(const DocumentState& state) : state_(state) {}

  void Add(const OpenedSection& section, const std::string& kind) {
    AddKeys(section, section.keys, kind);
    for (const KindVariant& variant : section.variants) {
      AddKeys(section,
              variant.keys,
              kind.empty() ? variant.name : kind + "/" + variant.name);
    }
  }

  std::vector<KeyFacts> Take() { return std::move(facts_); }

 private:
  void AddKeys(const OpenedSection& section,
               const std::vector<AskedKey>& keys,
               const std::string& kind) {
    for (const AskedKey& key : keys) {
      KeyFacts facts;
      facts.path = JoinPath(section.path, key.name);
      facts.type = FormatType(state_, key);
      facts.range = FormatRangeOf(key);
      facts.fallback = FormatFallback(state_, key);
      facts.unit = key.unit;
      facts.help = key.help;
      facts.choices = key.choices;
      facts.aliases = key.aliases;
      facts.kind = kind;
      if (key.sections.empty()) {
        facts_.push_back(std::move(facts));
        continue;
      }
      const OpenedSection& inner = state_.section(key.sections.front());
      for (const KindVariant& variant : inner.variants) {
        facts.choices.push_back(variant.name);
      }
      facts_.push_back(std::move(facts));
      Add(inner, kind);
    }
  }

  const DocumentState& state_;
  std::vector<KeyFacts> facts_;
};

std::string Code(const std::string& text) { return "`" + text + "`"; }

// A bar would end the cell.
std::string Cell(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|') escaped += '\\';
    escaped += c == '\n' ? ' ' : c;
  }
  return escaped;
}

std::string CodeList(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ", ";
    text += Code(word);
  }
  return text;
}

class MarkdownWriter {
 public:
  explicit MarkdownWriter(const DocumentState& state) : state_(state) {}

  void WriteSection(const OpenedSection& section, const std::string& help) {
    text_ +=
        "### " +
        (section.path.empty() ? std::string("Top level") : Code(section.path)) +
        "\n\n";
    if (!help.empty()) text_ += help + "\n\n";
    if (section.open_ended || StandsInItself(section)) {
      text_ += "Takes the same kinds as the part around it.\n\n";
      return;
    }
    around_.push_back(&section);
    if (!section.variants.empty()) WriteKindList(section);
    WriteTable(section.keys);
    WriteInner(section.keys);
    for (const KindVariant& variant : section.variants) {
      text_ += "#### " + Code(section.path + ": " + variant.name) + "\n\n";
      if (!variant.summary.empty()) text_ += variant.summary + "\n\n";
      if (!variant.source.empty()) {
        text_ += "Source: " + variant.source + "\n\n";
      }
      WriteTable(variant.keys);
      WriteInner(variant.keys);
    }
    around_.pop_back();
  }

  std::string Take() { return std::move(text_); }

 private:
  // Whether a part around it offers the same kinds: they stand there.
  bool StandsInItself(const OpenedSection& section) const {
    return !section.variants.empty() &&
           std::any_of(around_.begin(), around_.end(), [&](const auto* outer) {
             return std::equal(
                 outer->variants.begin(),
                 outer->variants.end(),
                 section.variants.begin(),
                 section.variants.end(),
                 [](const KindVariant& left, const KindVariant& right) {
                   return left.name == right.name;
                 });
           });
  }

  void WriteKindList(const OpenedSection& section) {
    std::vector<std::string> names;
    for (const KindVariant& variant : section.variants) {
      names.push_back(variant.name);
    }
    text_ += Code("name") + ": " + CodeList(names) + "; ";
    text_ += section.kind_fallback ? "default " + Code(*section.kind_fallback)
                                   : std::string("required");
    text_ += ".\n\n";
  }

  void WriteTable(const std::vector<AskedKey>& keys) {
    if (keys.empty()) return;
    text_ += "| key | type | range | default | unit | meaning |\n";
    text_ += "|---|---|---|---|---|---|\n";
    for (const AskedKey& key : keys) {
      std::string range = FormatRangeOf(key);
      if (!key.choices.empty()) range = CodeList(key.choices);
      std::string meaning = key.help;
      if (!key.aliases.empty()) {
        if (!meaning.empty()) meaning += " ";
        meaning += "Also read as " + CodeList(key.aliases) + ".";
      }
      const std::string fallback = FormatFallback(state_, key);
      text_ +=
          "| " + Code(key.name) + " | " + FormatType(state_, key) + " | " +
          Cell(range) + " | " +
          Cell(fallback == "required" || fallback.empty() ? fallback
                                                          : Code(fallback)) +
          " | " + Cell(key.unit) + " | " + Cell(meaning) + " |\n";
    }
    text_ += "\n";
  }

  void WriteInner(const std::vector<AskedKey>& keys) {
    for (const AskedKey& key : keys) {
      if (key.sections.empty()) continue;
      WriteSection(state_.section(key.sections.front()), key.help);
    }
  }

  std::vector<const OpenedSection*> around_;
  const DocumentState& state_;
  std::string text_;
};

bool NoneIsRequired(const DocumentState& state,
                    const std::vector<AskedKey>& keys) {
  for (const AskedKey& key : keys) {
    if (!MayBeLeftOut(state, key)) return false;
  }
  return true;
}

}  // namespace

bool MayBeLeftOut(const DocumentState& state, const AskedKey& key) {
  if (key.type == KeyType::kSectionList || key.type == KeyType::kFlowLists) {
    return true;
  }
  if (key.type == KeyType::kSection) {
    return NeedsNoKeys(state, state.section(key.sections.front()));
  }
  return key.fallback.has_value() && AcceptsFallback(key);
}

bool KindNeedsNoKeys(const DocumentState& state,
                     const OpenedSection& section,
                     std::size_t variant) {
  return NoneIsRequired(state, section.keys) &&
         NoneIsRequired(state, section.variants[variant].keys);
}

bool NeedsNoKeys(const DocumentState& state, const OpenedSection& section) {
  if (!section.has_kind) return NoneIsRequired(state, section.keys);
  for (std::size_t i = 0; i < section.variants.size(); ++i) {
    if (section.variants[i].name == section.kind_fallback) {
      return KindNeedsNoKeys(state, section, i);
    }
  }
  return false;
}

std::string FormatFallback(const DocumentState& state, const AskedKey& key) {
  if (key.optional) return "";
  if (key.type == KeyType::kSection) {
    const OpenedSection& inner = state.section(key.sections.front());
    if (!inner.has_kind) return "{}";
    return inner.kind_fallback.value_or("required");
  }
  if (key.type == KeyType::kSectionList) return "[]";
  if (key.type == KeyType::kFlowLists) return "{}";
  if (!key.fallback) return "required";
  if (!key.is_list) return ToYaml(key.fallback->front());
  std::string text = "[";
  for (const Scalar& scalar : *key.fallback) {
    if (text.size() > 1) text += ", ";
    text += ToYaml(scalar);
  }
  return text + "]";
}

std::vector<KeyFacts> FactsOf(const DocumentState& state) {
  Collector collector(state);
  collector.Add(state.section(0), "");
  return collector.Take();
}

std::string MarkdownOf(const DocumentState& state) {
  MarkdownWriter writer(state);
  writer.WriteSection(state.section(0), "");
  return writer.Take();
}

}  // namespace fedtorch::config
