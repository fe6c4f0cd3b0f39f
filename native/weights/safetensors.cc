#include "weights/safetensors.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>
#include <unordered_map>

#include "weights/json.h"

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace ser {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

struct Type {
  const char* name;
  at::ScalarType type;
};
constexpr Type kTypes[] = {{"F64", at::kDouble}, {"F32", at::kFloat}, {"F16", at::kHalf},  {"BF16", at::kBFloat16},
                           {"I64", at::kLong},   {"I32", at::kInt},   {"I16", at::kShort}, {"I8", at::kChar},
                           {"U8", at::kByte},    {"BOOL", at::kBool}};

const char* type_name(at::ScalarType type) {
  for (const Type& known : kTypes) {
    if (known.type == type) return known.name;
  }
  throw Error("E_ARGUMENT", std::string("safetensors has no name for tensors of type ") + c10::toString(type));
}

std::optional<at::ScalarType> type_of(const std::string& name) {
  for (const Type& known : kTypes) {
    if (name == known.name) return known.type;
  }
  return std::nullopt;
}

[[noreturn]] void bad(const std::string& path, const std::string& what) {
  throw Error("E_FORMAT", path + " is not a whole safetensors file: " + what + "; restore it from a copy or delete it");
}

std::string shape_text(at::IntArrayRef shape) {
  std::ostringstream out;
  out << shape;
  return out.str();
}

void write_all(std::FILE* file, const void* data, std::size_t bytes) {
  if (bytes != 0 && std::fwrite(data, 1, bytes, file) != bytes) throw std::runtime_error(std::strerror(errno));
}

void flush_to_disk(std::FILE* file) {
  if (std::fflush(file) != 0) throw std::runtime_error(std::strerror(errno));
#ifdef _WIN32
  const int result = _commit(_fileno(file));
#else
  const int result = fsync(fileno(file));
#endif
  if (result != 0) throw std::runtime_error(std::strerror(errno));
}

struct Entry {
  std::string name;
  at::ScalarType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

Entry parse_entry(const std::string& path, const std::string& name, const JsonValue& value) {
  const JsonValue *type = value.find("dtype"), *shape = value.find("shape"), *offsets = value.find("data_offsets");
  const std::string quoted = quote_json(name);
  if (type == nullptr || type->kind != JsonValue::Kind::string || shape == nullptr || shape->kind != JsonValue::Kind::array ||
      offsets == nullptr || offsets->kind != JsonValue::Kind::array || offsets->items.size() != 2) {
    bad(path, "tensor " + quoted + " lacks dtype, shape or data_offsets");
  }
  const auto known = type_of(type->string);
  if (!known) bad(path, "tensor " + quoted + " has the unknown dtype " + quote_json(type->string));
  Entry entry{name, *known, {}, 0, 0};
  std::uint64_t bytes = c10::elementSize(*known);
  for (const JsonValue& size : shape->items) {
    if (size.kind != JsonValue::Kind::number) bad(path, "the shape of tensor " + quoted + " is not a list of integers");
    // Bounded so that the product below cannot wrap around.
    if (size.number != 0 && bytes > (std::uint64_t{1} << 48) / size.number) bad(path, "tensor " + quoted + " is too large");
    bytes *= size.number;
    entry.shape.push_back(static_cast<std::int64_t>(size.number));
  }
  for (const JsonValue& offset : offsets->items) {
    if (offset.kind != JsonValue::Kind::number) bad(path, "the data_offsets of tensor " + quoted + " are not integers");
  }
  entry.begin = offsets->items[0].number;
  entry.end = offsets->items[1].number;
  if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
    bad(path, "tensor " + quoted + " of shape " + shape_text(entry.shape) + " needs " + std::to_string(bytes) +
                  " bytes, its offsets say [" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + ")");
  }
  return entry;
}

}  // namespace

void write_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata) {
  std::string header = "{\"__metadata__\":{";
  const char* comma = "";
  for (const auto& [key, value] : metadata) {
    header += comma;
    header += quote_json(key);
    header += ':';
    header += quote_json(value);
    comma = ",";
  }
  header += "}";
  std::uint64_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::uint64_t bytes = static_cast<std::uint64_t>(tensor.numel()) * tensor.element_size();
    std::ostringstream entry;
    entry << ',' << quote_json(name) << ":{\"dtype\":\"" << type_name(tensor.scalar_type()) << "\",\"shape\":[";
    for (std::int64_t d = 0; d < tensor.dim(); ++d) entry << (d == 0 ? "" : ",") << tensor.size(d);
    entry << "],\"data_offsets\":[" << at << ',' << at + bytes << "]}";
    header += entry.str();
    at += bytes;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');  // readers that map the file want aligned tensors

  File file(std::fopen(path.c_str(), "wb"));
  if (!file) throw Error("E_IO", "cannot create " + path + ": " + std::strerror(errno));
  try {
    unsigned char length[8];
    for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(header.size() >> (8 * i));
    write_all(file.get(), length, sizeof length);
    write_all(file.get(), header.data(), header.size());
    for (const auto& [name, tensor] : tensors) {
      const at::Tensor host = tensor.detach().cpu().contiguous();
      write_all(file.get(), host.const_data_ptr(), static_cast<std::size_t>(host.numel()) * host.element_size());
    }
    flush_to_disk(file.get());
    // A failed close can be the first to tell of a full disk on network file systems.
    if (std::fclose(file.release()) != 0) throw std::runtime_error(std::strerror(errno));
  } catch (const std::runtime_error& error) {
    const std::string reason = error.what();
    file.reset();
    std::remove(path.c_str());
    throw Error("E_IO", "cannot write " + path + ": " + reason + "; free some space or choose another folder");
  }
}

TensorFile read_safetensors(const std::string& path) {
  File file(std::fopen(path.c_str(), "rb"));
  if (!file) throw Error("E_IO", "cannot open " + path + ": " + std::strerror(errno));
  if (std::fseek(file.get(), 0, SEEK_END) != 0) throw Error("E_IO", "cannot read " + path + ": " + std::strerror(errno));
  const long end = std::ftell(file.get());
  if (end < 0) throw Error("E_IO", "cannot read " + path + ": " + std::strerror(errno));
  std::rewind(file.get());
  const auto size = static_cast<std::uint64_t>(end);
  const auto read = [&](void* to, std::size_t bytes) {
    if (bytes != 0 && std::fread(to, 1, bytes, file.get()) != bytes) {
      throw Error("E_IO",
                  "cannot read " + path +
                      (std::ferror(file.get()) != 0 ? std::string(": ") + std::strerror(errno) : ": it became shorter"));
    }
  };

  if (size < 8) bad(path, "it has " + std::to_string(size) + " bytes, fewer than the 8 of the header's length");
  unsigned char prefix[8];
  read(prefix, sizeof prefix);
  std::uint64_t header_size = 0;
  for (int i = 0; i < 8; ++i) header_size |= static_cast<std::uint64_t>(prefix[i]) << (8 * i);
  if (header_size > kMaxHeader)
    bad(path, "its header claims " + std::to_string(header_size) + " bytes, over the limit of 100 MB");
  if (header_size > size - 8) bad(path, "its header is cut off");
  std::string text(header_size, '\0');
  read(text.data(), text.size());
  JsonValue header;
  try {
    header = parse_json(text);
  } catch (const std::runtime_error& error) {
    bad(path, std::string("its header is not JSON, ") + error.what());
  }
  if (header.kind != JsonValue::Kind::object) bad(path, "its header is not a JSON object");

  TensorFile out;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.members) {
    if (name != "__metadata__") {
      entries.push_back(parse_entry(path, name, value));
      continue;
    }
    if (value.kind != JsonValue::Kind::object) bad(path, "its metadata is not an object");
    for (const auto& [key, text_value] : value.members) {
      if (text_value.kind != JsonValue::Kind::string) bad(path, "metadata " + quote_json(key) + " is not a string");
      out.metadata[key] = text_value.string;
    }
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.begin != b.begin ? a.begin < b.begin : a.end < b.end; });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      bad(path, "tensor " + quote_json(entry.name) + " starts at byte " + std::to_string(entry.begin) + " where " +
                    std::to_string(at) + " was expected (tensors must not overlap or leave gaps)");
    }
    at = entry.end;
  }
  // Checked before any tensor is allocated: a damaged header must not ask for memory that the file cannot fill.
  if (at != size - 8 - header_size) {
    bad(path, "its header describes " + std::to_string(at) + " bytes of tensors, the file holds " +
                  std::to_string(size - 8 - header_size));
  }
  for (const Entry& entry : entries) {
    at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(entry.type));
    read(tensor.mutable_data_ptr(), static_cast<std::size_t>(entry.end - entry.begin));
    out.tensors.emplace_back(entry.name, std::move(tensor));
  }
  return out;
}

void copy_tensors(const std::string& path, const TensorFile& file, const NamedTensors& targets,
                  const std::vector<std::string>& ignored) {
  std::unordered_map<std::string, const at::Tensor*> found;
  for (const auto& [name, tensor] : file.tensors) {
    const bool skip =
        std::any_of(ignored.begin(), ignored.end(), [&n = name](const std::string& prefix) { return n.rfind(prefix, 0) == 0; });
    if (!skip) found.emplace(name, &tensor);
  }
  for (const auto& [name, target] : targets) {
    const auto at = found.find(name);
    if (at == found.end()) {
      throw Error("E_FORMAT", path + " has no tensor " + quote_json(name) +
                                  "; it was written for another model or is not a checkpoint of this kind");
    }
    if (at->second->sizes() != target.sizes() || at->second->scalar_type() != target.scalar_type()) {
      throw Error("E_SHAPE", path + ": tensor " + quote_json(name) + " is " + type_name(at->second->scalar_type()) + " " +
                                 shape_text(at->second->sizes()) + ", the model needs " + type_name(target.scalar_type()) +
                                 " " + shape_text(target.sizes()) +
                                 "; it belongs to a model of another configuration or other classes");
    }
  }
  if (found.size() != targets.size()) {
    std::unordered_map<std::string, bool> wanted;
    for (const auto& [name, target] : targets) wanted[name] = true;
    for (const auto& [name, tensor] : file.tensors) {
      if (found.count(name) != 0 && wanted.count(name) == 0) {
        throw Error("E_FORMAT", path + " has a tensor " + quote_json(name) +
                                    " that the model does not have; it belongs to another configuration");
      }
    }
  }
  for (const auto& [name, target] : targets) target.detach().copy_(*found.at(name));
}

}  // namespace ser
