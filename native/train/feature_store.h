// Frames of a frozen encoder in a file, computed once for a corpus: training then starts behind the encoder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "encoder/encoder.h"
#include "weights/mapped_file.h"

namespace ser {

class FeatureStore {
 public:
  // Maps float32 frames, frames x width, one utterance after the other. E_IO where the file cannot be opened or mapped,
  // E_FORMAT where its size is another.
  FeatureStore(const std::string& path, std::int64_t frames, std::int64_t width);

  std::int64_t width() const { return width_; }
  // The frames of these rows, whose offsets and lengths count frames. E_ARGUMENT where a row reaches outside.
  Frames gather(const Rows& rows, at::Device device) const;

 private:
  std::shared_ptr<const MappedFile> file_;
  std::int64_t frames_, width_;
};

// Writes frames (sum(T) x D) behind what the file at `path` holds, as FeatureStore reads them.
void append_frames(const std::string& path, const at::Tensor& frames);

}  // namespace ser
