// Where the tensors of a weights file lie, as its directory says. The parsers see bytes and no tensor library: what they read
// was written by others, and they can be tested on millions of damaged files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"

namespace ser {

using Bytes = std::span<const std::uint8_t>;

// `other` is a type that a file may hold but no tensor here has (8-bit floats, complex numbers): an error only if it is wanted.
enum class DataType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean, other };

// Bytes of one element; 0 for `other`.
std::size_t element_bytes(DataType type);

// A run of bytes of the file; tensors may share one.
struct StorageLayout {
  std::uint64_t begin = 0, end = 0;
  std::optional<std::uint32_t> crc;
};

struct TensorLayout {
  std::string name;
  DataType type = DataType::other;
  std::string type_name;  // as the file spells it
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // in elements
  // Bytes of the file from the first to past the last element; for `other`, of all that the tensor owns.
  std::uint64_t begin = 0, end = 0;
  std::uint32_t storage = 0;
};

// Every tensor lies inside its storage and every storage inside the file; names are valid UTF-8 and differ.
struct FileLayout {
  std::vector<TensorLayout> tensors;
  std::vector<StorageLayout> storages;
  Metadata metadata;
};

// All of them throw E_FORMAT with the path and what was found. `file` is the whole file.
FileLayout parse_weights(const std::string& path, Bytes file);  // tells the formats apart by their first bytes
FileLayout parse_safetensors(const std::string& path, Bytes file);
FileLayout parse_torch_file(const std::string& path, Bytes file);

// The length of a safetensors header from the file's first eight bytes, checked against the file's size and the cap.
std::uint64_t safetensors_header_size(const std::string& path, Bytes first, std::uint64_t file_bytes);
// As parse_safetensors, for a caller that has read the header only.
FileLayout parse_safetensors_header(const std::string& path, std::string_view header, std::uint64_t file_bytes);

// The product of `shape`, or nothing where it or a stride would not fit 2^48 (zeros counted as ones, as strides count them).
std::optional<std::uint64_t> count_elements(const std::vector<std::int64_t>& shape);
std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape);

bool is_utf8(std::string_view text);

// A name of a file of others for an error's sentence: quoted, with escapes, ill-formed bytes replaced, cut where it is long.
std::string quote_name(std::string_view name);
std::string shape_text(const std::vector<std::int64_t>& shape);

// CRC-32 as zip uses it.
std::uint32_t crc32(Bytes bytes);

inline std::uint64_t load_little(const std::uint8_t* at, int bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value |= static_cast<std::uint64_t>(at[i]) << (8 * i);
  return value;
}

}  // namespace ser
