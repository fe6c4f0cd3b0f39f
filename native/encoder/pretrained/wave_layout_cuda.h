// Launcher of wave_layout.cu: waveforms as the convolutional extractor reads them.
#pragma once

#include <cstdint>

namespace ser {

// All pointers are of the device.
struct WaveLayout {
  const float* samples = nullptr;        // the waveforms one after the other
  const std::int64_t* starts = nullptr;  // B + 1: where each begins there
  const std::int64_t* slots = nullptr;   // B + 1: where each begins in `out`; zeros fill a slot behind its waveform
  std::int64_t count = 0;                // B
  std::int64_t read = 0, written = 0;    // starts[B], slots[B]
  bool normalise = false;                // each waveform to mean 0 and variance 1
  double epsilon = 0;                    // added to the variance
  float* out = nullptr;
  double* scratch = nullptr;  // wave_layout_scratch() doubles, which nobody else uses meanwhile
};

std::int64_t wave_layout_scratch(std::int64_t read, std::int64_t count);

// One launch, two where waveforms are normalised: sums in double, in one order. `stream` is a cudaStream_t. Throws E_CUDA where
// a launch is refused. Nothing is allocated and nothing waited for.
void lay_out_waves(const WaveLayout& layout, void* stream);

}  // namespace ser
