#include "fedtorch/study/axis.h"

#include "fedtorch/config/scalar.h"

#include <array>
#include <charconv>
#include <cmath>

namespace fedtorch::study {
namespace {

// More trials than that are a slip of the keyboard.
constexpr std::size_t kMostTrials = 100'000;
constexpr std::string_view kRange = "range(";
constexpr int kDigits = 12;  // 0.1 * 3 is 0.3 then

std::string Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return "";
  return std::string(
      text.substr(first, text.find_last_not_of(' ') - first + 1));
}

bool IsRange(std::string_view text) {
  return text.starts_with(kRange) && text.ends_with(')');
}

[[noreturn]] void FailRange(std::string_view text, const std::string& what) {
  throw core::ConfigError(what + ", found '" + std::string(text) + "'");
}

std::string NumberText(double value) {
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(),
                                    buffer.data() + buffer.size(),
                                    value,
                                    std::chars_format::general,
                                    kDigits);
  return std::string(buffer.data(), result.ptr);
}

}  // namespace

std::vector<std::string> SplitValues(std::string_view text) {
  std::vector<std::string> parts;
  std::string closers;  // what must close, innermost last
  char quote = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\' && quote == '"') ++i;
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{' || c == '(') {
      closers += c == '[' ? ']' : c == '{' ? '}' : ')';
    } else if (!closers.empty() && c == closers.back()) {
      closers.pop_back();
    } else if (c == ',' && closers.empty()) {
      parts.push_back(Trimmed(text.substr(start, i - start)));
      start = i + 1;
    }
  }
  if (quote != 0 || !closers.empty()) {
    throw core::ConfigError(std::string("expected '") +
                            (quote != 0 ? quote : closers.back()) +
                            "' before the end of '" + std::string(text) + "'");
  }
  parts.push_back(Trimmed(text.substr(start)));
  return parts;
}

std::vector<std::string> RangeValues(std::string_view text) {
  if (!IsRange(text)) FailRange(text, "expected range(start,stop[,step])");
  const std::vector<std::string> words =
      SplitValues(text.substr(kRange.size(), text.size() - kRange.size() - 1));
  if (words.size() > 3) FailRange(text, "expected range(start,stop[,step])");
  std::vector<double> numbers;
  bool whole = true;
  for (const std::string& word : words) {
    const auto number = config::ParseReal(word);
    if (!number) FailRange(text, "expected numbers in range(...)");
    whole = whole && config::ParseInteger(word).has_value();
    numbers.push_back(*number);
  }
  const double start = numbers.size() == 1 ? 0.0 : numbers[0];
  const double stop = numbers.size() == 1 ? numbers[0] : numbers[1];
  const double step = numbers.size() == 3 ? numbers[2] : 1.0;
  if (step == 0.0) FailRange(text, "expected a step that is not 0");
  // 0.3 / 0.1 is a little less than 3; the last value must not be `stop`.
  const double count = std::ceil((stop - start) / step - 1e-9);
  if (!(count >= 1.0)) FailRange(text, "expected a range with a value in it");
  if (count > static_cast<double>(kMostTrials)) {
    FailRange(text, "expected at most 100000 values");
  }
  std::vector<std::string> values;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(count); ++i) {
    const double value = start + static_cast<double>(i) * step;
    values.push_back(whole ? std::to_string(std::llround(value))
                           : NumberText(value));
  }
  return values;
}

core::Place PlaceOfWord(const std::string& word, std::size_t number) {
  return {"command line, word #" + std::to_string(number) + ": " + word, 0, 0};
}

std::optional<Axis> AxisOfWord(const std::string& word, std::size_t number) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || word[0] == '~') return std::nullopt;
  const std::string value = Trimmed(word.substr(equals + 1));
  const core::Place place = PlaceOfWord(word, number);
  try {
    std::vector<std::string> texts;
    if (IsRange(value)) {
      texts = RangeValues(value);
    } else {
      texts = SplitValues(value);
      if (texts.size() < 2) return std::nullopt;
    }
    Axis axis;
    axis.key = word.substr(0, equals);
    if (axis.key.starts_with('+')) axis.key.erase(0, 1);
    for (const std::string& text : texts) {
      if (text.empty()) {
        throw core::ConfigError("expected a value between the commas, found '" +
                                value + "'");
      }
      axis.values.push_back({text, place, ""});
    }
    return axis;
  } catch (const core::ConfigError& error) {
    core::Problem problem = error.problems().front();
    problem.place = place;
    throw core::ConfigError({problem});
  }
}

std::vector<std::vector<std::size_t>> Product(const std::vector<Axis>& axes) {
  std::size_t count = 1;
  for (const Axis& axis : axes) {
    count *= axis.values.size();
    if (count > kMostTrials) {
      throw core::ConfigError(
          "expected at most 100000 trials; the axes of the sweep make more");
    }
  }
  std::vector<std::vector<std::size_t>> all;
  std::vector<std::size_t> at(axes.size(), 0);
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(at);
    for (std::size_t axis = axes.size(); axis-- > 0;) {
      if (++at[axis] < axes[axis].values.size()) break;
      at[axis] = 0;
    }
  }
  return all;
}

}  // namespace fedtorch::study
