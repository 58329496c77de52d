#include "fedtorch/data/leaf_file.h"

#include "fedtorch/data/characters.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <utility>

namespace fedtorch::data {
namespace {

using Json = nlohmann::json;

const Json& Member(const ByteFile& file,
                   const Json& object,
                   const std::string& where,
                   const char* name,
                   Json::value_t type) {
  const auto found = object.find(name);
  if (found == object.end() || found->type() != type) {
    ThrowDataError(file.path,
                   where + "expected a member '" + name + "' of type " +
                       Json(type).type_name() + ", found " +
                       (found == object.end() ? "none" : found->type_name()));
  }
  return *found;
}

/// Reads x and y of one user.
class UserReader {
 public:
  UserReader(const ByteFile& file, LeafFormat* format, LeafUser* user)
      : file_(file), format_(format), user_(user) {}

  void Read(const Json& x, const Json& y) {
    if (x.size() != y.size()) {
      Fail("expected as many labels y as samples x (" +
           std::to_string(x.size()) + "), found " + std::to_string(y.size()));
    }
    user_->samples = static_cast<std::int64_t>(x.size());
    for (; index_ < x.size(); ++index_) {
      if (format_->text) {
        ReadText(x[index_], y[index_]);
      } else {
        ReadNumbers(x[index_], y[index_]);
      }
    }
  }

 private:
  [[noreturn]] void Fail(const std::string& message) const {
    ThrowDataError(file_.path, "user " + Quoted(user_->name) + ": " + message);
  }
  [[noreturn]] void FailSample(const std::string& message) const {
    Fail("sample " + std::to_string(index_) + ": " + message);
  }

  void CheckWidth(std::size_t found, const char* unit) {
    if (!format_->width) format_->width = static_cast<std::int64_t>(found);
    if (found == 0 || static_cast<std::int64_t>(found) != *format_->width) {
      FailSample("expected " + std::to_string(*format_->width) + " " + unit +
                 ", found " + std::to_string(found));
    }
  }

  void ReadText(const Json& x, const Json& y) {
    if (!x.is_string() || !y.is_string()) {
      FailSample(std::string("expected texts x and y, found ") + x.type_name() +
                 " and " + y.type_name() +
                 "; for numbers choose features: numeric");
    }
    user_->texts.push_back(DecodeUtf8(x.get_ref<const std::string&>()));
    CheckWidth(user_->texts.back().size(), "characters");
    const std::u32string next = DecodeUtf8(y.get_ref<const std::string&>());
    if (next.size() != 1) {
      FailSample("expected one character y, found " +
                 std::to_string(next.size()));
    }
    user_->next += next;
  }

  void ReadNumbers(const Json& x, const Json& y) {
    if (!x.is_array()) {
      FailSample(std::string("expected a list of numbers x, found ") +
                 x.type_name() + "; for texts choose features: text");
    }
    CheckWidth(x.size(), "features");
    for (const Json& value : x) {
      const double number = value.is_number()
                                ? value.get<double>()
                                : std::numeric_limits<double>::quiet_NaN();
      if (!(std::fabs(number) <= std::numeric_limits<float>::max())) {
        FailSample(std::string("expected finite numbers, found ") +
                   value.dump(-1, ' ', true, Json::error_handler_t::replace)
                       .substr(0, 40));
      }
      user_->features.push_back(static_cast<float>(number));
    }
    constexpr double kMost = 2147483647.0;
    const double label = y.is_number()
                             ? y.get<double>()
                             : std::numeric_limits<double>::quiet_NaN();
    const double limit = format_->num_classes
                             ? static_cast<double>(*format_->num_classes) - 1
                             : kMost;
    if (!(label >= 0.0 && label <= limit && std::floor(label) == label)) {
      FailSample(
          "expected a class from 0 to " +
          std::to_string(static_cast<std::int64_t>(limit)) + ", found " +
          y.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 40));
    }
    user_->labels.push_back(static_cast<std::int64_t>(label));
  }

  const ByteFile& file_;
  LeafFormat* format_;
  LeafUser* user_;
  std::size_t index_ = 0;
};

Json ParseJson(const ByteFile& file) {
  if (file.bytes.empty()) ThrowDataError(file.path, "the file is empty");
  try {
    return Json::parse(file.bytes);
  } catch (const Json::parse_error& error) {
    ThrowDataErrorAtByte(
        file.path,
        error.byte > 0 ? error.byte - 1 : 0,
        std::string("expected JSON, found an error: ") + error.what());
  } catch (const Json::exception& error) {
    ThrowDataError(
        file.path,
        std::string("expected JSON, found an error: ") + error.what());
  }
}

}  // namespace

void VisitLeafUsers(const ByteFile& file,
                    LeafFormat* format,
                    const std::function<void(LeafUser)>& visit) {
  const Json root = ParseJson(file);
  if (!root.is_object()) {
    ThrowDataError(file.path,
                   std::string("expected a JSON object with users, "
                               "num_samples and user_data, found ") +
                       root.type_name());
  }
  const Json& users = Member(file, root, "", "users", Json::value_t::array);
  const Json& counts =
      Member(file, root, "", "num_samples", Json::value_t::array);
  const Json& data = Member(file, root, "", "user_data", Json::value_t::object);
  if (counts.size() != users.size() || data.size() != users.size()) {
    ThrowDataError(file.path,
                   "expected as many entries of num_samples and user_data as "
                   "users (" +
                       std::to_string(users.size()) + "), found " +
                       std::to_string(counts.size()) + " and " +
                       std::to_string(data.size()));
  }
  for (std::size_t i = 0; i < users.size(); ++i) {
    if (!users[i].is_string()) {
      ThrowDataError(file.path,
                     "users: entry " + std::to_string(i) +
                         ": expected a text, found " + users[i].type_name());
    }
    LeafUser user;
    user.name = users[i].get<std::string>();
    const std::string where = "user " + Quoted(user.name) + ": ";
    const auto found = data.find(user.name);
    if (found == data.end() || !found->is_object()) {
      ThrowDataError(file.path,
                     where + "expected an object in user_data, found none");
    }
    UserReader(file, format, &user)
        .Read(Member(file, *found, where, "x", Json::value_t::array),
              Member(file, *found, where, "y", Json::value_t::array));
    if (!counts[i].is_number_integer() ||
        counts[i].get<std::int64_t>() != user.samples) {
      ThrowDataError(
          file.path,
          where + "expected " +
              counts[i]
                  .dump(-1, ' ', true, Json::error_handler_t::replace)
                  .substr(0, 40) +
              " samples (num_samples), found " + std::to_string(user.samples));
    }
    visit(std::move(user));
  }
}

}  // namespace fedtorch::data
