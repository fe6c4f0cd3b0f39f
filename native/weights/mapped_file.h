// A file mapped into memory, and tensors that are views of it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "weights/layout.h"

namespace ser {

// Read-only. A file that another process shortens while it is mapped ends this process at the next read past its new end, so
// nothing should write to it; replacing it by a rename is harmless.
class MappedFile {
 public:
  // E_IO where the file cannot be opened or mapped, or is not a file.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  Bytes bytes() const { return {data_, size_}; }

  // Gives the pages of these bytes back, so that a checkpoint being copied is not in memory twice. They may be read again: the
  // system then reads them from its cache or the disk.
  void release(std::uint64_t begin, std::uint64_t end) const noexcept;

 private:
  std::string path_;
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Nothing for DataType::other.
std::optional<at::ScalarType> scalar_type(DataType type);

// The tensor at `layout`, whose type is not `other`: a view that keeps the mapping alive and must not be written to, or a copy
// where the file does not align it.
at::Tensor view_tensor(const std::shared_ptr<const MappedFile>& file, const TensorLayout& layout);

}  // namespace ser
