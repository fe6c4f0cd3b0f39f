#include "weights/safetensors.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sstream>
#include <unordered_map>

#include "weights/json.h"
#include "weights/mapped_file.h"

#ifdef _WIN32
#include <io.h>
#else
#include <unistd.h>
#endif

namespace ser {
namespace {

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

const char* type_name(at::ScalarType type) {
  switch (type) {
    case at::kDouble:
      return "F64";
    case at::kFloat:
      return "F32";
    case at::kHalf:
      return "F16";
    case at::kBFloat16:
      return "BF16";
    case at::kLong:
      return "I64";
    case at::kInt:
      return "I32";
    case at::kShort:
      return "I16";
    case at::kChar:
      return "I8";
    case at::kByte:
      return "U8";
    case at::kBool:
      return "BOOL";
    default:
      throw Error("E_ARGUMENT", std::string("safetensors has no name for tensors of type ") + c10::toString(type));
  }
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

  unsigned char prefix[8] = {};
  read(prefix, static_cast<std::size_t>(std::min<std::uint64_t>(size, sizeof prefix)));
  std::string header(static_cast<std::size_t>(safetensors_header_size(path, prefix, size)), '\0');
  read(header.data(), header.size());
  FileLayout layout = parse_safetensors_header(path, header, size);

  TensorFile out;
  out.metadata = std::move(layout.metadata);
  for (const TensorLayout& entry : layout.tensors) {
    const auto type = scalar_type(entry.type);
    if (!type)
      throw Error("E_FORMAT", path + ": tensor " + quote_name(entry.name) + " has the type " + entry.type_name +
                                  ", which is not read here; convert it to F32");
    at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(*type));
    // The tensors follow each other without a gap, in this order.
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
                                 shape_text(at->second->sizes().vec()) + ", the model needs " +
                                 type_name(target.scalar_type()) + " " + shape_text(target.sizes().vec()) +
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
