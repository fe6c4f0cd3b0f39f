#include "weights/zip.h"

#include <algorithm>
#include <unordered_set>

namespace ser {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                        kLocator64 = 0x07064b50;
constexpr std::uint64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr std::uint64_t kMaxEntries = 1'000'000;

[[noreturn]] void bad(const std::string& path, const std::string& what) {
  throw Error("E_FORMAT", path + " is not a whole file of torch.save: " + what + "; download it again");
}

class Reader {
 public:
  Reader(const std::string& path, Bytes file) : path_(path), file_(file) {}

  // Unsigned little-endian integers; every access is checked against the file.
  std::uint64_t u(std::uint64_t at, int bytes) const {
    check(at, static_cast<std::uint64_t>(bytes));
    return load_little(file_.data() + at, bytes);
  }
  std::uint64_t u16(std::uint64_t at) const { return u(at, 2); }
  std::uint64_t u32(std::uint64_t at) const { return u(at, 4); }
  std::uint64_t u64(std::uint64_t at) const { return u(at, 8); }
  std::string_view text(std::uint64_t at, std::uint64_t size) const {
    check(at, size);
    return {reinterpret_cast<const char*>(file_.data()) + at, static_cast<std::size_t>(size)};
  }
  std::uint64_t size() const { return file_.size(); }

 private:
  void check(std::uint64_t at, std::uint64_t size) const {
    if (at > file_.size() || size > file_.size() - at) bad(path_, "a record of its zip directory leaves the file");
  }
  const std::string& path_;
  Bytes file_;
};

struct Directory {
  std::uint64_t begin = 0, bytes = 0, entries = 0;
};

Directory find_directory(const std::string& path, const Reader& file) {
  if (file.size() < kEndBytes) bad(path, "it is too short for a zip file");
  // The last record may be followed by a comment, whose length it gives.
  const std::uint64_t last = file.size() - kEndBytes, first = last > 0xffff ? last - 0xffff : 0;
  std::uint64_t end = last;
  for (;; --end) {
    if (file.u32(end) == kEnd && file.u16(end + 20) == last - end) break;
    if (end == first) bad(path, "it has no zip directory at its end, so it may be cut off");
  }
  Directory out{file.u32(end + 16), file.u32(end + 12), file.u16(end + 10)};
  std::uint64_t disk = file.u16(end + 4), start_disk = file.u16(end + 6), entries_here = file.u16(end + 8);
  std::uint64_t directory_end = end;
  if (end >= kLocatorBytes && file.u32(end - kLocatorBytes) == kLocator64) {
    const std::uint64_t locator = end - kLocatorBytes, end64 = file.u64(locator + 8);
    if (file.u32(locator + 4) != 0 || file.u32(locator + 16) > 1) bad(path, "it spans several disks");
    if (end64 > locator || locator - end64 < kEnd64Bytes || file.u32(end64) != kEnd64)
      bad(path, "its zip64 directory is damaged");
    directory_end = end64;
    // A field of the old record counts unless it is all ones; where both are given they must agree.
    const auto widen = [&](std::uint64_t& value, std::uint64_t absent, std::uint64_t wide) {
      if (value != absent && value != wide) bad(path, "its two zip directories disagree");
      value = wide;
    };
    widen(disk, 0xffff, file.u32(end64 + 16));
    widen(start_disk, 0xffff, file.u32(end64 + 20));
    widen(entries_here, 0xffff, file.u64(end64 + 24));
    widen(out.entries, 0xffff, file.u64(end64 + 32));
    widen(out.bytes, 0xffffffff, file.u64(end64 + 40));
    widen(out.begin, 0xffffffff, file.u64(end64 + 48));
  }
  if (disk != 0 || start_disk != 0 || entries_here != out.entries) bad(path, "it spans several disks");
  if (out.begin > directory_end || out.bytes != directory_end - out.begin) bad(path, "its zip directory is damaged");
  if (out.entries > kMaxEntries || out.entries > out.bytes / kCentralBytes) bad(path, "its zip directory is damaged");
  return out;
}

}  // namespace

std::vector<ZipEntry> parse_zip(const std::string& path, Bytes bytes) {
  const Reader file(path, bytes);
  const Directory directory = find_directory(path, file);
  struct Span {
    std::uint64_t header;
    ZipEntry entry;
  };
  std::vector<Span> spans;
  spans.reserve(static_cast<std::size_t>(directory.entries));
  std::unordered_set<std::string_view> seen;
  std::uint64_t at = directory.begin;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (file.u32(at) != kCentral) bad(path, "its zip directory is damaged");
    const std::uint64_t flags = file.u16(at + 8), method = file.u16(at + 10);
    std::uint64_t packed = file.u32(at + 20), size = file.u32(at + 24), header = file.u32(at + 42), disk = file.u16(at + 34);
    const std::uint64_t name_bytes = file.u16(at + 28), extra_bytes = file.u16(at + 30), comment_bytes = file.u16(at + 32);
    Span span;
    span.entry.crc = static_cast<std::uint32_t>(file.u32(at + 16));
    span.entry.name = file.text(at + kCentralBytes, name_bytes);
    const std::string quoted = quote_name(span.entry.name);
    std::uint64_t extra = at + kCentralBytes + name_bytes;
    const std::uint64_t extra_end = extra + extra_bytes;
    file.text(extra, extra_bytes);
    bool widened = false;
    while (extra_end - extra >= 4) {
      const std::uint64_t id = file.u16(extra), length = file.u16(extra + 2);
      if (length > extra_end - extra - 4) bad(path, "the extra fields of entry " + quoted + " are damaged");
      if (id == 1) {
        if (widened) bad(path, "entry " + quoted + " has two zip64 fields");
        widened = true;
        // Holds, in this order, only those fields that the record itself marks by all ones.
        std::uint64_t field = extra + 4, left = length;
        const auto widen = [&](std::uint64_t& value, std::uint64_t absent, std::uint64_t width) {
          if (value != absent) return;
          if (left < width) bad(path, "the zip64 field of entry " + quoted + " is too short");
          value = file.u(field, static_cast<int>(width));
          field += width;
          left -= width;
        };
        widen(size, 0xffffffff, 8);
        widen(packed, 0xffffffff, 8);
        widen(header, 0xffffffff, 8);
        widen(disk, 0xffff, 4);
      }
      extra += 4 + length;
    }
    at = extra_end + comment_bytes;
    if ((flags & 0x2041) != 0) bad(path, "entry " + quoted + " is encrypted");
    if (method != 0) bad(path, "entry " + quoted + " is compressed, which torch.save never does");
    if (packed != size) bad(path, "entry " + quoted + " has two sizes");
    if (disk != 0) bad(path, "it spans several disks");
    if (header >= directory.begin || file.u32(header) != kLocal) bad(path, "entry " + quoted + " has no header of its own");
    const std::uint64_t local_name = file.u16(header + 26), local_extra = file.u16(header + 28);
    if ((file.u16(header + 6) & 0x2041) != 0 || file.u16(header + 8) != 0 ||
        file.text(header + kLocalBytes, local_name) != span.entry.name) {
      bad(path, "the header of entry " + quoted + " disagrees with the zip directory");
    }
    span.header = header;
    span.entry.begin = header + kLocalBytes + local_name + local_extra;
    if (span.entry.begin > directory.begin || size > directory.begin - span.entry.begin)
      bad(path, "entry " + quoted + " leaves its place in the file");
    span.entry.end = span.entry.begin + size;
    if (!seen.insert(span.entry.name).second) bad(path, "entry " + quoted + " stands twice");
    spans.push_back(span);
  }
  if (at != directory.begin + directory.bytes) bad(path, "its zip directory is damaged");
  std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) { return a.header < b.header; });
  std::vector<ZipEntry> out;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].header < spans[i - 1].entry.end) {
      bad(path, "entries " + quote_name(spans[i - 1].entry.name) + " and " + quote_name(spans[i].entry.name) + " overlap");
    }
    out.push_back(spans[i].entry);
  }
  return out;
}

}  // namespace ser
