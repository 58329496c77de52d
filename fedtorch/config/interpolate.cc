#include "fedtorch/config/interpolate.h"

#include "fedtorch/config/parse.h"

#include <cstdlib>
#include <set>
#include <utility>

namespace fedtorch::config {
namespace {

// Longer text comes from references that double each other.
constexpr std::size_t kMostBytes = 1u << 20;
constexpr std::size_t kLongestChain = 200;
// Each level of a value that a reference leads into is a call on the stack.
constexpr std::size_t kMostLevelsEntered = 1000;

std::string Trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// A scalar cut at its references.
struct Piece {
  bool is_reference = false;
  std::string text;  // without ${ and }
};

// Returns what is wrong, or "".
std::string Cut(const std::string& text, std::vector<Piece>* pieces) {
  std::string plain;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t run_end = text.find_first_not_of('$', at);
    const std::size_t dollars =
        (run_end == std::string::npos ? text.size() : run_end) - at;
    const bool before_brace =
        dollars > 0 && run_end != std::string::npos && text[run_end] == '{';
    if (!before_brace) {
      plain.append(text, at, dollars == 0 ? 1 : dollars);
      at += dollars == 0 ? 1 : dollars;
      continue;
    }
    if (dollars > 1) {  // one dollar says that the others are text
      plain.append(dollars - 1, '$');
      plain += '{';
      at = run_end + 1;
      continue;
    }
    const std::size_t close = text.find('}', run_end);
    if (close == std::string::npos) {
      return "'${' without '}'; write $${ for the text itself";
    }
    const std::string inner = text.substr(run_end + 1, close - run_end - 1);
    if (inner.find("${") != std::string::npos) {
      return "a reference cannot hold another one: '${" + inner + "}'";
    }
    if (!plain.empty()) pieces->push_back({false, std::move(plain)});
    plain.clear();
    pieces->push_back({true, Trimmed(inner)});
    at = close + 1;
  }
  if (!plain.empty()) pieces->push_back({false, std::move(plain)});
  return "";
}

class Interpolator {
 public:
  Interpolator(Value& root, std::vector<core::Problem>* problems)
      : root_(root), problems_(problems), count_(root.Count()) {}

  void Resolve(Value& value, const std::string& path) {
    if (value.type == Value::Type::kScalar) {
      ResolveScalar(value, path);
      return;
    }
    if (done_.contains(&value)) return;
    if (levels_entered_ == kMostLevelsEntered) {
      Break(value,
            path,
            "references lead through more than " +
                std::to_string(kMostLevelsEntered) + " levels");
      return;
    }
    ++levels_entered_;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      Resolve(value.items[i], JoinPath(path, std::to_string(i)));
    }
    for (Value::Entry& entry : value.entries) {
      Resolve(entry.value, JoinPath(path, entry.key));
    }
    --levels_entered_;
  }

 private:
  void ResolveScalar(Value& value, const std::string& path) {
    if (value.text.find("${") == std::string::npos || done_.contains(&value)) {
      return;
    }
    if (!active_.insert(&value).second) {
      Break(value, path, "refers to itself in a circle: '" + value.text + "'");
      return;
    }
    if (active_.size() > kLongestChain) {
      Break(value,
            path,
            "a chain of more than " + std::to_string(kLongestChain) +
                " references");
      active_.erase(&value);
      return;
    }
    std::vector<Piece> pieces;
    const std::string error = Cut(value.text, &pieces);
    if (!error.empty()) {
      Break(value, path, error);
    } else if (pieces.size() == 1 && pieces[0].is_reference) {
      Replace(value, path, pieces[0].text);
    } else {
      Splice(value, path, pieces);
    }
    active_.erase(&value);
    MarkDone(value);
  }

  void Replace(Value& value,
               const std::string& path,
               const std::string& reference) {
    Value copy;
    if (!LookUp(value, path, reference, &copy)) return;
    count_ += copy.Count();
    if (count_ > kMostValues) {
      count_ -= copy.Count();
      Break(value,
            path,
            "'" + value.text + "' expands to more than " +
                std::to_string(kMostValues) + " values");
      return;
    }
    if (copy.Depth() > kDeepestCopy) {
      Break(value,
            path,
            "'" + value.text + "' refers to more than " +
                std::to_string(kDeepestCopy) + " levels");
      return;
    }
    copy.place = value.place;
    value = std::move(copy);
  }

  void Splice(Value& value,
              const std::string& path,
              const std::vector<Piece>& pieces) {
    std::string text;
    for (const Piece& piece : pieces) {
      if (!piece.is_reference) {
        text += piece.text;
        continue;
      }
      Value part;
      if (!LookUp(value, path, piece.text, &part)) return;
      if (part.type != Value::Type::kScalar) {
        Break(value,
              path,
              "'${" + piece.text + "}' is " + part.Describe() +
                  ", which cannot be put into text");
        return;
      }
      text += part.text;
      if (text.size() > kMostBytes) {
        Break(value, path, "the references expand to more than 1 MiB of text");
        return;
      }
    }
    value.text = std::move(text);
    value.quoted = true;
  }

  // Finds what a reference stands for; false after a problem.
  bool LookUp(Value& user,
              const std::string& path,
              const std::string& reference,
              Value* found) {
    if (reference.starts_with("env:")) {
      return LookUpEnvironment(user, path, reference, found);
    }
    const std::vector<std::string> steps = SplitPath(reference);
    if (steps.empty()) {
      Break(user,
            path,
            "expected a path such as ${client.batch_size}, got "
            "'${" +
                reference + "}'");
      return false;
    }
    Value* target = &root_;
    std::string target_path;
    for (const std::string& step : steps) {
      if (target->type == Value::Type::kScalar) Resolve(*target, target_path);
      target = target->Step(step);
      target_path = JoinPath(target_path, step);
      if (target == nullptr) {
        Break(user,
              path,
              "'${" + reference +
                  "}' refers to a key that is not "
                  "given; give '" +
                  reference + "' a value");
        return false;
      }
    }
    Resolve(*target, target_path);
    if (target->HasBroken()) {
      Break(user,
            path,
            active_.contains(target) || user.broken
                ? "refers to itself in a circle: '" + user.text + "'"
                : "'${" + reference +
                      "}' has no value, because "
                      "of another problem");
      return false;
    }
    *found = *target;
    return true;
  }

  bool LookUpEnvironment(Value& user,
                         const std::string& path,
                         const std::string& reference,
                         Value* found) {
    const std::string inner = reference.substr(4);
    const std::size_t comma = inner.find(',');
    const std::string name = Trimmed(inner.substr(0, comma));
    if (name.empty()) {
      Break(user,
            path,
            "expected ${env:NAME} or ${env:NAME,default}, got "
            "'${" +
                reference + "}'");
      return false;
    }
    std::string text;
    if (const char* content = std::getenv(name.c_str())) {
      text = content;
    } else if (comma != std::string::npos) {
      text = Trimmed(inner.substr(comma + 1));
    } else {
      Break(user,
            path,
            "the environment variable '" + name +
                "' is not set; "
                "set it or write ${env:" +
                name + ",default}");
      return false;
    }
    if (FindInvalidUtf8(text) != std::string::npos) {
      Break(user,
            path,
            "the environment variable '" + name + "' is not UTF-8 text");
      return false;
    }
    *found = Value::Scalar(std::move(text), false, user.place);
    found->untyped = true;
    return true;
  }

  void Break(Value& value,
             const std::string& path,
             const std::string& message) {
    if (!value.broken) problems_->push_back({value.place, path, message, ""});
    value.broken = true;
  }

  void MarkDone(const Value& value) {
    done_.insert(&value);
    for (const Value& item : value.items) MarkDone(item);
    for (const Value::Entry& entry : value.entries) MarkDone(entry.value);
  }

  Value& root_;
  std::vector<core::Problem>* problems_;
  std::size_t count_;
  std::size_t levels_entered_ = 0;
  std::set<const Value*> active_;
  std::set<const Value*> done_;
};

}  // namespace

void Interpolate(Value& root, std::vector<core::Problem>* problems) {
  Interpolator(root, problems).Resolve(root, "");
}

}  // namespace fedtorch::config
