// The heads met here are narrow (9 to 64) and the utterances short (100 to 500 frames): a head's q, k and v fit into the L2
// cache, and a matrix library would spend its time on packing. So: rows of queries go in tiles of kRows, whose scores
// against all keys stay in L1; products run along the keys (k and v transposed in scratch) or along the head's width, padded
// to whole vectors with zeros, with kRows independent accumulators to cover the latency of the multiply-add.
#include "encoder/segment_attention_kernel.h"

#include <cmath>
#include <cstring>

#include "encoder/vector_math.h"

namespace ser {
namespace {

constexpr int kRows = 4;
// Keys summed before they join the whole: over a long silence all terms are alike, and rounding in one running sum of 1500 of
// them has one sign.
constexpr std::int64_t kSumBlock = 64;

std::int64_t rounded(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

// Rows of `frames` lie `stride` apart in `from`; `to` gets rows of NV vectors, scaled, with zeros after the head's width and
// after the last frame up to a whole tile.
template <int NV>
SER_ALWAYS_INLINE void copy_rows(const float* from, std::int64_t stride, std::int64_t frames, std::int64_t head, float scale,
                                 float* to) {
  for (std::int64_t t = 0; t < frames; ++t) {
    for (std::int64_t d = 0; d < head; ++d) to[t * NV * kLanes + d] = from[t * stride + d] * scale;
    for (std::int64_t d = head; d < NV * kLanes; ++d) to[t * NV * kLanes + d] = 0;
  }
  std::memset(to + frames * NV * kLanes, 0,
              static_cast<std::size_t>((rounded(frames, kRows) - frames) * NV * kLanes) * sizeof(float));
}

SER_ALWAYS_INLINE void copy_columns(const float* from, std::int64_t stride, std::int64_t frames, std::int64_t padded,
                                    std::int64_t head, float* to) {
  for (std::int64_t d = 0; d < head; ++d) {
    for (std::int64_t t = 0; t < frames; ++t) to[d * padded + t] = from[t * stride + d];
    for (std::int64_t t = frames; t < padded; ++t) to[d * padded + t] = 0;
  }
}

// tile[r][j] = sum_d rows[r][d] * columns[d][j] for kRows rows and all (padded) columns.
template <int NV>
SER_ALWAYS_INLINE void product(const float* rows, const float* columns, std::int64_t padded, std::int64_t head, float* tile) {
  std::int64_t j = 0;
  for (; j + 2 * kLanes <= padded; j += 2 * kLanes) {
    Vec low[kRows] = {}, high[kRows] = {};
    for (std::int64_t d = 0; d < head; ++d) {
      const Vec a = load(columns + d * padded + j), b = load(columns + d * padded + j + kLanes);
      for (int r = 0; r < kRows; ++r) {
        const float x = rows[r * NV * kLanes + d];
        low[r] += x * a;
        high[r] += x * b;
      }
    }
    for (int r = 0; r < kRows; ++r) {
      store(tile + r * padded + j, low[r]);
      store(tile + r * padded + j + kLanes, high[r]);
    }
  }
  for (; j < padded; j += kLanes) {
    Vec low[kRows] = {};
    for (std::int64_t d = 0; d < head; ++d) {
      const Vec a = load(columns + d * padded + j);
      for (int r = 0; r < kRows; ++r) low[r] += rows[r * NV * kLanes + d] * a;
    }
    for (int r = 0; r < kRows; ++r) store(tile + r * padded + j, low[r]);
  }
}

// Weights decided by one block of draws a lane: 16 lanes x 4 words x 2 halves.
constexpr std::int64_t kKeepGroup = kPhiloxLanes * 8;

SER_ALWAYS_INLINE void draw_keep(const AttentionExtras& extras, std::int64_t row, std::int64_t frames, float* factor) {
  std::uint32_t words[4][kPhiloxLanes];
  // A head's rows are told apart by one counter word: 2^24 rows are 93 hours at 50 frames a second.
  const std::uint32_t place = (extras.head << 24) | static_cast<std::uint32_t>(row);
  for (std::int64_t j = 0; j < frames; j += kKeepGroup) {
    philox_lanes(static_cast<std::uint32_t>(j / 8), place, extras.utterance, extras.step, extras.key, words);
    for (int w = 0; w < 4; ++w) {
      for (int i = 0; i < kPhiloxLanes; ++i) {
        factor[j + 2 * w * kPhiloxLanes + i] = (words[w][i] & 0xffffu) >= extras.drop_threshold ? extras.keep_scale : 0.0f;
        factor[j + (2 * w + 1) * kPhiloxLanes + i] = (words[w][i] >> 16) >= extras.drop_threshold ? extras.keep_scale : 0.0f;
      }
    }
  }
}

// Adds the bias of row i to its scores.
SER_ALWAYS_INLINE void add_bias(const AttentionExtras& extras, std::int64_t i, std::int64_t frames, float* row) {
  const float gate = extras.gate[i * extras.gate_stride];
  const float* table = extras.table - i;
  for (std::int64_t j = 0; j < frames; ++j) row[j] += gate * table[j];
}

template <int NV>
SER_ALWAYS_INLINE void forward_body(const AttentionShape& shape, const AttentionExtras& extras, const float* qkv, float* out,
                                    float* log_sum, AttentionScratch& scratch) {
  const std::int64_t frames = shape.frames, head = shape.head_width, stride = 3 * shape.width;
  const std::int64_t padded = rounded(frames, kLanes), wide = NV * kLanes;
  scratch.memory.resize(static_cast<std::size_t>(2 * rounded(frames, kRows) * wide + head * padded + kRows * padded) +
                        static_cast<std::size_t>(rounded(frames, kKeepGroup)));
  float* q = scratch.memory.data();
  float* v = q + rounded(frames, kRows) * wide;
  float* k = v + rounded(frames, kRows) * wide;
  float* tile = k + head * padded;
  float* keep = tile + kRows * padded;
  copy_rows<NV>(qkv, stride, frames, head, 1.0f / std::sqrt(static_cast<float>(head)), q);
  copy_columns(qkv + shape.width, stride, frames, padded, head, k);
  copy_rows<NV>(qkv + 2 * shape.width, stride, frames, head, 1.0f, v);

  for (std::int64_t i = 0; i < frames; i += kRows) {
    product<NV>(q + i * wide, k, padded, head, tile);
    float total[kRows];
    for (int r = 0; r < kRows; ++r) {
      float* row = tile + r * padded;
      if (extras.table != nullptr && i + r < frames) add_bias(extras, i + r, frames, row);
      for (std::int64_t j = frames; j < padded; ++j) row[j] = -1e30f;
      Vec most = load(row);
      for (std::int64_t j = kLanes; j < padded; j += kLanes) {
        const Vec x = load(row + j);
        most = x > most ? x : most;
      }
      float peak = most[0];
      for (int lane = 1; lane < kLanes; ++lane) peak = most[lane] > peak ? most[lane] : peak;
      Vec sum = {};
      for (std::int64_t j = 0; j < padded; j += kLanes) {
        const Vec e = exp_of(load(row + j) - peak);
        store(row + j, e);
        sum += e;
      }
      total[r] = sum_of(sum);
      if (i + r < frames) log_sum[i + r] = peak + std::log(total[r]);
      if (extras.drop_threshold != 0) {
        draw_keep(extras, i + r, frames, keep);
        for (std::int64_t j = 0; j < frames; ++j) row[j] *= keep[j];
      }
    }
    Vec o[kRows][NV] = {};
    for (std::int64_t first = 0; first < frames; first += kSumBlock) {
      Vec part[kRows][NV] = {};
      const std::int64_t last = first + kSumBlock < frames ? first + kSumBlock : frames;
      for (std::int64_t j = first; j < last; ++j) {
        for (int n = 0; n < NV; ++n) {
          const Vec value = load(v + j * wide + n * kLanes);
          for (int r = 0; r < kRows; ++r) part[r][n] += tile[r * padded + j] * value;
        }
      }
      for (int r = 0; r < kRows; ++r) {
        for (int n = 0; n < NV; ++n) o[r][n] += part[r][n];
      }
    }
    for (int r = 0; r < kRows && i + r < frames; ++r) {
      float row[NV * kLanes];
      for (int n = 0; n < NV; ++n) store(row + n * kLanes, o[r][n] / total[r]);
      for (std::int64_t d = 0; d < head; ++d) out[(i + r) * shape.width + d] = row[d];
    }
  }
}

template <int NV>
SER_ALWAYS_INLINE void backward_body(const AttentionShape& shape, const AttentionExtras& extras, const float* qkv,
                                     const float* out, const float* log_sum, const float* d_out, float* d_qkv,
                                     const AttentionExtrasGradient& d_extras, AttentionScratch& scratch) {
  const std::int64_t frames = shape.frames, head = shape.head_width, stride = 3 * shape.width;
  const std::int64_t padded = rounded(frames, kLanes), wide = NV * kLanes, rows = rounded(frames, kRows);
  scratch.memory.resize(static_cast<std::size_t>(5 * rows * wide + 2 * head * padded + 2 * kRows * padded) +
                        static_cast<std::size_t>(rounded(frames, kKeepGroup)));
  float* q = scratch.memory.data();
  float* k = q + rows * wide;
  float* g = k + rows * wide;  // gradient of the output
  float* dk = g + rows * wide;
  float* dv = dk + rows * wide;
  float* kt = dv + rows * wide;
  float* vt = kt + head * padded;
  float* p = vt + head * padded;
  float* ds = p + kRows * padded;
  float* keep = ds + kRows * padded;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head));
  copy_rows<NV>(qkv, stride, frames, head, scale, q);
  copy_rows<NV>(qkv + shape.width, stride, frames, head, 1.0f, k);
  copy_rows<NV>(d_out, shape.width, frames, head, 1.0f, g);
  copy_columns(qkv + shape.width, stride, frames, padded, head, kt);
  copy_columns(qkv + 2 * shape.width, stride, frames, padded, head, vt);
  std::memset(dk, 0, static_cast<std::size_t>(2 * rows * wide) * sizeof(float));

  for (std::int64_t i = 0; i < frames; i += kRows) {
    product<NV>(q + i * wide, kt, padded, head, p);
    product<NV>(g + i * wide, vt, padded, head, ds);
    for (int r = 0; r < kRows; ++r) {
      float* prob = p + r * padded;
      float* slope = ds + r * padded;
      if (i + r >= frames) {  // rows of the last tile that do not exist must not reach dk and dv
        std::memset(prob, 0, static_cast<std::size_t>(padded) * sizeof(float));
        std::memset(slope, 0, static_cast<std::size_t>(padded) * sizeof(float));
        continue;
      }
      float delta = 0;
      for (std::int64_t d = 0; d < head; ++d) delta += g[(i + r) * wide + d] * out[(i + r) * shape.width + d];
      const float norm = log_sum[i + r];
      if (extras.table != nullptr) add_bias(extras, i + r, frames, prob);
      if (extras.drop_threshold != 0) {
        draw_keep(extras, i + r, frames, keep);
        for (std::int64_t j = 0; j < frames; ++j) slope[j] *= keep[j];
      }
      for (std::int64_t j = 0; j < padded; j += kLanes) {
        const Vec x = load(prob + j) - norm;
        const Vec e = exp_of(x > 0.0f ? Vec{} : x);
        store(prob + j, e);
        store(slope + j, e * (load(slope + j) - delta));
      }
      if (extras.drop_threshold != 0) {
        for (std::int64_t j = 0; j < frames; ++j) prob[j] *= keep[j];
      }
      if (d_extras.table != nullptr) {
        const float gate = extras.gate[(i + r) * extras.gate_stride];
        const float* table = extras.table - (i + r);
        float* d_table = d_extras.table - (i + r);
        Vec sum = {};
        std::int64_t j = 0;
        for (; j + kLanes <= frames; j += kLanes) {
          const Vec s = load(slope + j);
          sum += s * load(table + j);
          store(d_table + j, load(d_table + j) + s * gate);
        }
        float d_gate = sum_of(sum);
        for (; j < frames; ++j) {
          d_gate += slope[j] * table[j];
          d_table[j] += slope[j] * gate;
        }
        d_extras.gate[(i + r) * extras.gate_stride] += d_gate;
      }
    }
    Vec dq[kRows][NV] = {};
    for (int n = 0; n < NV; ++n) {
      Vec query[kRows], up[kRows];
      for (int r = 0; r < kRows; ++r) {
        query[r] = load(q + (i + r) * wide + n * kLanes);
        up[r] = load(g + (i + r) * wide + n * kLanes);
      }
      for (std::int64_t j = 0; j < frames; ++j) {
        const std::int64_t at = j * wide + n * kLanes;
        const Vec key = load(k + at);
        Vec key_slope = load(dk + at), value_slope = load(dv + at);
        for (int r = 0; r < kRows; ++r) {
          const float s = ds[r * padded + j];
          dq[r][n] += s * key;
          key_slope += s * query[r];
          value_slope += p[r * padded + j] * up[r];
        }
        store(dk + at, key_slope);
        store(dv + at, value_slope);
      }
    }
    for (int r = 0; r < kRows && i + r < frames; ++r) {
      float row[NV * kLanes];
      for (int n = 0; n < NV; ++n) store(row + n * kLanes, dq[r][n] * scale);
      for (std::int64_t d = 0; d < head; ++d) d_qkv[(i + r) * stride + d] = row[d];
    }
  }
  for (std::int64_t t = 0; t < frames; ++t) {
    for (std::int64_t d = 0; d < head; ++d) {
      d_qkv[t * stride + shape.width + d] = dk[t * wide + d];
      d_qkv[t * stride + 2 * shape.width + d] = dv[t * wide + d];
    }
  }
}

#define SER_STAMP(NV)                                                                                                         \
  SER_VECTOR_CLONES void forward_##NV(const AttentionShape& s, const AttentionExtras& x, const float* qkv, float* out,        \
                                      float* log_sum, AttentionScratch& scratch) {                                            \
    forward_body<NV>(s, x, qkv, out, log_sum, scratch);                                                                       \
  }                                                                                                                           \
  SER_VECTOR_CLONES void backward_##NV(const AttentionShape& s, const AttentionExtras& x, const float* qkv, const float* out, \
                                       const float* log_sum, const float* d_out, float* d_qkv,                                \
                                       const AttentionExtrasGradient& d_extras, AttentionScratch& scratch) {                  \
    backward_body<NV>(s, x, qkv, out, log_sum, d_out, d_qkv, d_extras, scratch);                                              \
  }
SER_STAMP(1)
SER_STAMP(2)
SER_STAMP(3)
SER_STAMP(4)
#undef SER_STAMP

}  // namespace

void attention_keep(const AttentionExtras& extras, std::int64_t row, std::int64_t frames, float* factor) {
  draw_keep(extras, row, frames, factor);
}

void attention_forward(const AttentionShape& shape, const AttentionExtras& extras, const float* qkv, float* out, float* log_sum,
                       AttentionScratch& scratch) {
  switch ((shape.head_width + kLanes - 1) / kLanes) {
    case 1:
      return forward_1(shape, extras, qkv, out, log_sum, scratch);
    case 2:
      return forward_2(shape, extras, qkv, out, log_sum, scratch);
    case 3:
      return forward_3(shape, extras, qkv, out, log_sum, scratch);
    default:
      return forward_4(shape, extras, qkv, out, log_sum, scratch);
  }
}

void attention_backward(const AttentionShape& shape, const AttentionExtras& extras, const float* qkv, const float* out,
                        const float* log_sum, const float* d_out, float* d_qkv, const AttentionExtrasGradient& d_extras,
                        AttentionScratch& scratch) {
  switch ((shape.head_width + kLanes - 1) / kLanes) {
    case 1:
      return backward_1(shape, extras, qkv, out, log_sum, d_out, d_qkv, d_extras, scratch);
    case 2:
      return backward_2(shape, extras, qkv, out, log_sum, d_out, d_qkv, d_extras, scratch);
    case 3:
      return backward_3(shape, extras, qkv, out, log_sum, d_out, d_qkv, d_extras, scratch);
    default:
      return backward_4(shape, extras, qkv, out, log_sum, d_out, d_qkv, d_extras, scratch);
  }
}

}  // namespace ser
