#pragma once

#include "fedtorch/record/terminal.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace fedtorch::record {

/// How progress is shown: kAuto = a bar on a terminal, plain lines elsewhere.
enum class ProgressMode { kAuto, kBar, kPlain, kNone };
/// Reads "auto", "bar", "plain" or "none"; nullopt for other words.
std::optional<ProgressMode> ParseProgressMode(std::string_view word);

/// Holds what is known after a round.
struct ProgressUpdate {
  std::int64_t round = 0;
  std::int64_t client_steps = 0;   ///< of this round, over all clients
  std::optional<double> loss;      ///< last known, training
  std::optional<double> accuracy;  ///< last known, share in [0, 1]
};

/// Shows the progress of a run: rounds, loss, accuracy, client steps a second
/// (mean since the start) and the time left at the mean pace of the rounds so
/// far. Never fails a run: errors of the stream are ignored.
/// Threads: one caller.
class Progress {
 public:
  struct Options {
    ProgressMode mode = ProgressMode::kAuto;
    Terminal terminal{};
    std::int64_t rounds = 0;       ///< number of the last round
    std::int64_t first_done = 0;   ///< rounds that were done before (resume)
    double plain_interval = 5.0;   ///< seconds between two plain lines
    double redraw_interval = 0.1;  ///< seconds between two drawings of the bar
  };
  /// `seconds` is a clock that never goes back; its zero is the start.
  Progress(std::ostream& out,
           const Options& options,
           std::function<double()> seconds);

  /// Tells that a round is done. The first and the last are always shown.
  void Update(const ProgressUpdate& update);
  /// Prints a line of text, above the bar where there is one. Also under
  /// kNone: whoever wants silence does not call it.
  void Note(std::string_view text);
  /// Shows the last update if it was not, and leaves the bar's line.
  void Finish();

 private:
  void Show(const ProgressUpdate& update, double now);
  void DrawBar(const ProgressUpdate& update, double now);
  std::string PlainLine(const ProgressUpdate& update, double now) const;
  std::optional<double> SecondsLeft(std::int64_t round, double now) const;
  std::optional<double> StepsPerSecond(double now) const;
  void EraseBar();

  std::ostream& out_;
  Options options_;
  std::function<double()> seconds_;
  double start_ = 0.0;
  double last_shown_ = 0.0;
  bool shown_any_ = false;
  bool pending_ = false;  // `last_` was not shown yet
  ProgressUpdate last_;
  std::int64_t client_steps_ = 0;
  std::size_t bar_width_ = 0;  // columns of the bar on the screen, 0 = none
};

/// Formats a duration for people: "0:07", "3:20", "2:05:09", "3d 04:00".
std::string DurationText(double seconds);
/// Formats a number with three digits: "7.31", "842", "12.3k", "4.56M".
std::string ShortNumber(double value);

}  // namespace fedtorch::record
