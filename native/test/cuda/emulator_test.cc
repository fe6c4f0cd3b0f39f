// The emulator itself: that right kernels come out right under every order of threads, and that each kind of mistake is seen.
#include "test/emulator/emulator.h"

#include <vector>

#include "cuda/reduce.h"
#include "test/check.h"

namespace {

using ser::emulator::Fault;

__global__ void sum_kernel(const float* x, int n, float* sums) {
  SER_SHARED(float, scratch, 32);
  float mine = 0;
  for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += static_cast<int>(gridDim.x * blockDim.x))
    mine += x[i];
  const float all = ser::cuda::block_reduce<ser::cuda::Sum>(mine, scratch);
  if (threadIdx.x == 0) sums[blockIdx.x] = all;
}

// Reverses 64 values through shared memory; `careful` keeps the barrier.
__global__ void reverse_kernel(const int* x, int* y, bool careful) {
  SER_DYNAMIC_SHARED(memory);
  int* tile = reinterpret_cast<int*>(memory);
  tile[threadIdx.x] = x[threadIdx.x];
  if (careful) __syncthreads();
  y[threadIdx.x] = tile[63 - threadIdx.x];
}

__global__ void divergent_kernel() {
  if (threadIdx.x < 32) __syncthreads();
}

__global__ void two_barriers_kernel() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void lost_lane_kernel(int* y) {
  if (threadIdx.x != 5) y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, static_cast<int>(threadIdx.x), 1);
}

__global__ void late_copy_kernel(const int* x, int* y, bool wait) {
  SER_SHARED(int, tile, 32);
  ser::emulator::copy_later(&tile[threadIdx.x], &x[threadIdx.x], sizeof(int));
  ser::emulator::commit_copies();
  if (wait) ser::emulator::wait_for_copies(0);
  __syncthreads();
  y[threadIdx.x] = tile[31 - threadIdx.x];
}

// Whether `run` ends in a Fault whose sentence has `part`.
bool refused(const std::function<void()>& run, const std::string& part) {
  try {
    run();
  } catch (const Fault& fault) {
    return std::string(fault.what()).find(part) != std::string::npos;
  }
  return false;
}

}  // namespace

int main() {
  std::vector<float> x(1000);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 7) - 3;
  bool sums_hold = true, reversed = true, caught = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    ser::emulator::set_seed(seed);
    std::vector<float> sums(3);
    SER_LAUNCH(sum_kernel, 3, 128, 0, nullptr, x.data(), 1000, sums.data());
    float total = 0;
    for (const float s : sums) total += s;
    float plain = 0;
    for (const float v : x) plain += v;
    sums_hold = sums_hold && total == plain;
    std::vector<int> from(64), to(64), careless(64);
    for (int i = 0; i < 64; ++i) from[static_cast<std::size_t>(i)] = i;
    SER_LAUNCH(reverse_kernel, 1, 64, 64 * sizeof(int), nullptr, from.data(), to.data(), true);
    SER_LAUNCH(reverse_kernel, 1, 64, 64 * sizeof(int), nullptr, from.data(), careless.data(), false);
    for (int i = 0; i < 64; ++i) reversed = reversed && to[static_cast<std::size_t>(i)] == 63 - i;
    caught = caught || careless != to;
  }
  SER_CHECK(sums_hold, "a block's sums are the same in 20 orders of threads");
  SER_CHECK(reversed, "values exchanged through shared memory behind a barrier arrive");
  SER_CHECK(caught, "a missing barrier shows in one of 20 orders");

  ser::emulator::set_seed(3);
  std::vector<int> y(32), z(32), source(32);
  for (int i = 0; i < 32; ++i) source[static_cast<std::size_t>(i)] = i + 1;
  SER_CHECK(refused([] { SER_LAUNCH(divergent_kernel, 1, 64, 0, nullptr); }, "cannot go on"),
            "a barrier that half a block reaches");
  SER_CHECK(refused([] { SER_LAUNCH(two_barriers_kernel, 1, 64, 0, nullptr); }, "different barriers"), "two barriers at once");
  SER_CHECK(refused([&] { SER_LAUNCH(lost_lane_kernel, 1, 32, 0, nullptr, y.data()); }, "which has ended"),
            "a shuffle that waits for a lane which never comes");
  SER_CHECK(refused([&] { SER_LAUNCH(reverse_kernel, 1, 64, 300 * 1024, nullptr, y.data(), z.data(), true); }, "shared memory"),
            "more shared memory than a GPU has");
  SER_CHECK(refused([&] { SER_LAUNCH(reverse_kernel, 1, 2048, 0, nullptr, y.data(), z.data(), true); }, "2048 threads"),
            "more threads than a block may have");
  SER_LAUNCH(late_copy_kernel, 1, 32, 0, nullptr, source.data(), y.data(), true);
  SER_LAUNCH(late_copy_kernel, 1, 32, 0, nullptr, source.data(), z.data(), false);
  SER_CHECK(y[0] == 32 && y[31] == 1, "an asynchronous copy has arrived after the wait");
  SER_CHECK(z[0] != 32, "and not before");
  ser::emulator::set_seed(4);
  SER_LAUNCH(late_copy_kernel, 1, 32, 0, nullptr, source.data(), z.data(), false);
  SER_CHECK(z[0] == 32, "under an even seed it arrives at once");
  return ser::test::finish("emulator_test");
}
