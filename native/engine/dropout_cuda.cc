#include "engine/dropout_cuda.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "cuda/tensors.h"
#include "engine/dropout.h"

namespace ser {

at::Tensor dropout_on_cuda(const at::Tensor& x, const at::Tensor& residual, at::ScalarType type, const DropoutMask& mask,
                           const Segments& segments) {
  const c10::cuda::CUDAGuard guard(x.device());
  const at::Tensor in = x.contiguous();
  const at::Tensor base = residual.defined() ? residual.to(type).contiguous() : at::Tensor();
  at::Tensor y = at::empty(x.sizes(), x.options().dtype(type));
  const cuda::RowMask rows = cuda::row_mask(mask, segments, x.device());
  cuda::for_types(in, y, [&](auto from, auto to) {
    using X = decltype(from);
    using Y = decltype(to);
    cuda::dropout(cuda::read<X>(in), cuda::read<Y>(base), cuda::write<Y>(y), in.size(0), in.size(1), rows,
                  c10::cuda::getCurrentCUDAStream());
  });
  return y;
}

}  // namespace ser
