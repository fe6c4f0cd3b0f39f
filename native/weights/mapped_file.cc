#include "weights/mapped_file.h"

#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#ifdef _WIN32
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace ser {

#ifdef _WIN32

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const HANDLE file =
      CreateFileA(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE)
    throw Error("E_IO", "cannot open " + path + " (system error " + std::to_string(GetLastError()) + ")");
  LARGE_INTEGER size{};
  if (!GetFileSizeEx(file, &size)) {
    CloseHandle(file);
    throw Error("E_IO", "cannot read " + path);
  }
  size_ = static_cast<std::size_t>(size.QuadPart);
  if (size_ == 0) {  // an empty file cannot be mapped
    CloseHandle(file);
    return;
  }
  const HANDLE mapping = CreateFileMappingA(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  CloseHandle(file);
  if (mapping != nullptr) {
    data_ = static_cast<const std::uint8_t*>(MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0));
    CloseHandle(mapping);
  }
  if (data_ == nullptr) throw Error("E_IO", "cannot map " + path + " (system error " + std::to_string(GetLastError()) + ")");
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) UnmapViewOfFile(data_);
}

// The system trims a process's mapped pages by itself.
void MappedFile::release(std::uint64_t, std::uint64_t) const noexcept {}

#else

MappedFile::MappedFile(const std::string& path) : path_(path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe of that name must not block
  if (file < 0) throw Error("E_IO", "cannot open " + path + ": " + std::strerror(errno));
  struct stat status{};
  if (fstat(file, &status) != 0) {
    const std::string reason = std::strerror(errno);
    close(file);
    throw Error("E_IO", "cannot read " + path + ": " + reason);
  }
  if (!S_ISREG(status.st_mode)) {
    close(file);
    throw Error("E_IO", "cannot read " + path + ": it is not a file");
  }
  size_ = static_cast<std::size_t>(status.st_size);
  if (size_ == 0) {  // an empty file cannot be mapped
    close(file);
    return;
  }
  void* mapped = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
  const int reason = errno;
  close(file);
  if (mapped == MAP_FAILED) throw Error("E_IO", "cannot map " + path + ": " + std::strerror(reason));
  data_ = static_cast<const std::uint8_t*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::uint8_t*>(data_), size_);
}

void MappedFile::release(std::uint64_t begin, std::uint64_t end) const noexcept {
  if (data_ == nullptr || begin >= end || end > size_) return;
  static const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  // Outwards to whole pages: what a neighbour loses with them, it reads again.
  begin -= begin % page;
  madvise(const_cast<std::uint8_t*>(data_) + begin, static_cast<std::size_t>(end - begin), MADV_DONTNEED);
}

#endif

std::optional<at::ScalarType> scalar_type(DataType type) {
  switch (type) {
    case DataType::f64:
      return at::kDouble;
    case DataType::f32:
      return at::kFloat;
    case DataType::f16:
      return at::kHalf;
    case DataType::bf16:
      return at::kBFloat16;
    case DataType::i64:
      return at::kLong;
    case DataType::i32:
      return at::kInt;
    case DataType::i16:
      return at::kShort;
    case DataType::i8:
      return at::kChar;
    case DataType::u8:
      return at::kByte;
    case DataType::boolean:
      return at::kBool;
    case DataType::other:
      break;
  }
  return std::nullopt;
}

at::Tensor view_tensor(const std::shared_ptr<const MappedFile>& file, const TensorLayout& layout) {
  const at::TensorOptions options(scalar_type(layout.type).value());
  if (layout.end == layout.begin) return at::empty(layout.shape, options);
  // The mapping is not writable; at::from_blob has no form for constant data.
  auto* data = const_cast<std::uint8_t*>(file->bytes().data()) + layout.begin;
  const std::size_t width = element_bytes(layout.type), bytes = static_cast<std::size_t>(layout.end - layout.begin);
  if (reinterpret_cast<std::uintptr_t>(data) % width == 0)
    return at::from_blob(data, layout.shape, layout.strides, [file](void*) {}, options);
  const at::Tensor copy = at::empty({static_cast<std::int64_t>(bytes / width)}, options);
  std::memcpy(copy.mutable_data_ptr(), data, bytes);
  return copy.as_strided(layout.shape, layout.strides);
}

}  // namespace ser
