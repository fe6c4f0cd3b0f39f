// bfloat16 products of a warp on the tensor cores (mma.sync m16n8k16, compute capability 8.0 and up), with a plain stand-in of
// the same layout of fragments for the emulator.
//
// With g = lane / 4 and q = lane % 4, a lane holds (PTX ISA, "Matrix fragments for mma.m16n8k16"):
//   A 16 x 16   a[0]: row g, columns 2q, 2q + 1    a[1]: row g + 8    a[2]: row g, columns 2q + 8, 2q + 9    a[3]: row g + 8
//   B 16 x 8    b[0]: rows 2q, 2q + 1, column g    b[1]: rows 2q + 8, 2q + 9
//   C 16 x 8    c[0], c[1]: row g, columns 2q, 2q + 1    c[2], c[3]: row g + 8
// so that two neighbouring C, rounded, are an A: the result of one product is an operand of the next without leaving the registers.
#pragma once

#include "cuda/eight.h"

namespace ser::cuda {

#ifdef SER_CUDA_EMULATED
namespace emulated {

inline float half_of(std::uint32_t word, int half) { return std::bit_cast<float>(half == 0 ? word << 16 : word & 0xffff0000u); }

struct Operands {
  std::uint32_t a[4], b[2];
};

// Four 8 x 8 matrices; lane i gave the address of row i % 8 of matrix i / 8. The bytes move when all lanes have given theirs.
inline void load_four(const __nv_bfloat16* row, bool transposed, std::uint32_t (&out)[4]) {
  const unsigned char* all = emulator::warp_exchange(kFullMask, &row, sizeof row, __FILE__, __LINE__);
  const int lane = static_cast<int>(emulator::lane()), g = lane / 4, q = lane % 4;
  for (int m = 0; m < 4; ++m) {
    std::uint32_t word = 0;
    for (int half = 0; half < 2; ++half) {
      const int r = transposed ? 2 * q + half : g, c = transposed ? g : 2 * q + half;
      const __nv_bfloat16* from;
      std::memcpy(&from, all + static_cast<std::size_t>(8 * m + r) * sizeof from, sizeof from);
      if (reinterpret_cast<std::uintptr_t>(from) % 16 != 0)
        throw emulator::Fault("a row of a matrix at no multiple of 16 bytes");
      word |= static_cast<std::uint32_t>(from[c].bits) << (16 * half);
    }
    out[m] = word;
  }
}

}  // namespace emulated
#endif

// Loads four 8 x 8 matrices from shared memory (ldmatrix): lane i gives the address, a multiple of 16 bytes, of row i % 8 of
// matrix i / 8. out[m] gets row g, columns 2q and 2q + 1 of matrix m.
__device__ __forceinline__ void load_matrices(const __nv_bfloat16* row, std::uint32_t (&out)[4]) {
#ifdef SER_CUDA_EMULATED
  emulated::load_four(row, false, out);
#else
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address)
               : "memory");
#endif
}

// The same, but out[m] gets rows 2q and 2q + 1 of column g.
__device__ __forceinline__ void load_matrices_transposed(const __nv_bfloat16* row, std::uint32_t (&out)[4]) {
#ifdef SER_CUDA_EMULATED
  emulated::load_four(row, true, out);
#else
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(address)
               : "memory");
#endif
}

// c += a * b, products exact, sums in float32.
__device__ __forceinline__ void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
#ifdef SER_CUDA_EMULATED
  emulated::Operands mine{{a[0], a[1], a[2], a[3]}, {b0, b1}};
  const unsigned char* bytes = emulator::warp_exchange(kFullMask, &mine, sizeof mine, __FILE__, __LINE__);
  emulated::Operands all[32];
  std::memcpy(all, bytes, sizeof all);
  const int lane = static_cast<int>(emulator::lane()), g = lane / 4, q = lane % 4;
  for (int e = 0; e < 4; ++e) {
    const int row = g + 8 * (e / 2), column = 2 * q + e % 2;
    float sum = c[e];
    for (int k = 0; k < 16; ++k) {
      const emulated::Operands& left = all[row % 8 * 4 + k % 8 / 2];
      const emulated::Operands& right = all[column * 4 + k % 8 / 2];
      sum += emulated::half_of(left.a[row / 8 + 2 * (k / 8)], k % 2) * emulated::half_of(right.b[k / 8], k % 2);
    }
    c[e] = sum;
  }
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

}  // namespace ser::cuda
