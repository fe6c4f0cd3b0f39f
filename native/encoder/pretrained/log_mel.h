// Whisper's log-mel spectrogram, as transformers' WhisperFeatureExtractor computes it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ser {

inline constexpr std::int64_t kLogMelWindow = 400;
inline constexpr std::int64_t kLogMelHop = 160;

// Stretches of sound, one after the other in one float tensor of sum(N) samples at 16 kHz, each more than 200 samples long.
// Returns sum(M) x bands float32, M = floor(max(N, pad_to) / 160): each stretch is taken as followed by zeros up to `pad_to`
// samples. Windows of 400 samples (periodic Hann) are centred on every 160th, the sound reflected at both ends; |FFT|^2,
// triangular filters of equal area on Slaney's mel scale from 0 to 8000 Hz, log10 of at least 1e-10, not more than 8 below the
// stretch's highest value, and (x + 4) / 4.
at::Tensor log_mel(const at::Tensor& samples, const std::vector<std::int64_t>& lengths, std::int64_t bands,
                   std::int64_t pad_to = 0);

// The same through LibTorch's FFT and a dense filter matrix in float64: the way of other devices, and the oracle.
at::Tensor log_mel_composite(const at::Tensor& samples, const std::vector<std::int64_t>& lengths, std::int64_t bands,
                             std::int64_t pad_to = 0);

}  // namespace ser
