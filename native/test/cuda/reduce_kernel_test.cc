// Reductions of cuda/reduce.h: the value that every lane and every thread gets, for each size of block, and scratch that is used
// again at once.
#include <algorithm>
#include <vector>

#include "cuda/reduce.h"
#include "test/check.h"
#include "test/emulator/emulator.h"

namespace {

using ser::cuda::Max;
using ser::cuda::Min;
using ser::cuda::Sum;

template <typename Join, typename T>
__global__ void warp_kernel(const T* x, T* out) {
  out[threadIdx.x] = ser::cuda::warp_reduce<Join>(x[threadIdx.x]);
}

template <typename Join, typename T>
__global__ void eighths_kernel(const T* x, T* out) {
  out[threadIdx.x] = ser::cuda::warp_reduce<Join, 4>(x[threadIdx.x]);
}

// The sum, then the maximum of what is left without it, through one scratch with no barrier between.
template <typename T>
__global__ void block_kernel(const T* x, T* sums, T* maxima) {
  SER_DYNAMIC_SHARED(memory);
  T* scratch = reinterpret_cast<T*>(memory);
  const T mine = x[threadIdx.x];
  const T sum = ser::cuda::block_reduce<Sum>(mine, scratch);
  const T most = ser::cuda::block_reduce<Max>(static_cast<T>(mine - sum), scratch);
  sums[threadIdx.x] = sum;
  maxima[threadIdx.x] = most;
}

// Small whole numbers: any order of adding gives the same bits, so results are compared exactly. All are negative, so that a
// maximum which reads nothing (zero) shows.
template <typename T>
std::vector<T> numbers(int count, int salt) {
  std::vector<T> x(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) x[static_cast<std::size_t>(i)] = static_cast<T>(-1 - (i * 37 + salt * 101) % 1021);
  return x;
}

template <typename T>
void check(const std::string& type) {
  bool warp_sums = true, warp_maxima = true, eighths = true, sums_hold = true, maxima_hold = true;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    ser::emulator::set_seed(seed);
    for (int salt = 0; salt < 4; ++salt) {
      const std::vector<T> x = numbers<T>(32, salt);
      std::vector<T> sums(32), maxima(32);
      SER_LAUNCH((warp_kernel<Sum, T>), 1, 32, 0, nullptr, x.data(), sums.data());
      SER_LAUNCH((warp_kernel<Max, T>), 1, 32, 0, nullptr, x.data(), maxima.data());
      T sum = 0;
      for (const T v : x) sum += v;
      const T most = *std::max_element(x.begin(), x.end());
      for (const T v : sums) warp_sums = warp_sums && v == sum;
      for (const T v : maxima) warp_maxima = warp_maxima && v == most;
      std::vector<T> minima(32);
      SER_LAUNCH((eighths_kernel<Sum, T>), 1, 32, 0, nullptr, x.data(), sums.data());
      SER_LAUNCH((eighths_kernel<Min, T>), 1, 32, 0, nullptr, x.data(), minima.data());
      for (std::size_t lane = 0; lane < 32; ++lane) {
        const T* own = x.data() + lane / 4 * 4;
        eighths = eighths && sums[lane] == own[0] + own[1] + own[2] + own[3] && minima[lane] == *std::min_element(own, own + 4);
      }
    }
    for (const int threads : {32, 64, 96, seed == 1 ? 1024 : 256}) {
      const std::vector<T> x = numbers<T>(threads, static_cast<int>(seed));
      std::vector<T> sums(x.size()), maxima(x.size());
      SER_LAUNCH((block_kernel<T>), 1, static_cast<unsigned>(threads), x.size() / 32 * sizeof(T), nullptr, x.data(),
                 sums.data(), maxima.data());
      T sum = 0;
      for (const T v : x) sum += v;
      const T most = *std::max_element(x.begin(), x.end()) - sum;
      for (const T v : sums) sums_hold = sums_hold && v == sum;
      for (const T v : maxima) maxima_hold = maxima_hold && v == most;
    }
  }
  SER_CHECK(warp_sums, type + ": each lane has the warp's sum");
  SER_CHECK(warp_maxima, type + ": each lane has the warp's maximum");
  SER_CHECK(eighths, type + ": sum and minimum of each four neighbours");
  SER_CHECK(sums_hold, type + ": each thread has the block's sum, 1 to 32 warps");
  SER_CHECK(maxima_hold, type + ": a second reduction through the same scratch");
}

}  // namespace

int main() {
  check<float>("float");
  check<double>("double");
  check<int>("int");
  return ser::test::finish("reduce_kernel_test");
}
