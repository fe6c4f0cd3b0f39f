// Which mask a kernel draws for a packed tensor's rows; cuda/apply_mask.h draws it.
#pragma once

#include "cuda/kernel.h"
#include "engine/dropout_mask.h"

namespace ser::cuda {

struct RowMask {
  DropoutMask mask;
  // On the device: rows [offsets[b], offsets[b + 1]) belong to utterance keys[b], b < count. Not read where nothing is dropped.
  const std::int64_t* offsets = nullptr;
  const std::int64_t* keys = nullptr;
  std::int64_t count = 0;

  bool draws() const { return mask.threshold > 0; }
};

}  // namespace ser::cuda
