// In float64: energies 80 dB below a frame's peak count as much as the peak, and there float32 transforms, LibTorch's among
// them, are 2e-5 off. The transform is a small part of an encoder's time either way.
//
// 400 real samples run as 200 complex ones over (even, odd) pairs, split afterwards; 200 = 5 x 5 x 4 x 2 in Stockham passes.
#include "encoder/pretrained/log_mel_kernel.h"

#include <algorithm>
#include <cmath>

#include "engine/vector_clones.h"

#pragma GCC diagnostic ignored "-Wpsabi"

namespace ser {
namespace {

constexpr int kLanes = 4;  // both buffers of the transform stay in a 32 KiB first-level cache
constexpr int kPoints = 200;
constexpr int kMaxBands = 256;
using Vec = double __attribute__((vector_size(kLanes * sizeof(double))));

struct alignas(64) Buffers {
  Vec re[2][kPoints], im[2][kPoints];
  // Slot b + 1 is filter b; the two at the ends take what lies outside the first and the last centre, which is no filter's.
  Vec energies[kMaxBands + 2];
};

struct Complex {
  Vec re, im;
};

SER_ALWAYS_INLINE void butterfly(Complex (&x)[2]) {
  const Complex a = x[0], b = x[1];
  x[0] = {a.re + b.re, a.im + b.im};
  x[1] = {a.re - b.re, a.im - b.im};
}

SER_ALWAYS_INLINE void butterfly(Complex (&x)[4]) {
  const Complex even{x[0].re + x[2].re, x[0].im + x[2].im}, dif{x[0].re - x[2].re, x[0].im - x[2].im};
  const Complex odd{x[1].re + x[3].re, x[1].im + x[3].im};
  const Complex turned{x[1].im - x[3].im, x[3].re - x[1].re};  // -i (x_1 - x_3)
  x[0] = {even.re + odd.re, even.im + odd.im};
  x[1] = {dif.re + turned.re, dif.im + turned.im};
  x[2] = {even.re - odd.re, even.im - odd.im};
  x[3] = {dif.re - turned.re, dif.im - turned.im};
}

SER_ALWAYS_INLINE void butterfly(Complex (&x)[5]) {
  constexpr double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410;  // cos(2 pi / 5), cos(4 pi / 5)
  constexpr double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;   // sin(2 pi / 5), sin(4 pi / 5)
  const Vec ar = x[1].re + x[4].re, ai = x[1].im + x[4].im, br = x[2].re + x[3].re, bi = x[2].im + x[3].im;
  const Vec cr = x[1].re - x[4].re, ci = x[1].im - x[4].im, dr = x[2].re - x[3].re, di = x[2].im - x[3].im;
  const Vec m1r = x[0].re + ar * c1 + br * c2, m1i = x[0].im + ai * c1 + bi * c2;
  const Vec m2r = x[0].re + ar * c2 + br * c1, m2i = x[0].im + ai * c2 + bi * c1;
  const Vec n1r = cr * s1 + dr * s2, n1i = ci * s1 + di * s2;
  const Vec n2r = cr * s2 - dr * s1, n2i = ci * s2 - di * s1;
  x[0] = {x[0].re + ar + br, x[0].im + ai + bi};
  x[1] = {m1r + n1i, m1i - n1r};
  x[4] = {m1r - n1i, m1i + n1r};
  x[2] = {m2r + n2i, m2i - n2r};
  x[3] = {m2r - n2i, m2i + n2r};
}

// One Stockham pass: `stride` transforms of `length` points each become Radix times as many of length / Radix.
template <int Radix>
SER_ALWAYS_INLINE void pass(const LogMelTables& tables, Buffers& buffers, int from, int length, int stride) {
  const int part = length / Radix;
  const Vec *SER_RESTRICT xr = buffers.re[from], *SER_RESTRICT xi = buffers.im[from];
  Vec *SER_RESTRICT yr = buffers.re[from ^ 1], *SER_RESTRICT yi = buffers.im[from ^ 1];
  for (int p = 0; p < part; ++p) {
    double c[Radix], s[Radix];
    for (int k = 0; k < Radix; ++k) {
      c[k] = tables.twiddle_re[(p * k * stride) % kPoints];
      s[k] = tables.twiddle_im[(p * k * stride) % kPoints];
    }
    for (int q = 0; q < stride; ++q) {
      Complex x[Radix];
      for (int j = 0; j < Radix; ++j) x[j] = {xr[q + stride * (p + j * part)], xi[q + stride * (p + j * part)]};
      butterfly(x);
      const int o = q + stride * Radix * p;
      yr[o] = x[0].re;
      yi[o] = x[0].im;
      for (int k = 1; k < Radix; ++k) {
        yr[o + stride * k] = x[k].re * c[k] - x[k].im * s[k];
        yi[o + stride * k] = x[k].re * s[k] + x[k].im * c[k];
      }
    }
  }
}

SER_VECTOR_CLONES void some_rows(const LogMelTables& tables, const LogMelFilters& filters, const float* const* frames,
                                 Buffers& buffers, float* const* out) {
  for (int n = 0; n < kPoints; ++n) {
    Vec even{}, odd{};
    for (int lane = 0; lane < kLanes; ++lane) {
      even[lane] = static_cast<double>(frames[lane][2 * n]);
      odd[lane] = static_cast<double>(frames[lane][2 * n + 1]);
    }
    buffers.re[0][n] = even * tables.window[2 * n];
    buffers.im[0][n] = odd * tables.window[2 * n + 1];
  }
  pass<5>(tables, buffers, 0, 200, 1);
  pass<5>(tables, buffers, 1, 40, 5);
  pass<4>(tables, buffers, 0, 8, 25);
  pass<2>(tables, buffers, 1, 2, 100);

  Vec* energies = buffers.energies;
  for (std::int64_t band = 0; band < filters.bands + 2; ++band) energies[band] = Vec{};
  const Vec *zr = buffers.re[0], *zi = buffers.im[0];
  for (int k = 0; k <= kPoints; ++k) {
    const std::int32_t band = filters.band[static_cast<std::size_t>(k)];
    if (band < 0) continue;
    // X_k = (Z_k + conj Z_{N-k}) / 2 - i w_k (Z_k - conj Z_{N-k}) / 2
    const int a = k % kPoints, b = (kPoints - k) % kPoints;
    const Vec er = (zr[a] + zr[b]) * 0.5, ei = (zi[a] - zi[b]) * 0.5;
    const Vec dr = (zi[a] + zi[b]) * 0.5, di = (zr[b] - zr[a]) * 0.5;
    const double c = tables.split_re[k], s = tables.split_im[k];
    const Vec re = er + dr * c - di * s, im = ei + dr * s + di * c;
    const Vec power = re * re + im * im;
    energies[band + 1] += power * filters.rising[static_cast<std::size_t>(k)];
    energies[band] += power * filters.falling[static_cast<std::size_t>(k)];
  }
  for (std::int64_t band = 0; band < filters.bands; ++band) {
    for (int lane = 0; lane < kLanes; ++lane) out[lane][band] = static_cast<float>(energies[band + 1][lane]);
  }
}

SER_VECTOR_CLONES void finish(std::int64_t n, float floor, const float* x, float* out) {
  // Written so that NaN, which damaged audio brings, stays NaN and is noticed at the loss.
  for (std::int64_t i = 0; i < n; ++i) out[i] = (x[i] < floor ? floor : x[i]) * 0.25f + 1.0f;
}

}  // namespace

LogMelTables::LogMelTables() {
  const double pi = 3.14159265358979323846;
  for (int n = 0; n < 400; ++n) window[n] = 0.5 - 0.5 * std::cos(2 * pi * n / 400);
  for (int k = 0; k < kPoints; ++k) {
    twiddle_re[k] = std::cos(2 * pi * k / kPoints);
    twiddle_im[k] = -std::sin(2 * pi * k / kPoints);
  }
  for (int k = 0; k <= kPoints; ++k) {
    split_re[k] = std::cos(pi * k / kPoints);
    split_im[k] = -std::sin(pi * k / kPoints);
  }
}

void log_mel_energies(const LogMelTables& tables, const LogMelFilters& filters, const float* const* frames, std::int64_t count,
                      float* out) {
  Buffers buffers;
  for (std::int64_t t = 0; t < count; t += kLanes) {
    const float* in[kLanes];
    float* rows[kLanes];
    for (int lane = 0; lane < kLanes; ++lane) {
      // Lanes past the end repeat the last frame: the same values written twice.
      const std::int64_t frame = std::min<std::int64_t>(t + lane, count - 1);
      in[lane] = frames[frame];
      rows[lane] = out + frame * filters.bands;
    }
    some_rows(tables, filters, in, buffers, rows);
  }
}

void log_mel_finish(std::int64_t n, float floor, const float* x, float* out) { finish(n, floor, x, out); }

}  // namespace ser
