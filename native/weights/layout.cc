#include "weights/layout.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "weights/json.h"

namespace ser {
namespace {

constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 48;

// Tables for eight bytes at a time: table[k][b] is the checksum of byte b followed by k zeros.
struct CrcTables {
  std::array<std::array<std::uint32_t, 256>, 8> table{};
  constexpr CrcTables() {
    for (std::uint32_t b = 0; b < 256; ++b) {
      std::uint32_t crc = b;
      for (int k = 0; k < 8; ++k) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
      table[0][b] = crc;
    }
    for (std::uint32_t b = 0; b < 256; ++b) {
      for (std::size_t k = 1; k < 8; ++k) table[k][b] = (table[k - 1][b] >> 8) ^ table[0][table[k - 1][b] & 0xff];
    }
  }
};
constexpr CrcTables kCrc;

// The length of the well-formed UTF-8 sequence at the start of `text`, 0 where there is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xc2 && first < 0xe0   ? 2
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xf0 && first < 0xf5 ? 4
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what lies past U+10FFFF.
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

}  // namespace

std::size_t element_bytes(DataType type) {
  switch (type) {
    case DataType::f64:
    case DataType::i64:
      return 8;
    case DataType::f32:
    case DataType::i32:
      return 4;
    case DataType::f16:
    case DataType::bf16:
    case DataType::i16:
      return 2;
    case DataType::i8:
    case DataType::u8:
    case DataType::boolean:
      return 1;
    case DataType::other:
      break;
  }
  return 0;
}

std::optional<std::uint64_t> count_elements(const std::vector<std::int64_t>& shape) {
  std::uint64_t bound = 1, count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(size, 1));
    if (bound > kMaxElements / factor) return std::nullopt;
    bound *= factor;
    count *= static_cast<std::uint64_t>(size);
  }
  return count;
}

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t d = shape.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= std::max<std::int64_t>(shape[d], 1);
  }
  return strides;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string quote_name(std::string_view name) {
  constexpr std::size_t kLongest = 120;
  std::string out;
  while (!name.empty() && out.size() < kLongest) {
    const std::size_t length = utf8_sequence(name);
    out += length == 0 ? std::string_view("?") : name.substr(0, length);
    name.remove_prefix(std::max<std::size_t>(length, 1));
  }
  if (!name.empty()) out += "...";
  return quote_json(out);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out = "[";
  for (std::size_t d = 0; d < shape.size(); ++d) out += (d == 0 ? "" : ", ") + std::to_string(shape[d]);
  return out + "]";
}

std::uint32_t crc32(Bytes bytes) {
  const auto& t = kCrc.table;
  std::uint32_t crc = ~std::uint32_t{0};
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  if constexpr (std::endian::native == std::endian::little) {
    for (; left >= 8; left -= 8, at += 8) {
      std::uint32_t low, high;
      std::memcpy(&low, at, 4);
      std::memcpy(&high, at + 4, 4);
      low ^= crc;
      crc = t[7][low & 0xff] ^ t[6][(low >> 8) & 0xff] ^ t[5][(low >> 16) & 0xff] ^ t[4][low >> 24] ^ t[3][high & 0xff] ^
            t[2][(high >> 8) & 0xff] ^ t[1][(high >> 16) & 0xff] ^ t[0][high >> 24];
    }
  }
  for (; left > 0; --left, ++at) crc = (crc >> 8) ^ t[0][(crc ^ *at) & 0xff];
  return ~crc;
}

FileLayout parse_weights(const std::string& path, Bytes file) {
  const auto starts = [&](std::string_view magic) {
    return file.size() >= magic.size() && std::memcmp(file.data(), magic.data(), magic.size()) == 0;
  };
  if (starts("version https://git-lfs")) {
    throw Error("E_FORMAT", path + " is a pointer of Git LFS and not the file itself; fetch the file (git lfs pull)");
  }
  if (starts("<!DOCTYPE") || starts("<html")) {
    throw Error("E_FORMAT", path + " is a web page and not a checkpoint; download the file itself");
  }
  // A safetensors header follows its eight bytes of length; a header that long and this odd is not worth a second look.
  if (starts("PK\x03\x04") && !(file.size() > 8 && file[8] == '{')) return parse_torch_file(path, file);
  // Protocol 2, then the number that the format before zip starts with.
  if (starts("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")) {
    throw Error("E_FORMAT",
                path +
                    " was written in the format of torch.save before version 1.6, which is not read here; convert it "
                    "once with Python: torch.save(torch.load(\"" +
                    path + "\", weights_only=True), \"converted.bin\")");
  }
  return parse_safetensors(path, file);
}

}  // namespace ser
