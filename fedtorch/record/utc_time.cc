#include "fedtorch/record/utc_time.h"

#include "fedtorch/core/errors.h"

#include <array>
#include <ctime>

namespace fedtorch::record {
namespace {

std::string Format(std::int64_t unix_seconds, const char* format) {
  const std::time_t time = static_cast<std::time_t>(unix_seconds);
  std::tm parts{};
  FEDTORCH_CHECK(::gmtime_r(&time, &parts) != nullptr, "no such time");
  std::array<char, 64> buffer{};
  const std::size_t size =
      std::strftime(buffer.data(), buffer.size(), format, &parts);
  return std::string(buffer.data(), size);
}

}  // namespace

std::int64_t UnixSeconds() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

std::string UtcText(std::int64_t unix_seconds) {
  return Format(unix_seconds, "%Y-%m-%dT%H:%M:%SZ");
}

std::string UtcStamp(std::int64_t unix_seconds) {
  return Format(unix_seconds, "%Y%m%dT%H%M%S");
}

}  // namespace fedtorch::record
