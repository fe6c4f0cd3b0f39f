#include "engine/arena.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <vector>

namespace ser {
namespace {

// Smaller tensors are served well by malloc.
constexpr std::size_t kSmallest = 64 * 1024;
// Freed memory beyond this goes back to the system at once.
constexpr std::size_t kMostKept = std::size_t{512} << 20;
// Room in front of every tensor for the size of its block; a cache line, so that tensors stay aligned. LibTorch allocates
// through raw pointers, too, and then a pointer alone must say how to free it.
constexpr std::size_t kHeader = 64;
constexpr int kClasses = 8 * 64;

// Eight sizes between powers of two: batches of nearly equal length share blocks and at most an eighth is wasted.
std::size_t class_size(std::size_t bytes) {
  const std::size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

std::size_t class_index(std::size_t size) {
  const auto power = static_cast<std::size_t>(std::bit_width(size)) - 1;
  return power * 8 + (size - (std::size_t{1} << power)) / ((std::size_t{1} << power) / 8);
}

class Arena final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const c10::Device cpu(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, nullptr, &Arena::release, cpu};
    const std::size_t size = bytes < kSmallest ? 0 : class_size(bytes + kHeader);
    void* block = size == 0 ? nullptr : take(size);
    if (block == nullptr) {
      block = c10::alloc_cpu(size == 0 ? bytes + kHeader : size);
      std::memcpy(block, &size, sizeof size);
    }
    void* data = static_cast<char*>(block) + kHeader;
    return {data, data, &Arena::release, cpu};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &Arena::release; }

  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }

  void trim() {
    const std::lock_guard lock(mutex_);
    for (auto& free : free_) {
      for (void* block : free) c10::free_cpu(block);
      free.clear();
    }
    kept_ = 0;
  }

  // Never destroyed: tensors of other threads may outlive every static object of this one.
  static Arena& instance() {
    static Arena* const arena = new Arena();
    return *arena;
  }

 private:
  Arena() = default;

  void* take(std::size_t size) {
    const std::lock_guard lock(mutex_);
    auto& free = free_[class_index(size)];
    if (free.empty()) return nullptr;
    void* block = free.back();
    free.pop_back();
    kept_ -= size;
    return block;
  }

  static void release(void* data) {
    if (data == nullptr) return;
    void* block = static_cast<char*>(data) - kHeader;
    std::size_t size = 0;
    std::memcpy(&size, block, sizeof size);
    if (size == 0 || !instance().keep(block, size)) c10::free_cpu(block);
  }

  bool keep(void* block, std::size_t size) {
    const std::lock_guard lock(mutex_);
    if (kept_ + size > kMostKept) return false;
    kept_ += size;
    free_[class_index(size)].push_back(block);
    return true;
  }

  std::mutex mutex_;
  std::array<std::vector<void*>, kClasses> free_;
  std::size_t kept_ = 0;
};

}  // namespace

void install_arena() { c10::SetCPUAllocator(&Arena::instance(), /*priority=*/100); }

void trim_arena() { Arena::instance().trim(); }

}  // namespace ser
