#include "encoder/pretrained/position_conv.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/_weight_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/zeros.h>

#include <vector>

namespace ser {

// All utterances go through one convolution, K / 2 zero frames apart: no padding to a common length, and LibTorch's grouped
// convolution is several times as fast as products over unfolded frames.
at::Tensor position_conv(const at::Tensor& x, const PositionConv& conv, const SegmentsPtr& segments) {
  const std::int64_t width = x.size(1), kernel = conv.direction.size(2), gap = kernel / 2;
  const std::int64_t groups = width / conv.direction.size(1);
  const at::Tensor weight = at::_weight_norm(conv.direction, conv.gain, 2);
  const at::Tensor zeros = at::zeros({gap, width}, x.options());
  std::vector<at::Tensor> parts{zeros};
  std::vector<std::int64_t> sizes;
  for (std::int64_t b = 0; b < segments->count(); ++b) {
    parts.push_back(x.narrow(0, segments->offsets[b], segments->length(b)));
    parts.push_back(zeros);
    sizes.push_back(segments->length(b));
    sizes.push_back(gap);
  }
  const at::Tensor in = at::cat(parts).t().contiguous().unsqueeze(0);
  const at::Tensor out =
      at::conv1d(in, weight, conv.bias, at::IntArrayRef{1}, at::IntArrayRef{0}, at::IntArrayRef{1}, groups).squeeze(0).t();
  // After the last utterance come an even kernel's dropped frame, and no zeros.
  sizes.back() = out.size(0) - segments->total() - gap * (segments->count() - 1);
  std::vector<at::Tensor> pieces = out.split_with_sizes(sizes), kept;
  for (std::size_t i = 0; i < pieces.size(); i += 2) kept.push_back(pieces[i]);
  return x + at::gelu(at::cat(kept));
}

}  // namespace ser
