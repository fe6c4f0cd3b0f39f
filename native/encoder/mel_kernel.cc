// A frame of 512 samples is too short to feed a vector unit by itself, and a library call per frame costs more than the
// transform. So kLanes frames go side by side: every scalar of a textbook radix-4 FFT becomes a vector, with no shuffles.
// The real transform of 512 runs as a complex one of 256 over (even, odd) pairs, split afterwards.
#include "encoder/mel_kernel.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "engine/vector_clones.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace ser {
namespace {

// Eight lanes keep both buffers of the transform in a 32 KiB first-level cache; sixteen would not.
constexpr int kLanes = 8;
constexpr int kPoints = 256;
using Vec = float __attribute__((vector_size(kLanes * sizeof(float))));
using IntVec = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

constexpr int kMaxBands = 256;

struct alignas(64) Buffers {
  Vec re[2][kPoints], im[2][kPoints];
  // Slot b + 1 is filter b; the two at the ends take what lies outside the first and the last centre, which is no filter's.
  Vec energies[kMaxBands + 2];
};

// Stockham radix-4: four passes between two buffers, results in natural order in buffer 0.
SER_ALWAYS_INLINE void transform(const MelTables& tables, Buffers& buffers) {
  int from = 0;
  for (int length = kPoints, stride = 1; length > 1; length /= 4, stride *= 4, from ^= 1) {
    const int quarter = length / 4;
    const Vec *SER_RESTRICT xr = buffers.re[from], *SER_RESTRICT xi = buffers.im[from];
    Vec *SER_RESTRICT yr = buffers.re[from ^ 1], *SER_RESTRICT yi = buffers.im[from ^ 1];
    for (int p = 0; p < quarter; ++p) {
      const float c1 = tables.twiddle_re[p * stride], s1 = tables.twiddle_im[p * stride];
      const float c2 = tables.twiddle_re[(2 * p * stride) % kPoints], s2 = tables.twiddle_im[(2 * p * stride) % kPoints];
      const float c3 = tables.twiddle_re[(3 * p * stride) % kPoints], s3 = tables.twiddle_im[(3 * p * stride) % kPoints];
      for (int q = 0; q < stride; ++q) {
        const int a = q + stride * p, b = a + stride * quarter, c = b + stride * quarter, d = c + stride * quarter;
        const Vec sum_r = xr[a] + xr[c], sum_i = xi[a] + xi[c], dif_r = xr[a] - xr[c], dif_i = xi[a] - xi[c];
        const Vec odd_r = xr[b] + xr[d], odd_i = xi[b] + xi[d];
        const Vec rot_r = xi[b] - xi[d], rot_i = xr[d] - xr[b];  // -i (x_b - x_d)
        const int o = q + stride * 4 * p;
        yr[o] = sum_r + odd_r;
        yi[o] = sum_i + odd_i;
        const Vec t1r = dif_r + rot_r, t1i = dif_i + rot_i;
        yr[o + stride] = t1r * c1 - t1i * s1;
        yi[o + stride] = t1r * s1 + t1i * c1;
        const Vec t2r = sum_r - odd_r, t2i = sum_i - odd_i;
        yr[o + 2 * stride] = t2r * c2 - t2i * s2;
        yi[o + 2 * stride] = t2r * s2 + t2i * c2;
        const Vec t3r = dif_r - rot_r, t3i = dif_i - rot_i;
        yr[o + 3 * stride] = t3r * c3 - t3i * s3;
        yi[o + 3 * stride] = t3r * s3 + t3i * c3;
      }
    }
  }
}

// Natural logarithm of positive normal numbers, relative error about 1e-7 (polynomial of the Cephes library's logf); infinity
// and NaN stay what they are, so that damaged audio is noticed at the loss.
SER_ALWAYS_INLINE Vec log_of(const Vec& x) {
  IntVec bits;
  std::memcpy(&bits, &x, sizeof bits);
  IntVec exponent = ((bits >> 23) & 255) - 126;
  bits = (bits & 0x007fffff) | 0x3f000000;
  Vec m;  // in [0.5, 1)
  std::memcpy(&m, &bits, sizeof m);
  const IntVec low = m < 0.707106781f;  // all ones where true
  exponent += low;
  m = low ? m + m - 1.0f : m - 1.0f;
  const Vec e = __builtin_convertvector(exponent, Vec);
  const Vec z = m * m;
  Vec p = m * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  const Vec y = p * m * z + e * -2.12194440e-4f - z * 0.5f;
  const Vec result = m + y + e * 0.693359375f;
  return x <= std::numeric_limits<float>::max() ? result : x;
}

SER_VECTOR_CLONES void eight_rows(const MelTables& tables, const MelFilters& filters, const float* const* frames,
                                  Buffers& buffers, float* const* out) {
  for (int n = 0; n < kPoints; ++n) {
    Vec even{}, odd{};
    if (2 * n < 400) {
      for (int lane = 0; lane < kLanes; ++lane) {
        even[lane] = frames[lane][2 * n];
        odd[lane] = frames[lane][2 * n + 1];
      }
      even *= tables.window[2 * n];
      odd *= tables.window[2 * n + 1];
    }
    buffers.re[0][n] = even;
    buffers.im[0][n] = odd;
  }
  transform(tables, buffers);

  Vec* energies = buffers.energies;
  for (std::int64_t band = 0; band < filters.bands + 2; ++band) energies[band] = Vec{};
  const Vec *zr = buffers.re[0], *zi = buffers.im[0];
  for (int k = 0; k <= kPoints; ++k) {
    const std::int32_t band = filters.band[static_cast<std::size_t>(k)];
    if (band < 0) continue;
    // X_k = (Z_k + conj Z_{N-k}) / 2 - i w_k (Z_k - conj Z_{N-k}) / 2
    const int a = k % kPoints, b = (kPoints - k) % kPoints;
    const Vec er = (zr[a] + zr[b]) * 0.5f, ei = (zi[a] - zi[b]) * 0.5f;
    const Vec dr = (zi[a] + zi[b]) * 0.5f, di = (zr[b] - zr[a]) * 0.5f;
    const float c = k == kPoints ? -1.0f : tables.split_re[k], s = k == kPoints ? 0.0f : tables.split_im[k];
    const Vec re = er + dr * c - di * s, im = ei + dr * s + di * c;
    const Vec power = re * re + im * im;
    energies[band + 1] += power * filters.rising[static_cast<std::size_t>(k)];
    energies[band] += power * filters.falling[static_cast<std::size_t>(k)];
  }
  for (std::int64_t band = 0; band < filters.bands; ++band) {
    const Vec value = log_of(energies[band + 1] + 1e-8f);
    for (int lane = 0; lane < kLanes; ++lane) out[lane][band] = value[lane];
  }
}

SER_VECTOR_CLONES void shift_by(std::int64_t n, float mean, float gain, float* x) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = (x[i] - mean) * gain;
}

}  // namespace

void shift_rows(std::int64_t n, double mean, float gain, float* x) {
  if (std::isnan(mean)) {
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
    mean = sum / static_cast<double>(n);
  }
  shift_by(n, static_cast<float>(mean), gain, x);
}

MelTables::MelTables() {
  const double pi = 3.14159265358979323846;
  for (int n = 0; n < 400; ++n) window[n] = static_cast<float>(0.5 - 0.5 * std::cos(2 * pi * n / 399));
  for (int k = 0; k < kPoints; ++k) {
    twiddle_re[k] = static_cast<float>(std::cos(2 * pi * k / kPoints));
    twiddle_im[k] = static_cast<float>(-std::sin(2 * pi * k / kPoints));
    split_re[k] = static_cast<float>(std::cos(pi * k / kPoints));
    split_im[k] = static_cast<float>(-std::sin(pi * k / kPoints));
  }
}

void mel_rows(const MelTables& tables, const MelFilters& filters, const float* samples, std::int64_t hop, std::int64_t frames,
              float* out) {
  Buffers buffers;
  for (std::int64_t t = 0; t < frames; t += kLanes) {
    const float* in[kLanes];
    float* rows[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      // Lanes past the end repeat the last frame: the same values written twice.
      const std::int64_t frame = t + lane < frames ? t + lane : frames - 1;
      in[lane] = samples + frame * hop;
      rows[lane] = out + frame * filters.bands;
    }
    eight_rows(tables, filters, in, buffers, rows);
  }
}

}  // namespace ser
