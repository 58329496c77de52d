#include "fedtorch/record/progress.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

namespace fedtorch::record {
namespace {

constexpr std::int64_t kWidestBar = 30;
constexpr std::int64_t kNarrowestBar = 5;
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kPlainColor = "\x1b[0m";

// Numbers of any locale would read "0,7"; to_chars knows none.
std::string Fixed(double value, int digits) {
  std::array<char, 400> buffer{};  // 309 digits before the point, at most
  const auto result = std::to_chars(buffer.data(),
                                    buffer.data() + buffer.size(),
                                    value,
                                    std::chars_format::fixed,
                                    digits);
  return std::string(buffer.data(), result.ptr);
}

std::string Digits3(double value) {
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(),
                                    buffer.data() + buffer.size(),
                                    value,
                                    std::chars_format::general,
                                    3);
  return std::string(buffer.data(), result.ptr);
}

std::string TwoDigits(std::int64_t value) {
  return (value < 10 ? "0" : "") + std::to_string(value);
}

}  // namespace

std::optional<ProgressMode> ParseProgressMode(std::string_view word) {
  if (word == "auto") return ProgressMode::kAuto;
  if (word == "bar") return ProgressMode::kBar;
  if (word == "plain") return ProgressMode::kPlain;
  if (word == "none") return ProgressMode::kNone;
  return std::nullopt;
}

std::string DurationText(double seconds) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  // Beyond a thousand days the digits say nothing.
  if (!(seconds < 1000.0 * kDay)) return ">999d";
  const auto total = static_cast<std::int64_t>(std::max(seconds, 0.0) + 0.5);
  const std::int64_t minutes = total % kHour / kMinute;
  if (total >= kDay) {
    return std::to_string(total / kDay) + "d " +
           TwoDigits(total % kDay / kHour) + ":" + TwoDigits(minutes);
  }
  const std::string tail = ":" + TwoDigits(total % kMinute);
  if (total >= kHour) {
    return std::to_string(total / kHour) + ":" + TwoDigits(minutes) + tail;
  }
  return std::to_string(minutes) + tail;
}

std::string ShortNumber(double value) {
  constexpr std::array<std::string_view, 5> kUnits{"", "k", "M", "G", "T"};
  std::size_t unit = 0;
  // 999.5 would be rounded to 1e+03 by three digits.
  while (std::fabs(value) >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000.0;
    ++unit;
  }
  return Digits3(value) + std::string(kUnits[unit]);
}

Progress::Progress(std::ostream& out,
                   const Options& options,
                   std::function<double()> seconds)
    : out_(out), options_(options), seconds_(std::move(seconds)) {
  if (options_.mode == ProgressMode::kAuto) {
    options_.mode = options_.terminal.interactive ? ProgressMode::kBar
                                                  : ProgressMode::kPlain;
  }
  start_ = seconds_();
}

void Progress::Update(const ProgressUpdate& update) {
  last_ = update;
  client_steps_ += update.client_steps;
  pending_ = true;
  if (options_.mode == ProgressMode::kNone) return;
  const double now = seconds_();
  const double interval = options_.mode == ProgressMode::kBar
                              ? options_.redraw_interval
                              : options_.plain_interval;
  if (shown_any_ && update.round < options_.rounds &&
      now - last_shown_ < interval) {
    return;
  }
  Show(update, now);
}

void Progress::Show(const ProgressUpdate& update, double now) {
  if (options_.mode == ProgressMode::kBar) {
    DrawBar(update, now);
  } else {
    out_ << PlainLine(update, now) << '\n';
  }
  out_.flush();
  last_shown_ = now;
  shown_any_ = true;
  pending_ = false;
}

std::optional<double> Progress::SecondsLeft(std::int64_t round,
                                            double now) const {
  const std::int64_t done = round - options_.first_done;
  if (done <= 0 || round > options_.rounds) return std::nullopt;
  return (now - start_) / static_cast<double>(done) *
         static_cast<double>(options_.rounds - round);
}

std::optional<double> Progress::StepsPerSecond(double now) const {
  if (!(now > start_) || client_steps_ == 0) return std::nullopt;
  return static_cast<double>(client_steps_) / (now - start_);
}

std::string Progress::PlainLine(const ProgressUpdate& update,
                                double now) const {
  std::string text = "round " + std::to_string(update.round) + "/" +
                     std::to_string(options_.rounds) + ":";
  if (update.loss) text += " loss " + Fixed(*update.loss, 4) + ",";
  if (update.accuracy) text += " accuracy " + Fixed(*update.accuracy, 4) + ",";
  if (const auto rate = StepsPerSecond(now)) {
    text += " " + ShortNumber(*rate) + " client-steps/s,";
  }
  text += " " + DurationText(now - start_) + " elapsed";
  if (const auto left = SecondsLeft(update.round, now)) {
    text += ", " + DurationText(*left) + " left";
  }
  return text;
}

void Progress::DrawBar(const ProgressUpdate& update, double now) {
  std::string facts =
      std::to_string(update.round) + "/" + std::to_string(options_.rounds);
  if (update.loss) facts += "  loss " + Fixed(*update.loss, 4);
  if (update.accuracy) facts += "  accuracy " + Fixed(*update.accuracy, 4);
  if (const auto rate = StepsPerSecond(now)) {
    facts += "  " + ShortNumber(*rate) + " client-steps/s";
  }
  if (const auto left = SecondsLeft(update.round, now)) {
    facts += "  " + DurationText(*left) + " left";
  }
  // The last column stays free: some terminals wrap when it is written.
  const std::int64_t room = std::max(options_.terminal.columns - 1, 1);
  if (static_cast<std::int64_t>(facts.size()) > room) {
    facts.resize(static_cast<std::size_t>(room));
  }
  std::string text = "\r";
  std::size_t width = facts.size();
  const std::int64_t cells =
      std::min(room - static_cast<std::int64_t>(facts.size()) - 3, kWidestBar);
  if (cells >= kNarrowestBar && options_.rounds > 0) {
    const std::int64_t full =
        std::clamp<std::int64_t>(update.round, 0, options_.rounds) * cells /
        options_.rounds;
    const bool utf8 = options_.terminal.utf8;
    text += '[';
    if (options_.terminal.color) text += kGreen;
    for (std::int64_t i = 0; i < cells; ++i) {
      if (options_.terminal.color && i == full) text += kPlainColor;
      text += i < full ? (utf8 ? "\u2588" : "#") : (utf8 ? "\u2591" : ".");
    }
    if (options_.terminal.color && full == cells) text += kPlainColor;
    text += "] ";
    width += static_cast<std::size_t>(cells) + 3;
  }
  text += facts;
  // What a longer line left behind is painted over.
  if (width < bar_width_) text.append(bar_width_ - width, ' ');
  bar_width_ = width;
  out_ << text;
}

void Progress::EraseBar() {
  if (bar_width_ == 0) return;
  out_ << '\r' << std::string(bar_width_, ' ') << '\r';
  bar_width_ = 0;
}

void Progress::Note(std::string_view text) {
  EraseBar();
  out_ << text << '\n';
  if (options_.mode == ProgressMode::kBar && shown_any_) {
    Show(last_, seconds_());
  }
  out_.flush();
}

void Progress::Finish() {
  if (options_.mode == ProgressMode::kNone) return;
  if (pending_) Show(last_, seconds_());
  if (bar_width_ > 0) out_ << '\n';
  bar_width_ = 0;
  out_.flush();
}

}  // namespace fedtorch::record
