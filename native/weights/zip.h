// The part of the zip format that torch.save writes: entries stored as they are, with zip64 fields where they are needed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weights/layout.h"

namespace ser {

struct ZipEntry {
  std::string_view name;  // in the file's bytes
  std::uint64_t begin = 0, end = 0;
  std::uint32_t crc = 0;
};

// The entries of the central directory, in the order of their data. E_FORMAT where an entry is compressed or encrypted, leaves
// the file or overlaps another, where two have one name, or where the directory and an entry's own header disagree. The entries'
// checksums are the caller's to check.
std::vector<ZipEntry> parse_zip(const std::string& path, Bytes file);

}  // namespace ser
