// The directory of a safetensors file, read as strictly as the reference reader does.
#include <algorithm>
#include <stdexcept>

#include "weights/json.h"
#include "weights/layout.h"

namespace ser {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kMaxDimensions = 64;

struct Type {
  std::string_view name;
  DataType type;
  unsigned bits;
};
constexpr Type kTypes[] = {{"F64", DataType::f64, 64},      {"F32", DataType::f32, 32},      {"F16", DataType::f16, 16},
                           {"BF16", DataType::bf16, 16},    {"I64", DataType::i64, 64},      {"I32", DataType::i32, 32},
                           {"I16", DataType::i16, 16},      {"I8", DataType::i8, 8},         {"U8", DataType::u8, 8},
                           {"BOOL", DataType::boolean, 8},  {"U16", DataType::other, 16},    {"U32", DataType::other, 32},
                           {"U64", DataType::other, 64},    {"F8_E4M3", DataType::other, 8}, {"F8_E5M2", DataType::other, 8},
                           {"F8_E8M0", DataType::other, 8}, {"F6_E2M3", DataType::other, 6}, {"F6_E3M2", DataType::other, 6},
                           {"F4", DataType::other, 4},      {"C64", DataType::other, 64}};

[[noreturn]] void bad(const std::string& path, const std::string& what) {
  throw Error("E_FORMAT", path + " is not a whole safetensors file: " + what + "; restore it from a copy or delete it");
}

TensorLayout parse_tensor(const std::string& path, const std::string& name, const JsonValue& value) {
  const JsonValue *type = value.find("dtype"), *shape = value.find("shape"), *offsets = value.find("data_offsets");
  const std::string quoted = quote_name(name);
  if (type == nullptr || type->kind != JsonValue::Kind::string || shape == nullptr || shape->kind != JsonValue::Kind::array ||
      offsets == nullptr || offsets->kind != JsonValue::Kind::array || offsets->items.size() != 2) {
    bad(path, "tensor " + quoted + " lacks dtype, shape or data_offsets");
  }
  const auto known = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Type& t) { return t.name == type->string; });
  if (known == std::end(kTypes)) bad(path, "tensor " + quoted + " has the unknown dtype " + quote_name(type->string));
  TensorLayout tensor;
  tensor.name = name;
  tensor.type = known->type;
  tensor.type_name = type->string;
  if (shape->items.size() > kMaxDimensions) bad(path, "tensor " + quoted + " has over 64 dimensions");
  for (const JsonValue& size : shape->items) {
    if (size.kind != JsonValue::Kind::number) bad(path, "the shape of tensor " + quoted + " is not a list of integers");
    if (size.number > (std::uint64_t{1} << 48)) bad(path, "tensor " + quoted + " is too large");
    tensor.shape.push_back(static_cast<std::int64_t>(size.number));
  }
  const auto count = count_elements(tensor.shape);
  if (!count) bad(path, "tensor " + quoted + " is too large");
  if (*count * known->bits % 8 != 0) bad(path, "tensor " + quoted + " does not end with a whole byte");
  const std::uint64_t bytes = *count * known->bits / 8;
  tensor.strides = contiguous_strides(tensor.shape);
  for (const JsonValue& offset : offsets->items) {
    if (offset.kind != JsonValue::Kind::number) bad(path, "the data_offsets of tensor " + quoted + " are not integers");
  }
  tensor.begin = offsets->items[0].number;
  tensor.end = offsets->items[1].number;
  if (tensor.end < tensor.begin || tensor.end - tensor.begin != bytes) {
    bad(path, "tensor " + quoted + " of shape " + shape_text(tensor.shape) + " needs " + std::to_string(bytes) +
                  " bytes, its offsets say [" + std::to_string(tensor.begin) + ", " + std::to_string(tensor.end) + ")");
  }
  return tensor;
}

}  // namespace

std::uint64_t safetensors_header_size(const std::string& path, Bytes first, std::uint64_t file_bytes) {
  if (file_bytes < 8 || first.size() < 8)
    bad(path, "it has " + std::to_string(file_bytes) + " bytes, fewer than the 8 of the header's length");
  const std::uint64_t size = load_little(first.data(), 8);
  if (size > kMaxHeader) bad(path, "its header claims " + std::to_string(size) + " bytes, over the limit of 100 MB");
  if (size > file_bytes - 8) bad(path, "its header is cut off");
  return size;
}

FileLayout parse_safetensors_header(const std::string& path, std::string_view text, std::uint64_t file_bytes) {
  if (!is_utf8(text)) bad(path, "its header is not UTF-8");
  JsonValue header;
  try {
    header = parse_json(text);
  } catch (const std::runtime_error& error) {
    bad(path, std::string("its header is not JSON, ") + error.what());
  }
  if (header.kind != JsonValue::Kind::object) bad(path, "its header is not a JSON object");
  if (text.front() != '{') bad(path, "its header does not start with '{'");

  FileLayout out;
  for (const auto& [name, value] : header.members) {
    if (name != "__metadata__") {
      out.tensors.push_back(parse_tensor(path, name, value));
      continue;
    }
    if (value.kind != JsonValue::Kind::object) bad(path, "its metadata is not an object");
    for (const auto& [key, text_value] : value.members) {
      if (text_value.kind != JsonValue::Kind::string) bad(path, "metadata " + quote_name(key) + " is not a string");
      out.metadata[key] = text_value.string;
    }
  }
  std::stable_sort(out.tensors.begin(), out.tensors.end(), [](const TensorLayout& a, const TensorLayout& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  const std::uint64_t start = 8 + text.size();
  std::uint64_t at = 0;
  for (TensorLayout& tensor : out.tensors) {
    if (tensor.begin != at) {
      bad(path, "tensor " + quote_name(tensor.name) + " starts at byte " + std::to_string(tensor.begin) + " where " +
                    std::to_string(at) + " was expected (tensors must not overlap or leave gaps)");
    }
    at = tensor.end;
  }
  // Checked before any tensor is allocated: a damaged header must not ask for memory that the file cannot fill.
  if (at != file_bytes - start) {
    bad(path, "its header describes " + std::to_string(at) + " bytes of tensors, the file holds " +
                  std::to_string(file_bytes - start));
  }
  for (TensorLayout& tensor : out.tensors) {
    tensor.begin += start;
    tensor.end += start;
    tensor.storage = static_cast<std::uint32_t>(out.storages.size());
    out.storages.push_back({tensor.begin, tensor.end, std::nullopt});
  }
  return out;
}

FileLayout parse_safetensors(const std::string& path, Bytes file) {
  const std::uint64_t size = safetensors_header_size(path, file, file.size());
  return parse_safetensors_header(path, {reinterpret_cast<const char*>(file.data()) + 8, static_cast<std::size_t>(size)},
                                  file.size());
}

}  // namespace ser
