// A small emulator of CUDA's block model, for tests only: it proves the logic of a kernel, not its speed.
//
// Blocks run one after the other; the threads of a block are fibers that run until they meet a barrier or a warp operation. The
// order of blocks, and of the threads that can go on, is shuffled by a seed at every turn, so that a missing barrier lets
// some thread read before or write after its turn and the result comes out wrong under some seed. Shared memory is a heap
// block of the exact size, filled with 0xff (NaN) for every block: the address sanitizer sees an access beyond it, and a value
// read before it was written shows. Refused by name: a barrier that only a part of the block reaches, or at two places at
// once; a warp operation whose lanes differ; a launch that the hardware would refuse; a deadlock.
//
// Not emulated: memory ordering between blocks, clusters, grid-wide barriers, dynamic parallelism, the copy engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace ser::emulator {

struct Dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr Dim3() = default;
  constexpr Dim3(unsigned x_, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}  // implicit, as CUDA's is
};

// What the kernel did wrong, with the place where it did.
struct Fault : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Of the launches to come; 0 = threads and blocks in their natural order.
void set_seed(std::uint64_t seed);

// Launches since the program began, and threads that ran: so that a test can say how many launches an operation takes.
struct Counters {
  std::uint64_t launches = 0, threads = 0;
};
const Counters& counters();

void launch(Dim3 grid, Dim3 block, std::size_t shared_bytes, const char* name, const std::function<void()>& body);

// Of the running thread.
struct Place {
  Dim3 thread, block, block_size, grid_size;
};
const Place& place();

void block_barrier(const char* file, int line);
// `predicate` of all threads joined: how many are non-zero.
int block_barrier_count(int predicate, const char* file, int line);

// The bytes that each lane of the warp put in, 32 slots of `bytes`; those of lanes outside `mask` are undefined. The pointer
// holds until the thread's next warp operation.
const unsigned char* warp_exchange(unsigned mask, const void* value, std::size_t bytes, const char* file, int line);
unsigned lane();

void* dynamic_shared();
// The same memory for all threads of a block; `tag` names the declaration.
void* static_shared(const void* tag, std::size_t bytes);

// A copy that takes place when the thread waits for it, or, under even seeds other than 0, at once. As cp.async may do either, memory
// read before the wait may be the old one, and memory that somebody still reads may already be the new one.
void copy_later(void* to, const void* from, std::size_t bytes);
void commit_copies();
// Waits until at most `pending` committed groups are left.
void wait_for_copies(int pending);

template <typename T>
T shuffle(unsigned mask, T value, int source, const char* file, int line) {
  static_assert(std::is_trivially_copyable_v<T>);
  const unsigned char* all = warp_exchange(mask, &value, sizeof value, file, line);
  if ((mask >> source & 1u) == 0) throw Fault(std::string("a shuffle reads a lane outside its mask at ") + file);
  T result;
  std::memcpy(&result, all + static_cast<std::size_t>(source) * sizeof value, sizeof value);
  return result;
}

}  // namespace ser::emulator
