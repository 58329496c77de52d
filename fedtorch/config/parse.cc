#include "fedtorch/config/parse.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace fedtorch::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Builds values from the events of the parser. Events are used instead of
// YAML::Node because a node has lost the place of an alias, the difference
// between a word and a quoted number, and the order of repeated keys.
class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& text,
          std::string name,
          std::vector<core::Problem>* problems)
      : name_(std::move(name)), problems_(problems) {
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      lines_.push_back(line);
    }
    if (!lines_.empty() && lines_[0].starts_with(kByteOrderMark)) {
      lines_[0].erase(0, kByteOrderMark.size());
    }
  }

  Value TakeRoot() { return std::move(root_); }

  // Lines and columns of the parser count from 0, columns in bytes.
  core::Place PlaceOf(const YAML::Mark& mark) const {
    if (mark.is_null()) return {name_, 0, 0};
    const std::size_t line = static_cast<std::size_t>(mark.line);
    const std::size_t bytes = static_cast<std::size_t>(mark.column);
    std::size_t column = bytes;
    if (line < lines_.size()) {
      const std::string_view before =
          std::string_view(lines_[line]).substr(0, bytes);
      column -= static_cast<std::size_t>(
          std::count_if(before.begin(), before.end(), [](char c) {
            return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
          }));
    }
    return {name_, mark.line + 1, static_cast<int>(column) + 1};
  }

  // Says where the brackets or braces begin in which the parser gave up.
  std::string Advice() const {
    for (const Frame& frame : stack_) {
      if (!frame.is_flow || frame.value.place.line == 0) continue;
      const core::Place& place = frame.value.place;
      const bool is_list = frame.value.type == Value::Type::kList;
      std::string text = is_list ? "; inside the list that '[' opens at line "
                                 : "; inside the mapping that '{' opens at "
                                   "line ";
      text += std::to_string(place.line) + ", column " +
              std::to_string(place.column);
      const std::string& line =
          lines_[static_cast<std::size_t>(place.line - 1)];
      if (line.find("${") != std::string::npos) {
        text += ", where ${...} needs quotes";
      }
      return text;
    }
    return "";
  }

  const core::Place& start() const { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    start_ = PlaceOf(mark);
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Value value;
    value.place = PlaceOf(mark);
    Finish(std::move(value), anchor, !IsWrittenNull(mark));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      Report(PlaceOf(mark), "an alias cannot stand inside its own anchor");
      Value broken;
      broken.broken = true;
      Finish(std::move(broken), 0, true);
      return;
    }
    Value value = found->second;
    CountValues(value.Count(), mark);
    if (value.Depth() > kDeepestCopy) {
      throw core::ConfigError({core::Problem{
          PlaceOf(mark),
          "",
          "an alias of more than " + std::to_string(kDeepestCopy) + " levels",
          ""}});
    }
    value.place = PlaceOf(mark);
    Finish(std::move(value), 0, true);
  }

  void OnScalar(const YAML::Mark& mark,
                const std::string& tag,
                YAML::anchor_t anchor,
                const std::string& text) override {
    CountValues(1, mark);
    Value value = Value::Scalar(text, tag == "!", PlaceOf(mark));
    value.broken = !IsPlainTag(mark, tag);
    Finish(std::move(value), anchor, false);
  }

  void OnSequenceStart(const YAML::Mark& mark,
                       const std::string& tag,
                       YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    Begin(Value::Type::kList, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { End(); }
  void OnMapStart(const YAML::Mark& mark,
                  const std::string& tag,
                  YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    Begin(Value::Type::kMapping, mark, tag, anchor, style);
  }
  void OnMapEnd() override { End(); }

 private:
  // A list or mapping that is not complete yet.
  struct Frame {
    Value value;
    YAML::anchor_t anchor = 0;
    bool is_flow = false;        // in brackets or braces
    bool expects_value = false;  // of a mapping: its key was read
    bool drops_value = false;    // that key was refused
    std::string key;
    core::Place key_place;
  };

  void Begin(Value::Type type,
             const YAML::Mark& mark,
             const std::string& tag,
             YAML::anchor_t anchor,
             YAML::EmitterStyle::value style) {
    CountValues(1, mark);
    Frame frame;
    frame.value.broken = !IsPlainTag(mark, tag);
    frame.value.type = type;
    frame.value.place = PlaceOf(mark);
    frame.anchor = anchor;
    frame.is_flow = style == YAML::EmitterStyle::Flow;
    stack_.push_back(std::move(frame));
  }

  void End() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    Finish(std::move(frame.value), frame.anchor, true);
  }

  // Hands a complete value to the list or mapping around it.
  void Finish(Value value, YAML::anchor_t anchor, bool takes_place_of_key) {
    if (anchor != 0) anchors_[anchor] = value;
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.value.type == Value::Type::kList) {
      frame.value.items.push_back(std::move(value));
      return;
    }
    if (!frame.expects_value) {
      TakeKey(frame, value);
      return;
    }
    frame.expects_value = false;
    if (frame.drops_value) return;
    if (takes_place_of_key) value.place = frame.key_place;
    frame.value.entries.push_back(
        {std::move(frame.key), frame.key_place, std::move(value)});
  }

  void TakeKey(Frame& frame, const Value& key) {
    const bool is_word =
        key.type == Value::Type::kScalar && !key.broken && !key.text.empty();
    bool is_good = false;
    if (!is_word) {
      if (!key.broken) {
        Report(key.place, "a key must be a word, got " + key.Describe());
      }
    } else if (key.text == "<<" && !key.quoted) {
      Report(key.place,
             "merge keys ('<<') are not supported; write the keys out, or "
             "move them into a file that 'defaults' names");
    } else if (const Value::Entry* first = frame.value.Find(key.text)) {
      Report(key.place,
             "key '" + key.text + "' given twice; first given at " + "line " +
                 std::to_string(first->place.line));
    } else {
      is_good = true;
    }
    frame.expects_value = true;
    frame.drops_value = !is_good;
    frame.key = is_word ? key.text : "?";
    frame.key_place = key.place;
  }

  // Reports a tag that somebody wrote.
  bool IsPlainTag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return true;
    Report(PlaceOf(mark),
           "tags are not supported, got '" + tag +
               "'; remove it, and write text in quotes");
    return false;
  }

  void CountValues(std::size_t count, const YAML::Mark& mark) {
    count_ += count;
    if (count_ <= kMostValues) return;
    throw core::ConfigError({core::Problem{PlaceOf(mark),
                                           "",
                                           "the file expands to more than " +
                                               std::to_string(kMostValues) +
                                               " values; use fewer aliases",
                                           ""}});
  }

  // Reports at the dotted path of the value that is being read, or at that of
  // the mapping whose key is being read.
  void Report(core::Place place, std::string message) {
    std::string path;
    for (std::size_t i = 0; i < stack_.size(); ++i) {
      const Frame& frame = stack_[i];
      if (frame.value.type == Value::Type::kList) {
        path = JoinPath(path, std::to_string(frame.value.items.size()));
      } else if (frame.expects_value) {
        path = JoinPath(path, frame.key);
      }
    }
    problems_->push_back(
        {std::move(place), ShownPath(path), std::move(message), ""});
  }

  // The parser gives an empty value the place of whatever follows it.
  bool IsWrittenNull(const YAML::Mark& mark) const {
    const std::size_t line = static_cast<std::size_t>(mark.line);
    const std::size_t column = static_cast<std::size_t>(mark.column);
    if (mark.is_null() || line >= lines_.size()) return false;
    if (column >= lines_[line].size()) return false;
    const std::string_view rest = std::string_view(lines_[line]).substr(column);
    return rest.starts_with('~') || rest.starts_with("null") ||
           rest.starts_with("Null") || rest.starts_with("NULL");
  }

  std::string name_;
  std::vector<std::string> lines_;
  std::vector<core::Problem>* problems_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, Value> anchors_;
  std::size_t count_ = 0;
  core::Place start_;
  Value root_;
};

void CheckUtf8(const std::string& text, const std::string& name) {
  const std::size_t bad = FindInvalidUtf8(text);
  if (bad == std::string::npos) return;
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(bad);
  const int line = static_cast<int>(std::count(text.begin(), end, '\n')) + 1;
  throw core::ConfigError({core::Problem{
      {name, line, 0},
      "",
      "expected UTF-8 text, found a byte that is not; save the file as UTF-8",
      ""}});
}

void SetPlaces(Value& value, const core::Place& place) {
  value.place = place;
  for (Value& item : value.items) SetPlaces(item, place);
  for (Value::Entry& entry : value.entries) {
    entry.place = place;
    SetPlaces(entry.value, place);
  }
}

}  // namespace

std::size_t FindInvalidUtf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    std::size_t length = 0;
    if (lead == 0) return at;
    if (lead < 0x80) length = 1;
    if (lead >= 0xC2 && lead < 0xE0) length = 2;
    if (lead >= 0xE0 && lead < 0xF0) length = 3;
    if (lead >= 0xF0 && lead < 0xF5) length = 4;
    if (length == 0 || at + length > text.size()) return at;
    for (std::size_t i = 1; i < length; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xC0) != 0x80) return at;
    }
    // Overlong forms, surrogates and what lies beyond U+10FFFF.
    const auto second =
        length > 1 ? static_cast<unsigned char>(text[at + 1]) : 0;
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return at;
    }
    at += length;
  }
  return std::string_view::npos;
}

Value ParseYaml(const std::string& text,
                const std::string& name,
                std::vector<core::Problem>* problems) {
  CheckUtf8(text, name);
  Builder builder(text, name, problems);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return Value();
    Value root = builder.TakeRoot();
    Builder rest(text, name, problems);
    if (parser.HandleNextDocument(rest)) {
      throw core::ConfigError({core::Problem{
          rest.start(),
          "",
          "expected the end of the file; a file holds one YAML document, whose "
          "keys begin in the same column",
          ""}});
    }
    return root;
  } catch (const YAML::Exception& error) {
    throw core::ConfigError(
        {core::Problem{builder.PlaceOf(error.mark),
                       "",
                       "not YAML: " + error.msg + builder.Advice(),
                       ""}});
  }
}

Value ParseFlowValue(const std::string& text,
                     const core::Place& place,
                     std::vector<core::Problem>* problems) {
  const auto fail = [&](const std::string& message) {
    throw core::ConfigError({core::Problem{place, "", message, ""}});
  };
  // Brackets around the value make the parser read flow syntax only.
  Value list;
  std::vector<core::Problem> found;
  try {
    list = ParseYaml("[" + text + "]", place.file, &found);
  } catch (const core::ConfigError&) {
    fail("the value '" + text +
         "' is not YAML in flow syntax; quote text with special characters");
  }
  if (list.type != Value::Type::kList || list.items.size() != 1) {
    fail("expected one value, got '" + text +
         "'; write a list as [a, b] and empty text as ''");
  }
  for (core::Problem& problem : found) {
    problem.place = place;
    problems->push_back(std::move(problem));
  }
  Value value = std::move(list.items.front());
  SetPlaces(value, place);
  return value;
}

}  // namespace fedtorch::config
