#include "fedtorch/core/npz.h"

#include "fedtorch/core/errors.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>

namespace fedtorch::core {
namespace {

constexpr std::string_view kNpyMagic("\x93NUMPY", 6);
constexpr std::uint32_t kLocalMagic = 0x04034b50;
constexpr std::uint32_t kCentralMagic = 0x02014b50;
constexpr std::uint32_t kEndMagic = 0x06054b50;
constexpr std::uint32_t kEnd64Magic = 0x06064b50;
constexpr std::uint32_t kLocator64Magic = 0x07064b50;
constexpr std::size_t kLocalSize = 30;
constexpr std::size_t kCentralSize = 46;
constexpr std::size_t kEndSize = 22;
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kDeflated = 8;
// Deflate never packs better than 1032 to 1 (zlib, technical details).
constexpr std::uint64_t kBestRatio = 1032;

[[noreturn]] void Throw(const std::string& name, const std::string& message) {
  throw DataError(name + ": " + message);
}

/// Reads little-endian integers and never past the end.
class Bytes {
 public:
  Bytes(std::string_view bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)) {}

  std::string_view Slice(std::uint64_t offset,
                         std::uint64_t count,
                         const char* what) const {
    if (offset > bytes_.size() || count > bytes_.size() - offset) {
      Throw(name_,
            std::string("truncated or corrupt: expected ") + what + " of " +
                std::to_string(count) + " bytes at byte " +
                std::to_string(offset) + ", but the file ends at byte " +
                std::to_string(bytes_.size()));
    }
    return bytes_.substr(offset, count);
  }

  std::uint64_t Number(std::uint64_t offset, std::size_t width) const {
    const std::string_view bytes = Slice(offset, width, "a number");
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;) {
      value = (value << 8) | static_cast<unsigned char>(bytes[i]);
    }
    return value;
  }
  std::uint16_t U16(std::uint64_t offset) const {
    return static_cast<std::uint16_t>(Number(offset, 2));
  }
  std::uint32_t U32(std::uint64_t offset) const {
    return static_cast<std::uint32_t>(Number(offset, 4));
  }
  std::uint64_t U64(std::uint64_t offset) const { return Number(offset, 8); }

  std::size_t size() const { return bytes_.size(); }
  std::string_view all() const { return bytes_; }
  const std::string& name() const { return name_; }

 private:
  std::string_view bytes_;
  std::string name_;
};

/// Reads the dictionary of an .npy header, a literal of Python.
class HeaderText {
 public:
  HeaderText(std::string_view text, const std::string& name)
      : rest_(text), all_(text), name_(name) {}

  bool Accept(char c) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void Expect(char c) {
    if (!Accept(c)) Fail(std::string("'") + c + "'");
  }
  std::string Quoted() {
    SkipSpace();
    if (rest_.empty() || (rest_.front() != '\'' && rest_.front() != '"')) {
      Fail("a quoted word");
    }
    const std::size_t end = rest_.find(rest_.front(), 1);
    if (end == std::string_view::npos) Fail("a closing quote");
    std::string word(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return word;
  }
  bool Truth() {
    SkipSpace();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (rest_.substr(0, word.size()) == word) {
        rest_.remove_prefix(word.size());
        return value;
      }
    }
    Fail("True or False");
  }
  std::int64_t Integer() {
    SkipSpace();
    std::int64_t value = 0;
    const auto [stop, error] =
        std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) Fail("an integer >= 0");
    rest_.remove_prefix(static_cast<std::size_t>(stop - rest_.data()));
    Accept('L');  // Python 2 wrote long integers so.
    return value;
  }
  [[noreturn]] void Fail(const std::string& expected) const {
    Throw(name_,
          "corrupt .npy header: expected " + expected + " at byte " +
              std::to_string(all_.size() - rest_.size()) + " of the header");
  }

 private:
  void SkipSpace() {
    while (!rest_.empty() &&
           std::isspace(static_cast<unsigned char>(rest_.front()))) {
      rest_.remove_prefix(1);
    }
  }

  std::string_view rest_;
  std::string_view all_;
  const std::string& name_;
};

struct Header {
  std::optional<std::string> dtype;
  std::optional<bool> fortran;
  std::optional<std::vector<std::int64_t>> shape;
};

Header ParseHeader(std::string_view text, const std::string& name) {
  HeaderText reader(text, name);
  Header header;
  reader.Expect('{');
  while (!reader.Accept('}')) {
    const std::string key = reader.Quoted();
    reader.Expect(':');
    if (key == "descr") {
      if (reader.Accept('[')) {
        Throw(name,
              "expected an array of plain numbers, found a structured "
              "type; save its fields as arrays of their own");
      }
      header.dtype = reader.Quoted();
    } else if (key == "fortran_order") {
      header.fortran = reader.Truth();
    } else if (key == "shape") {
      header.shape.emplace();
      reader.Expect('(');
      while (!reader.Accept(')')) {
        header.shape->push_back(reader.Integer());
        if (!reader.Accept(',')) {
          reader.Expect(')');
          break;
        }
      }
    } else {
      reader.Fail("descr, fortran_order or shape");
    }
    if (!reader.Accept(',')) {
      reader.Expect('}');
      break;
    }
  }
  if (!header.dtype || !header.fortran || !header.shape) {
    reader.Fail("descr, fortran_order and shape");
  }
  return header;
}

/// Returns bytes an item, or 0 for a type that is not supported.
std::uint64_t ItemSize(std::string_view dtype) {
  for (const std::string_view known : {"|b1",
                                       "|i1",
                                       "|u1",
                                       "<i2",
                                       "<u2",
                                       "<f2",
                                       "<i4",
                                       "<u4",
                                       "<f4",
                                       "<i8",
                                       "<u8",
                                       "<f8"}) {
    if (dtype == known) return static_cast<std::uint64_t>(known[2] - '0');
  }
  return 0;
}

std::string NpyBytes(const std::string& name, const NpyArray& array) {
  const std::uint64_t item = ItemSize(array.dtype);
  FEDTORCH_CHECK(item > 0, "type '" + array.dtype + "' of " + name);
  FEDTORCH_CHECK(
      static_cast<std::uint64_t>(array.size()) * item == array.data.size(),
      "size of array " + name);
  std::string header =
      "{'descr': '" + array.dtype + "', 'fortran_order': False, 'shape': (";
  for (std::size_t i = 0; i < array.shape.size(); ++i) {
    header += (i > 0 ? ", " : "") + std::to_string(array.shape[i]);
  }
  header += array.shape.size() == 1 ? ",), }" : "), }";
  // Data begin at a multiple of 64 bytes, as the format asks.
  constexpr std::size_t kPrefix = 10;
  while ((kPrefix + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  FEDTORCH_CHECK(header.size() <= 0xffff, "too many dimensions in " + name);
  std::string bytes(kNpyMagic);
  bytes += {'\x01',
            '\x00',
            static_cast<char>(header.size() & 0xff),
            static_cast<char>(header.size() >> 8)};
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(array.data.data()),
               array.data.size());
  return bytes;
}

struct Member {
  std::string name;
  std::uint16_t method = kStored;
  std::uint32_t checksum = 0;
  std::uint64_t packed = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};

/// Takes 64-bit sizes and offset from the extra field, where the 32-bit ones
/// are full.
void ReadZip64(const Bytes& zip,
               std::uint64_t extra,
               std::uint64_t length,
               Member* member) {
  const std::uint64_t end = extra + length;
  while (extra + 4 <= end) {
    std::uint64_t at = extra + 4;
    const std::uint64_t next = at + zip.U16(extra + 2);
    if (zip.U16(extra) == 1) {
      for (std::uint64_t* value :
           {&member->size, &member->packed, &member->offset}) {
        if (*value == 0xffff'ffff && at + 8 <= std::min(next, end)) {
          *value = zip.U64(at);
          at += 8;
        }
      }
    }
    extra = next;
  }
}

std::vector<Member> ReadDirectory(const Bytes& zip) {
  // The end record is last but for a comment of at most 65,535 bytes.
  std::uint64_t end = zip.size() < kEndSize ? 0 : zip.size() - kEndSize + 1;
  const std::uint64_t lowest = end > 0x10000 ? end - 0x10000 : 0;
  bool found = false;
  while (!found && end > lowest) found = zip.U32(--end) == kEndMagic;
  if (!found) {
    Throw(zip.name(),
          "not an .npz file, or truncated: it has no zip directory at its end");
  }
  std::uint64_t count = zip.U16(end + 10);
  std::uint64_t at = zip.U32(end + 16);
  if (end >= 20 && zip.U32(end - 20) == kLocator64Magic) {
    const std::uint64_t end64 = zip.U64(end - 12);
    if (zip.U32(end64) != kEnd64Magic) {
      Throw(zip.name(),
            "corrupt zip directory: no 64-bit end record at byte " +
                std::to_string(end64));
    }
    count = zip.U64(end64 + 32);
    at = zip.U64(end64 + 48);
  }
  std::vector<Member> members;
  for (std::uint64_t i = 0; i < count; ++i) {
    zip.Slice(at, kCentralSize, "a directory entry");
    if (zip.U32(at) != kCentralMagic) {
      Throw(zip.name(),
            "corrupt zip directory: no entry at byte " + std::to_string(at));
    }
    const std::uint16_t name_length = zip.U16(at + 28);
    const std::uint16_t extra_length = zip.U16(at + 30);
    Member member;
    member.method = zip.U16(at + 10);
    member.checksum = zip.U32(at + 16);
    member.packed = zip.U32(at + 20);
    member.size = zip.U32(at + 24);
    member.offset = zip.U32(at + 42);
    member.name = zip.Slice(at + kCentralSize, name_length, "a name");
    const std::uint64_t extra = at + kCentralSize + name_length;
    zip.Slice(extra, extra_length, "an extra field");
    ReadZip64(zip, extra, extra_length, &member);
    if ((zip.U16(at + 8) & 1) != 0) {
      Throw(zip.name(),
            "member '" + member.name +
                "' is encrypted; expected a plain .npz file");
    }
    at = extra + extra_length + zip.U16(at + 32);
    members.push_back(std::move(member));
  }
  return members;
}

std::string Inflate(std::string_view packed,
                    std::uint64_t size,
                    const std::string& name) {
  if (size > packed.size() * kBestRatio + kBestRatio) {
    Throw(name,
          "corrupt: expected at most " +
              std::to_string(packed.size() * kBestRatio + kBestRatio) +
              " bytes from " + std::to_string(packed.size()) +
              " packed ones, found a size of " + std::to_string(size));
  }
  std::string out(size, '\0');
  z_stream stream{};
  FEDTORCH_CHECK(inflateInit2(&stream, -15) == Z_OK, "zlib does not start");
  constexpr std::size_t kMost = std::size_t{1} << 30;  // avail_* are 32 bits
  std::size_t fed = 0;
  std::size_t written = 0;
  int result = Z_OK;
  while (result == Z_OK) {
    const std::size_t in = std::min(kMost, packed.size() - fed);
    const std::size_t room = std::min(kMost, out.size() - written);
    // zlib does not write through next_in; its type predates const.
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(packed.data() + fed));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + written);
    stream.avail_out = static_cast<uInt>(room);
    result = inflate(&stream, Z_NO_FLUSH);
    fed += in - stream.avail_in;
    written += room - stream.avail_out;
  }
  inflateEnd(&stream);
  if (result != Z_STREAM_END || written != out.size()) {
    Throw(name,
          "corrupt or truncated: expected " + std::to_string(size) +
              " unpacked bytes, found " + std::to_string(written) +
              (result == Z_STREAM_END ? "" : " and no end mark"));
  }
  return out;
}

void Append(std::uint64_t value, std::size_t width, std::string* out) {
  for (std::size_t i = 0; i < width; ++i) {
    out->push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  }
}

std::uint32_t Checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// Appends the fields that local header and directory entry share.
void AppendShared(const Member& member, std::string* out) {
  Append(20, 2, out);  // version needed: 2.0
  Append(0, 2, out);   // flags
  Append(kStored, 2, out);
  Append(0, 2, out);       // time
  Append(0x0021, 2, out);  // date: 1980-01-01
  Append(member.checksum, 4, out);
  Append(member.packed, 4, out);
  Append(member.size, 4, out);
  Append(member.name.size(), 2, out);
  Append(0, 2, out);  // extra field
}

}  // namespace

std::int64_t NpyArray::size() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

NpyArray ParseNpy(std::string_view bytes, const std::string& name) {
  const Bytes file(bytes, name);
  if (bytes.substr(0, kNpyMagic.size()) != kNpyMagic) {
    Throw(name,
          "expected the magic number of an .npy file, \\x93NUMPY, at "
          "byte 0");
  }
  const auto version = file.Number(6, 1);
  if (version < 1 || version > 3) {
    Throw(name,
          "expected .npy format version 1, 2 or 3, found " +
              std::to_string(version));
  }
  const std::size_t width = version == 1 ? 2 : 4;
  const std::uint64_t length = file.Number(8, width);
  const std::uint64_t start = 8 + width + length;
  const Header header =
      ParseHeader(file.Slice(8 + width, length, "a header"), name);

  const std::uint64_t item = ItemSize(*header.dtype);
  if (item == 0) {
    Throw(name,
          "expected numbers in little-endian order (u1, i4, f4, ...), "
          "found numpy type '" +
              *header.dtype + "'; convert them with astype");
  }
  if (*header.fortran) {
    Throw(name,
          "expected C order, found Fortran order; save "
          "numpy.ascontiguousarray of it");
  }
  const std::uint64_t available = bytes.size() - start;
  std::uint64_t expected = item;
  bool empty = false;
  for (const std::int64_t extent : *header.shape) empty |= extent == 0;
  for (const std::int64_t extent : *header.shape) {
    // Stopping there keeps the product within 64 bits.
    if (empty || expected > available) break;
    if (static_cast<std::uint64_t>(extent) > available) {
      expected = available + 1;
      break;
    }
    expected *= static_cast<std::uint64_t>(extent);
  }
  if (empty) expected = 0;
  if (expected != available) {
    Throw(name,
          "wrong size: expected " +
              (expected > available ? "more than " + std::to_string(available)
                                    : std::to_string(expected)) +
              " bytes of numbers after the header, found " +
              std::to_string(available));
  }
  NpyArray array{.dtype = *header.dtype, .shape = *header.shape, .data = {}};
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data() + start);
  array.data.assign(first, first + available);
  return array;
}

std::map<std::string, NpyArray> ParseNpz(std::string_view bytes,
                                         const std::filesystem::path& path,
                                         std::span<const std::string> only) {
  const Bytes zip(bytes, path.string());
  std::map<std::string, NpyArray> arrays;
  for (const Member& member : ReadDirectory(zip)) {
    std::string name = member.name;
    if (!name.ends_with(".npy")) continue;
    name.resize(name.size() - 4);
    if (!only.empty() && std::ranges::find(only, name) == only.end()) continue;
    const std::string place = path.string() + ": array '" + name + "'";
    if (zip.Slice(member.offset, kLocalSize, "a member").size() > 0 &&
        zip.U32(member.offset) != kLocalMagic) {
      Throw(place,
            "corrupt zip archive: no member at byte " +
                std::to_string(member.offset));
    }
    const std::uint64_t start = member.offset + kLocalSize +
                                zip.U16(member.offset + 26) +
                                zip.U16(member.offset + 28);
    const std::string_view packed =
        Bytes(bytes, place).Slice(start, member.packed, "content");
    std::string unpacked;
    std::string_view content = packed;
    if (member.method == kDeflated) {
      unpacked = Inflate(packed, member.size, place);
      content = unpacked;
    } else if (member.method != kStored) {
      Throw(place,
            "expected zip method 0 (stored) or 8 (deflated), found " +
                std::to_string(member.method));
    }
    if (Checksum(content) != member.checksum) {
      Throw(place, "wrong checksum: the content is corrupt");
    }
    if (!arrays.emplace(name, ParseNpy(content, place)).second) {
      Throw(place, "expected one array of that name, found two");
    }
  }
  return arrays;
}

std::map<std::string, NpyArray> ReadNpz(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string bytes;
  std::string block(std::size_t{1} << 18, '\0');
  // Not by iterators: they throw where read() only marks the stream as bad.
  while (stream) {
    stream.read(block.data(), static_cast<std::streamsize>(block.size()));
    bytes.append(block, 0, static_cast<std::size_t>(stream.gcount()));
  }
  if (!stream.eof()) {
    Throw(path.string(),
          std::string("reading failed: ") + std::strerror(errno));
  }
  return ParseNpz(bytes, path);
}

std::string NpzBytes(
    const std::vector<std::pair<std::string, NpyArray>>& arrays,
    std::uint64_t limit) {
  std::uint64_t total = kEndSize;
  std::set<std::string_view> names;
  for (const auto& [name, array] : arrays) {
    FEDTORCH_CHECK(
        !name.empty() && name.size() < 0xff00 && names.insert(name).second,
        "array '" + name + "' needs a short name of its own");
    total += array.data.size() + 2 * name.size() + kLocalSize + kCentralSize +
             1024;  // the .npy header, rounded up
  }
  if (total > std::min(limit, kNpzLimit) || arrays.size() > 0xffff) {
    throw RunError("an .npz file of " + std::to_string(arrays.size()) +
                   " arrays and about " + std::to_string(total) +
                   " bytes is too large: expected at most 65535 arrays and " +
                   std::to_string(std::min(limit, kNpzLimit)) + " bytes");
  }
  std::string out;
  out.reserve(total);
  std::string directory;
  for (const auto& [name, array] : arrays) {
    const std::string content = NpyBytes(name, array);
    const Member member{.name = name + ".npy",
                        .method = kStored,
                        .checksum = Checksum(content),
                        .packed = content.size(),
                        .size = content.size(),
                        .offset = out.size()};
    Append(kLocalMagic, 4, &out);
    AppendShared(member, &out);
    out += member.name;
    out += content;
    Append(kCentralMagic, 4, &directory);
    Append(20, 2, &directory);  // version made by: 2.0, MS-DOS
    AppendShared(member, &directory);
    Append(0, 2, &directory);  // comment
    Append(0, 2, &directory);  // disk
    Append(0, 2, &directory);  // internal attributes
    Append(0, 4, &directory);  // external attributes
    Append(member.offset, 4, &directory);
    directory += member.name;
  }
  const std::size_t start = out.size();
  out += directory;
  Append(kEndMagic, 4, &out);
  Append(0, 2, &out);  // this disk
  Append(0, 2, &out);  // disk of the directory
  Append(arrays.size(), 2, &out);
  Append(arrays.size(), 2, &out);
  Append(directory.size(), 4, &out);
  Append(start, 4, &out);
  Append(0, 2, &out);  // comment
  return out;
}

}  // namespace fedtorch::core
