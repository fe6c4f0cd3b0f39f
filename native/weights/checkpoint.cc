#include "weights/checkpoint.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cfloat>
#include <cstring>
#include <unordered_set>

#include "weights/layout.h"
#include "weights/mapped_file.h"

namespace ser {

struct Checkpoint::File {
  std::shared_ptr<const MappedFile> mapped;
  FileLayout layout;

  const std::string& path() const { return mapped->path(); }

  bool checksum_holds(std::uint32_t storage) const {
    const StorageLayout& place = layout.storages[storage];
    if (!place.crc) return true;
    const Bytes bytes =
        mapped->bytes().subspan(static_cast<std::size_t>(place.begin), static_cast<std::size_t>(place.end - place.begin));
    const bool holds = crc32(bytes) == *place.crc;
    mapped->release(place.begin, place.end);
    return holds;
  }
};

namespace {

constexpr std::size_t kNamesShown = 5;

// "a", "b", "c" and 4 more
std::string list_names(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kNamesShown); ++i) out += (i == 0 ? "" : ", ") + quote_name(names[i]);
  if (names.size() > kNamesShown) out += " and " + std::to_string(names.size() - kNamesShown) + " more";
  return out;
}

std::string count_tensors(std::size_t count) { return std::to_string(count) + (count == 1 ? " tensor" : " tensors"); }

[[noreturn]] void bad_checksum(const std::string& path, const std::string& name) {
  throw Error("E_FORMAT", path + ": the checksum of tensor " + quote_name(name) + " is wrong; download the file again");
}

[[noreturn]] void unread_type(const std::string& path, const TensorLayout& tensor) {
  throw Error("E_FORMAT", path + ": tensor " + quote_name(tensor.name) + " has the type " + tensor.type_name +
                              ", which is not read here; convert it to F32");
}

// One of `ignored` that `name` is, or starts with; -1 where there is none.
std::ptrdiff_t find_ignored(const std::vector<std::string>& ignored, const std::string& name) {
  const auto found = std::find_if(ignored.begin(), ignored.end(), [&](const std::string& known) {
    return known == name || (known.ends_with('.') && name.starts_with(known));
  });
  return found == ignored.end() ? -1 : found - ignored.begin();
}

// NaN and infinity are what has all bits of the exponent set. One pass without a branch, so that it runs at memory's speed.
template <typename Word>
bool all_exponents_below(const void* data, std::int64_t count, Word exponent) {
  const auto* words = static_cast<const Word*>(data);
  Word found = 0;
  for (std::int64_t i = 0; i < count; ++i) found |= static_cast<Word>((words[i] & exponent) == exponent);
  return found == 0;
}

bool fits_float(const double* values, std::int64_t count) {
  int beyond = 0;
  for (std::int64_t i = 0; i < count; ++i) beyond |= !(values[i] >= -static_cast<double>(FLT_MAX) && values[i] <= FLT_MAX);
  return beyond == 0;
}

// Whether all values are finite as float32. `tensor` is of a floating type.
bool all_finite(const at::Tensor& tensor) {
  const at::Tensor whole = tensor.contiguous();
  const void* data = whole.const_data_ptr();
  switch (whole.scalar_type()) {
    case at::kFloat:
      return all_exponents_below<std::uint32_t>(data, whole.numel(), 0x7f800000);
    case at::kHalf:
      return all_exponents_below<std::uint16_t>(data, whole.numel(), 0x7c00);
    case at::kBFloat16:
      return all_exponents_below<std::uint16_t>(data, whole.numel(), 0x7f80);
    default:
      return fits_float(static_cast<const double*>(data), whole.numel());
  }
}

bool is_floating(DataType type) {
  return type == DataType::f64 || type == DataType::f32 || type == DataType::f16 || type == DataType::bf16;
}

}  // namespace

Checkpoint::Checkpoint() = default;
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

Checkpoint Checkpoint::open(const std::vector<std::string>& files) {
  if (files.empty()) throw Error("E_ARGUMENT", "a checkpoint needs at least one file");
  Checkpoint out;
  for (const std::string& path : files) {
    auto file = std::make_unique<File>();
    file->mapped = std::make_shared<const MappedFile>(path);
    file->layout = parse_weights(path, file->mapped->bytes());
    for (std::size_t i = 0; i < file->layout.tensors.size(); ++i) {
      const std::string& name = file->layout.tensors[i].name;
      const auto [known, added] = out.index_.emplace(name, out.names_.size());
      if (!added) {
        throw Error("E_FORMAT", "tensor " + quote_name(name) + " stands in " +
                                    out.files_[out.places_[known->second].file]->path() + " and in " + path +
                                    "; these are not parts of one checkpoint");
      }
      out.names_.push_back(name);
      out.places_.push_back({static_cast<std::uint32_t>(out.files_.size()), static_cast<std::uint32_t>(i)});
    }
    out.files_.push_back(std::move(file));
  }
  return out;
}

at::Tensor Checkpoint::find(const std::string& name) const {
  const auto known = index_.find(name);
  if (known == index_.end()) return {};
  const File& file = *files_[places_[known->second].file];
  const TensorLayout& tensor = file.layout.tensors[places_[known->second].tensor];
  if (tensor.type == DataType::other) unread_type(file.path(), tensor);
  if (!file.checksum_holds(tensor.storage)) bad_checksum(file.path(), name);
  return view_tensor(file.mapped, tensor);
}

std::vector<std::string> fill_targets(const Checkpoint& checkpoint, const std::vector<CheckpointTarget>& targets,
                                      const std::vector<std::string>& ignored, const std::vector<std::string>& model_prefixes) {
  std::string path = checkpoint.files_.front()->path();
  if (checkpoint.files_.size() > 1) path += " (and " + std::to_string(checkpoint.files_.size() - 1) + " more)";

  std::unordered_map<std::string, std::size_t> target_of;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    bool fresh = target_of.emplace(targets[t].name, t).second;
    for (const std::string& alias : targets[t].aliases) fresh = target_of.emplace(alias, t).second && fresh;
    if (!fresh) throw Error("E_INTERNAL", "the encoder asks twice for tensor " + quote_name(targets[t].name));
  }

  std::string prefix;
  std::size_t most = 0;
  for (const std::string& candidate : model_prefixes) {
    std::size_t found = 0;
    for (const std::string& name : checkpoint.names_)
      found += name.starts_with(candidate) && target_of.count(name.substr(candidate.size())) != 0;
    if (found > most) {
      most = found;
      prefix = candidate;
    }
  }

  // Which tensor of the checkpoint fills which target; what is left over.
  constexpr std::size_t kMissing = SIZE_MAX;
  std::vector<std::size_t> source(targets.size(), kMissing);
  std::vector<std::string> unexpected;
  std::vector<bool> matched(ignored.size(), false);
  for (std::size_t i = 0; i < checkpoint.names_.size(); ++i) {
    const std::string& name = checkpoint.names_[i];
    if (name.starts_with(prefix)) {
      const std::string stripped = name.substr(prefix.size());
      if (const auto wanted = target_of.find(stripped); wanted != target_of.end()) {
        std::size_t& from = source[wanted->second];
        if (from != kMissing) {
          throw Error("E_FORMAT", path + " holds one tensor under two names, " + quote_name(checkpoint.names_[from]) + " and " +
                                      quote_name(name) + "; remove one of them");
        }
        from = i;
        continue;
      }
      if (const auto group = find_ignored(ignored, stripped); group >= 0) {
        matched[static_cast<std::size_t>(group)] = true;
        continue;
      }
    }
    if (const auto group = find_ignored(ignored, name); group >= 0)
      matched[static_cast<std::size_t>(group)] = true;
    else
      unexpected.push_back(name);
  }
  std::vector<std::string> missing;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    if (source[t] == kMissing) missing.push_back(prefix + targets[t].name);
  }
  if (!missing.empty()) {
    throw Error("E_FORMAT", path + " lacks " + count_tensors(missing.size()) + " of the " + std::to_string(targets.size()) +
                                " that the encoder needs: " + list_names(missing) +
                                "; it belongs to another kind of model or another configuration" +
                                (unexpected.empty() ? "" : " (it holds, for one, " + quote_name(unexpected.front()) + ")"));
  }
  if (!unexpected.empty()) {
    throw Error("E_FORMAT", path + " holds " + count_tensors(unexpected.size()) + " that the encoder does not have: " +
                                list_names(unexpected) + "; it belongs to another kind of model or another configuration");
  }

  const auto file_of = [&](std::size_t t) -> const Checkpoint::File& {
    return *checkpoint.files_[checkpoint.places_[source[t]].file];
  };
  const auto layout_of = [&](std::size_t t) -> const TensorLayout& {
    return file_of(t).layout.tensors[checkpoint.places_[source[t]].tensor];
  };
  struct Storage {
    const Checkpoint::File* file;
    std::uint32_t storage;
    std::size_t target;  // one that it holds
  };
  std::vector<Storage> storages;
  std::unordered_set<const StorageLayout*> seen;
  for (std::size_t t = 0; t < targets.size(); ++t) {
    const TensorLayout& layout = layout_of(t);
    const std::vector<std::int64_t> needed = targets[t].tensor.sizes().vec();
    if (layout.shape != needed) {
      throw Error("E_SHAPE", file_of(t).path() + ": tensor " + quote_name(layout.name) + " is " + layout.type_name + " " +
                                 shape_text(layout.shape) + ", the encoder needs " + shape_text(needed) +
                                 "; the checkpoint belongs to another configuration");
    }
    if (layout.type == DataType::other) unread_type(file_of(t).path(), layout);
    if (!is_floating(layout.type)) {
      throw Error("E_FORMAT", file_of(t).path() + ": tensor " + quote_name(layout.name) + " is of type " + layout.type_name +
                                  ", weights are of a floating type; a quantised checkpoint is not read");
    }
    const StorageLayout& storage = file_of(t).layout.storages[layout.storage];
    if (storage.crc && seen.insert(&storage).second) storages.push_back({&file_of(t), layout.storage, t});
  }

  // The two passes over all data. Verdicts are gathered, so that the same tensor is named whichever thread comes first.
  std::vector<char> sound(storages.size(), 0), finite(targets.size(), 0);
  at::parallel_for(0, static_cast<std::int64_t>(storages.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      sound[i] = storages[i].file->checksum_holds(storages[i].storage);
  });
  for (std::size_t i = 0; i < storages.size(); ++i) {
    if (!sound[i]) bad_checksum(storages[i].file->path(), layout_of(storages[i].target).name);
  }
  at::parallel_for(0, static_cast<std::int64_t>(targets.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto t = static_cast<std::size_t>(begin); t < static_cast<std::size_t>(end); ++t) {
      finite[t] = all_finite(view_tensor(file_of(t).mapped, layout_of(t)));
      file_of(t).mapped->release(layout_of(t).begin, layout_of(t).end);
    }
  });
  for (std::size_t t = 0; t < targets.size(); ++t) {
    if (!finite[t]) {
      throw Error("E_FORMAT", file_of(t).path() + ": tensor " + quote_name(layout_of(t).name) +
                                  " holds NaN, infinity or a number beyond float32; the checkpoint is damaged");
    }
  }

  std::vector<at::Tensor> to;
  for (const CheckpointTarget& target : targets) to.push_back(target.tensor.detach());
  const auto copy = [&](std::int64_t begin, std::int64_t end) {
    for (auto t = static_cast<std::size_t>(begin); t < static_cast<std::size_t>(end); ++t) {
      to[t].copy_(view_tensor(file_of(t).mapped, layout_of(t)));
      file_of(t).mapped->release(layout_of(t).begin, layout_of(t).end);
    }
  };
  // One parallel region over all tensors: a region for each would wait for the slowest thread as often as there are tensors.
  if (std::all_of(to.begin(), to.end(), [](const at::Tensor& tensor) { return tensor.is_cpu(); }))
    at::parallel_for(0, static_cast<std::int64_t>(to.size()), 1, copy);
  else
    copy(0, static_cast<std::int64_t>(to.size()));
  std::vector<std::string> out;
  for (std::size_t i = 0; i < ignored.size(); ++i) {
    if (matched[i]) out.push_back(ignored[i]);
  }
  return out;
}

}  // namespace ser
