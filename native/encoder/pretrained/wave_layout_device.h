// Waveforms at multiples of the extractor's hop by a kernel, where they lie on a GPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ser {

// `samples` (float, on a GPU) has waveforms of these lengths one after the other. In the result each begins at a multiple of `hop`
// with zeros behind it, and is normalised by mean and variance (+ epsilon) where `normalise` says so. Without gradients.
at::Tensor device_wave_layout(const at::Tensor& samples, const std::vector<std::int64_t>& lengths, std::int64_t hop,
                              bool normalise, double epsilon);

}  // namespace ser
