#include "train/feature_store.h"

#include <ATen/ops/empty.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "engine/upload.h"

namespace ser {

FeatureStore::FeatureStore(const std::string& path, std::int64_t frames, std::int64_t width)
    : file_(std::make_shared<MappedFile>(path)), frames_(frames), width_(width) {
  const auto expected = static_cast<std::size_t>(frames) * static_cast<std::size_t>(width) * sizeof(float);
  const std::size_t found = file_->bytes().size();
  if (found != expected) {
    throw Error("E_FORMAT", path + " must have " + std::to_string(expected) + " bytes for " + std::to_string(frames) +
                                " frames of width " + std::to_string(width) + ", it has " + std::to_string(found));
  }
}

Frames FeatureStore::gather(const Rows& rows, at::Device device) const {
  std::int64_t total = 0;
  for (std::size_t b = 0; b < rows.offsets.size(); ++b) {
    if (rows.lengths[b] < 1 || rows.offsets[b] > frames_ - rows.lengths[b]) {
      throw Error("E_ARGUMENT", "row " + std::to_string(b) + " reaches outside the store of " + std::to_string(frames_) +
                                    " frames: offset " + std::to_string(rows.offsets[b]) + ", length " +
                                    std::to_string(rows.lengths[b]));
    }
    total += rows.lengths[b];
  }
  at::Tensor values = at::empty({total, width_}, staging(at::kFloat, device));
  float* to = values.mutable_data_ptr<float>();
  for (std::size_t b = 0; b < rows.offsets.size(); ++b) {
    const auto count = static_cast<std::size_t>(rows.lengths[b] * width_);
    std::memcpy(to, file_->bytes().data() + static_cast<std::size_t>(rows.offsets[b] * width_) * sizeof(float),
                count * sizeof(float));
    to += count;
  }
  return {upload(values, device), make_segments(rows.lengths, rows.keys)};
}

void append_frames(const std::string& path, const at::Tensor& frames) {
  const at::Tensor values = frames.detach().to(at::kCPU, at::kFloat).contiguous();
  const auto count = static_cast<std::size_t>(values.numel());
  std::FILE* file = std::fopen(path.c_str(), "ab");
  const auto fail = [&] { throw Error("E_IO", "cannot write " + path + ": " + std::strerror(errno)); };
  if (file == nullptr) fail();
  const bool written = std::fwrite(values.const_data_ptr<float>(), sizeof(float), count, file) == count;
  if (std::fclose(file) != 0 || !written) fail();
}

}  // namespace ser
