#pragma once

namespace fedtorch::record {

/// Describes where text for people is shown.
struct Terminal {
  bool interactive = false;  ///< a terminal that can redraw a line
  bool color = false;
  bool utf8 = false;
  int columns = 80;

  /// Looks at a file descriptor and at TERM, NO_COLOR, CLICOLOR_FORCE, LC_ALL,
  /// LC_CTYPE, LANG and COLUMNS. TERM=dumb is not interactive; NO_COLOR wins
  /// over CLICOLOR_FORCE, and empty variables count as unset.
  static Terminal Detect(int file);
};

}  // namespace fedtorch::record
