// pytorch_model.bin: a zip file with a pickle that names tensors, and one entry for the data of each storage.
#include <algorithm>
#include <unordered_map>

#include "weights/layout.h"
#include "weights/pickle.h"
#include "weights/zip.h"

namespace ser {
namespace {

struct Type {
  std::string_view storage, name;
  DataType type;
  unsigned bytes;
};
// Of the storages without a type of their own here, those that a checkpoint may hold beside the weights.
constexpr Type kTypes[] = {{"DoubleStorage", "F64", DataType::f64, 8},
                           {"FloatStorage", "F32", DataType::f32, 4},
                           {"HalfStorage", "F16", DataType::f16, 2},
                           {"BFloat16Storage", "BF16", DataType::bf16, 2},
                           {"LongStorage", "I64", DataType::i64, 8},
                           {"IntStorage", "I32", DataType::i32, 4},
                           {"ShortStorage", "I16", DataType::i16, 2},
                           {"CharStorage", "I8", DataType::i8, 1},
                           {"ByteStorage", "U8", DataType::u8, 1},
                           {"BoolStorage", "BOOL", DataType::boolean, 1},
                           {"UntypedStorage", "U8", DataType::u8, 1},
                           {"ComplexFloatStorage", "C64", DataType::other, 8},
                           {"ComplexDoubleStorage", "C128", DataType::other, 16}};

constexpr std::uint64_t kMaxExtent = std::uint64_t{1} << 48;
constexpr std::size_t kLongestKey = 256;

[[noreturn]] void bad(const std::string& path, const std::string& what) {
  throw Error("E_FORMAT", path + " is not a whole file of torch.save: " + what + "; download it again");
}

// Elements of the storage from the tensor's first to past its last, or nothing where they are more than any file holds.
std::optional<std::uint64_t> extent(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& strides) {
  std::uint64_t last = 0;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 0) return 0;
    const auto steps = static_cast<std::uint64_t>(shape[d] - 1), stride = static_cast<std::uint64_t>(strides[d]);
    if (steps != 0 && stride > kMaxExtent / steps) return std::nullopt;
    last += steps * stride;
    if (last > kMaxExtent) return std::nullopt;
  }
  return last + 1;
}

}  // namespace

FileLayout parse_torch_file(const std::string& path, Bytes file) {
  const std::vector<ZipEntry> entries = parse_zip(path, file);
  std::unordered_map<std::string_view, const ZipEntry*> by_name;
  const ZipEntry* pickle = nullptr;
  constexpr std::string_view kPickle = "/data.pkl";
  for (const ZipEntry& entry : entries) {
    by_name.emplace(entry.name, &entry);
    if (!entry.name.ends_with(kPickle) || entry.name.find('/') != entry.name.size() - kPickle.size()) continue;
    if (pickle != nullptr) bad(path, "it holds two pickles");
    pickle = &entry;
  }
  if (pickle == nullptr) bad(path, "it is a zip file without data.pkl");
  const std::string folder(pickle->name.substr(0, pickle->name.size() + 1 - kPickle.size()));
  const auto bytes_of = [&](const ZipEntry& entry) {
    const Bytes bytes = file.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(entry.end - entry.begin));
    if (crc32(bytes) != entry.crc) bad(path, "the checksum of entry " + quote_name(entry.name) + " is wrong");
    return bytes;
  };
  if (const auto order = by_name.find(folder + "byteorder"); order != by_name.end()) {
    const Bytes bytes = bytes_of(*order->second);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text != "little") {
      throw Error("E_FORMAT", path + " was written in the byte order " + quote_name(text) +
                                  ", only little-endian files are read; convert it with Python on a machine of today");
    }
  }
  const std::vector<PickledTensor> tensors = parse_pickle(path, bytes_of(*pickle));

  FileLayout out;
  std::unordered_map<std::string_view, std::uint32_t> storages;
  for (const PickledTensor& pickled : tensors) {
    const std::string quoted = quote_name(pickled.name);
    const auto known =
        std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Type& t) { return t.storage == pickled.storage_type; });
    if (known == std::end(kTypes)) bad(path, "tensor " + quoted + " has the unknown type " + quote_name(pickled.storage_type));
    const auto found = by_name.find(folder + "data/" + std::string(pickled.storage_key.substr(0, kLongestKey)));
    if (found == by_name.end()) bad(path, "the data of tensor " + quoted + " is missing");
    const ZipEntry& entry = *found->second;
    if (pickled.storage_elements > (entry.end - entry.begin) / known->bytes ||
        pickled.storage_elements * known->bytes != entry.end - entry.begin) {
      bad(path, "the storage of tensor " + quoted + " has " + std::to_string(pickled.storage_elements) + " elements of " +
                    std::to_string(known->bytes) + " bytes, its data " + std::to_string(entry.end - entry.begin) + " bytes");
    }
    const auto reach = extent(pickled.shape, pickled.strides);
    if (!count_elements(pickled.shape) || !reach || pickled.offset > pickled.storage_elements ||
        *reach > pickled.storage_elements - pickled.offset) {
      bad(path, "tensor " + quoted + " of shape " + shape_text(pickled.shape) + " leaves its storage of " +
                    std::to_string(pickled.storage_elements) + " elements");
    }
    const auto [storage, added] = storages.emplace(entry.name, static_cast<std::uint32_t>(out.storages.size()));
    if (added) out.storages.push_back({entry.begin, entry.end, entry.crc});
    TensorLayout tensor;
    tensor.name = pickled.name;
    tensor.type = known->type;
    tensor.type_name = known->name;
    tensor.shape = pickled.shape;
    tensor.strides = pickled.strides;
    tensor.begin = entry.begin + pickled.offset * known->bytes;
    tensor.end = tensor.begin + *reach * known->bytes;
    tensor.storage = storage->second;
    out.tensors.push_back(std::move(tensor));
  }
  return out;
}

}  // namespace ser
