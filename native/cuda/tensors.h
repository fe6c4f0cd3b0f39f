// What the ATen side of a kernel (X_cuda.cc) needs to call its launchers. Not for kernel sources.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "cuda/row_mask.h"
#include "engine/dropout.h"
#include "engine/segments.h"

namespace ser::cuda {

// Null where the tensor is undefined.
template <typename T>
const T* read(const at::Tensor& x) {
  return x.defined() ? static_cast<const T*>(x.const_data_ptr()) : nullptr;
}
template <typename T>
T* write(const at::Tensor& x) {
  return x.defined() ? static_cast<T*>(x.mutable_data_ptr()) : nullptr;
}

// Whether the kernels have code for a tensor's type.
inline bool has_kernel_type(const at::Tensor& x) { return x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16; }

// Calls `work` with a value of the element type that each tensor holds, float or __nv_bfloat16.
template <typename Work>
void for_type(const at::Tensor& x, const Work& work) {
  TORCH_CHECK(has_kernel_type(x), "expected float32 or bf16, got ", x.scalar_type());
  if (x.scalar_type() == at::kFloat) {
    work(float{});
  } else {
    work(__nv_bfloat16{});
  }
}
template <typename Work>
void for_types(const at::Tensor& x, const at::Tensor& y, const Work& work) {
  for_type(x, [&](auto first) { for_type(y, [&](auto second) { work(first, second); }); });
}

inline RowMask row_mask(const DropoutMask& mask, const Segments& segments, at::Device device) {
  RowMask out;
  out.mask = mask;
  if (!out.draws()) return out;
  // Kept by the segments, which the caller keeps.
  out.offsets = segment_offsets(segments, device).const_data_ptr<std::int64_t>();
  out.keys = segment_keys(segments, device).const_data_ptr<std::int64_t>();
  out.count = segments.count();
  return out;
}

// A mask that an autograd function keeps for its backward pass.
struct HeldMask : torch::CustomClassHolder {
  DropoutMask mask;
  SegmentsPtr segments;  // may be null where nothing is dropped

  RowMask on(at::Device device) const {
    RowMask out;
    if (mask.threshold > 0) out = row_mask(mask, *segments, device);
    return out;
  }
};

inline c10::intrusive_ptr<HeldMask> hold_mask(double p, const DropoutKey& key, const SegmentsPtr& segments) {
  auto held = c10::make_intrusive<HeldMask>();
  if (p > 0) held->mask = make_dropout_mask(p, 1, key);
  held->segments = segments;
  return held;
}

}  // namespace ser::cuda
