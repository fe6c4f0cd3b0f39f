#include "test/emulator/emulator.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SER_FIBER_START(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define SER_FIBER_FINISH(save, bottom, size) __sanitizer_finish_switch_fiber(save, bottom, size)
#else
#define SER_FIBER_START(save, bottom, size) (void)0
#define SER_FIBER_FINISH(save, bottom, size) (void)0
#endif

namespace ser::emulator {
namespace {

constexpr std::size_t kStack = 256 * 1024;
constexpr unsigned kLanes = 32;
constexpr unsigned kNoWarp = ~0u;
constexpr std::size_t kSlot = 64;  // the widest value of a warp operation

struct Copy {
  void* to;
  const void* from;
  std::size_t bytes;
};

enum class State { ready, at_barrier, in_warp, done };

struct Fiber {
  ucontext_t context{};
  void* stack = nullptr;
  void* fake_stack = nullptr;
  State state = State::ready;
  Place place;
  unsigned rank = 0;
  // Where it waits.
  const char* file = "";
  int line = 0;
  int predicate = 0;
  unsigned mask = 0;
  std::size_t bytes = 0;
  std::vector<Copy> open_copies;
  std::deque<std::vector<Copy>> committed_copies;
};

// What lanes of one mask put in. Two rounds are kept: a lane that runs ahead fills the other one, and none gets further
// before all have read.
struct WarpRound {
  std::vector<unsigned char> slots[2] = {std::vector<unsigned char>(kLanes * kSlot), std::vector<unsigned char>(kLanes* kSlot)};
  int turn = 0;
};

std::vector<void*>& free_stacks() {
  static std::vector<void*> stacks;
  return stacks;
}

class Block {
 public:
  Block(Dim3 size, std::size_t shared_bytes);
  void run(Dim3 index, Dim3 size, Dim3 grid, const std::function<void()>& body, std::mt19937_64* random);

  Fiber* current = nullptr;
  void pause(State state, const char* file, int line);
  int count = 0;  // result of the last barrier
  void* dynamic() { return shared_bytes_ > 0 ? dynamic_.get() : nullptr; }
  void* shared(const void* tag, std::size_t bytes);
  std::map<std::pair<unsigned, unsigned>, WarpRound> rounds;

  void body_of_current();
  void release_stacks() {
    for (Fiber& fiber : fibers_) free_stacks().push_back(fiber.stack);
  }

 private:
  void resume(Fiber& fiber);
  bool release_barrier();
  bool release_warps();
  unsigned next_runner(unsigned runner, const std::vector<Fiber*>& ready, std::mt19937_64* random);
  [[noreturn]] void report_deadlock() const;

  std::vector<Fiber> fibers_;
  std::size_t shared_bytes_;
  std::unique_ptr<unsigned char[]> dynamic_;
  std::map<const void*, std::unique_ptr<unsigned char[]>> static_;
  std::size_t static_bytes_ = 0;
  ucontext_t scheduler_{};
  void* scheduler_fake_ = nullptr;
  const void* scheduler_bottom_ = nullptr;
  std::size_t scheduler_size_ = 0;
  const std::function<void()>* body_ = nullptr;
  std::exception_ptr failure_;
};

Block* running = nullptr;
std::uint64_t seed = 0;
std::uint64_t launch_count = 0;
Counters totals;

void* take_stack() {
  auto& stacks = free_stacks();
  if (!stacks.empty()) {
    void* stack = stacks.back();
    stacks.pop_back();
    return stack;
  }
  void* stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED) throw std::runtime_error("no memory for the stack of a fiber");
  return stack;
}

std::string at(const char* file, int line) {
  const std::string path = file;
  return path.substr(path.rfind('/') + 1) + ":" + std::to_string(line);
}

Block::Block(Dim3 size, std::size_t shared_bytes) : fibers_(static_cast<std::size_t>(size.x) * size.y * size.z) {
  shared_bytes_ = shared_bytes;
  dynamic_.reset(static_cast<unsigned char*>(::operator new[](std::max<std::size_t>(shared_bytes, 1))));
  for (Fiber& fiber : fibers_) fiber.stack = take_stack();
}

void entry() { running->body_of_current(); }

void Block::body_of_current() {
  SER_FIBER_FINISH(nullptr, &scheduler_bottom_, &scheduler_size_);
  Fiber* self = current;
  try {
    (*body_)();
    if (!self->open_copies.empty()) throw Fault("a thread ended with copies that it never committed");
  } catch (...) {
    if (!failure_) failure_ = std::current_exception();
  }
  self->state = State::done;
  // A null pointer tells the sanitizer that this stack is not coming back.
  SER_FIBER_START(nullptr, scheduler_bottom_, scheduler_size_);
  setcontext(&scheduler_);
}

void Block::resume(Fiber& fiber) {
  current = &fiber;
  SER_FIBER_START(&scheduler_fake_, fiber.stack, kStack);
  swapcontext(&scheduler_, &fiber.context);
  SER_FIBER_FINISH(scheduler_fake_, nullptr, nullptr);
  current = nullptr;
}

void Block::pause(State state, const char* file, int line) {
  Fiber* self = current;
  self->state = state;
  self->file = file;
  self->line = line;
  SER_FIBER_START(&self->fake_stack, scheduler_bottom_, scheduler_size_);
  swapcontext(&self->context, &scheduler_);
  SER_FIBER_FINISH(self->fake_stack, &scheduler_bottom_, &scheduler_size_);
}

bool Block::release_barrier() {
  const Fiber* first = nullptr;
  bool all = true;
  for (const Fiber& fiber : fibers_) {
    if (fiber.state != State::at_barrier) {
      all = false;
      continue;
    }
    if (first == nullptr) first = &fiber;
    if (fiber.line != first->line || std::strcmp(fiber.file, first->file) != 0) {
      throw Fault("threads of a block wait at different barriers: " + at(first->file, first->line) + " and " +
                  at(fiber.file, fiber.line));
    }
  }
  if (first == nullptr || !all) return false;
  count = 0;
  for (Fiber& fiber : fibers_) count += fiber.predicate != 0;
  for (Fiber& fiber : fibers_) fiber.state = State::ready;
  return true;
}

bool Block::release_warps() {
  bool released = false;
  for (std::size_t base = 0; base < fibers_.size(); base += kLanes) {
    const std::size_t lanes = std::min<std::size_t>(kLanes, fibers_.size() - base);
    unsigned looked_at = 0;  // the mask of the last leader: one lane speaks for all that name the same
    for (std::size_t i = 0; i < lanes; ++i) {
      const Fiber& leader = fibers_[base + i];
      if (leader.state != State::in_warp || (leader.mask == looked_at && (looked_at >> i & 1u) != 0)) continue;
      looked_at = leader.mask;
      const unsigned present = lanes == kLanes ? ~0u : (1u << lanes) - 1;
      const unsigned mask = leader.mask & present;
      if ((leader.mask >> i & 1u) == 0)
        throw Fault("a lane takes part in a warp operation whose mask leaves it out, at " + at(leader.file, leader.line));
      bool all = true;
      for (std::size_t j = 0; j < lanes; ++j) {
        if ((mask >> j & 1u) == 0) continue;
        const Fiber& other = fibers_[base + j];
        if (other.state == State::done) {
          throw Fault("a warp operation at " + at(leader.file, leader.line) + " waits for lane " + std::to_string(j) +
                      ", which has ended");
        }
        if (other.state != State::in_warp) {
          all = false;
        } else if (other.mask != leader.mask || other.bytes != leader.bytes || other.line != leader.line) {
          if ((other.mask & leader.mask) != 0 && (other.mask >> i & 1u) != 0) {
            throw Fault("lanes of a warp are in different operations: " + at(leader.file, leader.line) + " and " +
                        at(other.file, other.line));
          }
          all = false;
        }
      }
      if (!all) continue;
      for (std::size_t j = 0; j < lanes; ++j) {
        if ((mask >> j & 1u) != 0) fibers_[base + j].state = State::ready;
      }
      WarpRound& round = rounds[{static_cast<unsigned>(base / kLanes), leader.mask}];
      round.turn ^= 1;
      released = true;
    }
  }
  return released;
}

void Block::report_deadlock() const {
  std::map<std::string, int> waiting;
  for (const Fiber& fiber : fibers_) {
    if (fiber.state == State::done) ++waiting["have ended"];
    if (fiber.state == State::at_barrier) ++waiting["wait at the barrier " + at(fiber.file, fiber.line)];
    if (fiber.state == State::in_warp) ++waiting["wait in the warp operation " + at(fiber.file, fiber.line)];
  }
  std::string text = "a block cannot go on:";
  for (const auto& [where, threads] : waiting) text += " " + std::to_string(threads) + " threads " + where + ";";
  throw Fault(text);
}

// A warp that goes on alone until it waits at a barrier or ends, as one may on the hardware: what it does in its next phase is then
// done while the others are still in this one. Between two such runs there may be turns for all.
unsigned Block::next_runner(unsigned runner, const std::vector<Fiber*>& ready, std::mt19937_64* random) {
  if (random == nullptr || ready.empty()) return kNoWarp;
  const auto may_run = [&](const Fiber* fiber) { return fiber->rank / kLanes == runner; };
  if (runner != kNoWarp && std::any_of(ready.begin(), ready.end(), may_run)) return runner;
  if ((*random)() % 2 == 0) return kNoWarp;
  return ready[(*random)() % ready.size()]->rank / kLanes;
}

void Block::run(Dim3 index, Dim3 size, Dim3 grid, const std::function<void()>& body, std::mt19937_64* random) {
  std::memset(dynamic_.get(), 0xff, shared_bytes_);
  static_.clear();
  static_bytes_ = 0;
  rounds.clear();
  body_ = &body;
  for (std::size_t i = 0; i < fibers_.size(); ++i) {
    Fiber& fiber = fibers_[i];
    const unsigned rank = static_cast<unsigned>(i);
    fiber.place = {{rank % size.x, rank / size.x % size.y, rank / (size.x * size.y)}, index, size, grid};
    fiber.rank = rank;
    fiber.state = State::ready;
    fiber.open_copies.clear();
    fiber.committed_copies.clear();
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = kStack;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
  }
  std::vector<Fiber*> ready;
  unsigned runner = kNoWarp;
  for (;;) {
    ready.clear();
    bool alive = false;
    for (Fiber& fiber : fibers_) {
      alive = alive || fiber.state != State::done;
      if (fiber.state == State::ready) ready.push_back(&fiber);
    }
    runner = next_runner(runner, ready, random);
    if (runner != kNoWarp) std::erase_if(ready, [&](const Fiber* fiber) { return fiber->rank / kLanes != runner; });
    if (!alive) return;
    if (ready.empty()) {
      if (!release_warps() && !release_barrier()) report_deadlock();
      continue;
    }
    if (random != nullptr) std::shuffle(ready.begin(), ready.end(), *random);
    // Not all at once: a warp may be far ahead of another.
    const std::size_t turn = random != nullptr ? 1 + (*random)() % ready.size() : ready.size();
    for (std::size_t i = 0; i < turn; ++i) {
      resume(*ready[i]);
      if (failure_) std::rethrow_exception(failure_);
    }
    release_warps();
  }
}

void* Block::shared(const void* tag, std::size_t bytes) {
  auto& memory = static_[tag];
  if (memory == nullptr) {
    memory.reset(static_cast<unsigned char*>(::operator new[](bytes)));
    std::memset(memory.get(), 0xff, bytes);
    static_bytes_ += bytes;
    if (static_bytes_ > 48 * 1024) throw Fault("more than 48 KB of static shared memory");
  }
  return memory.get();
}

void require(bool ok, const std::string& what) {
  if (!ok) throw Fault(what);
}

}  // namespace

void set_seed(std::uint64_t value) { seed = value; }
const Counters& counters() { return totals; }
const Place& place() { return running->current->place; }
unsigned lane() { return running->current->rank % kLanes; }

void launch(Dim3 grid, Dim3 size, std::size_t shared_bytes, const char* name, const std::function<void()>& body) {
  const std::uint64_t threads = std::uint64_t{size.x} * size.y * size.z;
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  require(running == nullptr, std::string(name) + ": a kernel launched a kernel");
  require(threads > 0 && threads <= 1024 && size.z <= 64,
          std::string(name) + ": " + std::to_string(threads) + " threads in a block");
  require(blocks > 0, std::string(name) + ": an empty grid");
  require(grid.x <= 2147483647u && grid.y <= 65535 && grid.z <= 65535, std::string(name) + ": a grid that is too large");
  require(shared_bytes <= 227 * 1024, std::string(name) + ": " + std::to_string(shared_bytes) + " bytes of shared memory");
  totals.launches += 1;
  totals.threads += threads * blocks;
  std::mt19937_64 random(seed * 0x9e3779b97f4a7c15ull + launch_count++);
  std::vector<std::uint64_t> order(blocks);
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  if (seed != 0) std::shuffle(order.begin(), order.end(), random);

  struct Scope {
    explicit Scope(Block* block) { running = block; }
    ~Scope() { running = nullptr; }
  };
  // A failed block's fibers are still on their stacks, so these are not used again.
  auto block = std::make_unique<Block>(size, shared_bytes);
  const Scope scope(block.get());
  for (const std::uint64_t b : order) {
    const Dim3 index(static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                     static_cast<unsigned>(b / (std::uint64_t{grid.x} * grid.y)));
    try {
      block->run(index, size, grid, body, seed != 0 ? &random : nullptr);
    } catch (const Fault& fault) {
      throw Fault(std::string(name) + ", block " + std::to_string(b) + ": " + fault.what());
    }
  }
  block->release_stacks();
}

void block_barrier(const char* file, int line) { block_barrier_count(0, file, line); }

int block_barrier_count(int predicate, const char* file, int line) {
  running->current->predicate = predicate;
  running->pause(State::at_barrier, file, line);
  return running->count;
}

const unsigned char* warp_exchange(unsigned mask, const void* value, std::size_t bytes, const char* file, int line) {
  if (bytes > kSlot) throw Fault("a warp operation on more than 64 bytes");
  Fiber* self = running->current;
  WarpRound& round = running->rounds[{self->rank / kLanes, mask}];
  const int turn = round.turn;
  unsigned char* slots = round.slots[turn].data();
  std::memcpy(slots + lane() * bytes, value, bytes);
  self->mask = mask;
  self->bytes = bytes;
  running->pause(State::in_warp, file, line);
  return slots;
}

void* dynamic_shared() { return running->dynamic(); }
void* static_shared(const void* tag, std::size_t bytes) { return running->shared(tag, bytes); }

void copy_later(void* to, const void* from, std::size_t bytes) {
  const bool at_once = seed != 0 && seed % 2 == 0;
  if (at_once) std::memcpy(to, from, bytes);
  running->current->open_copies.push_back({to, from, at_once ? 0 : bytes});
}

void commit_copies() {
  Fiber* self = running->current;
  self->committed_copies.push_back(std::move(self->open_copies));
  self->open_copies.clear();
}

void wait_for_copies(int pending) {
  auto& groups = running->current->committed_copies;
  for (; groups.size() > static_cast<std::size_t>(pending); groups.pop_front()) {
    for (const Copy& copy : groups.front()) std::memcpy(copy.to, copy.from, copy.bytes);
  }
}

}  // namespace ser::emulator
