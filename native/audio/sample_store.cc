#include "audio/sample_store.h"

#include <cerrno>
#include <cstring>

#ifdef _WIN32
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace ser {
namespace {

void check_size(const std::string& path, std::uint64_t bytes, std::int64_t samples) {
  if (bytes == static_cast<std::uint64_t>(samples) * sizeof(std::int16_t)) return;
  throw Error("E_FORMAT", "the store " + path + " has " + std::to_string(bytes) + " bytes, its index says " +
                              std::to_string(samples) + " int16 samples; delete the store so that it is built again");
}

}  // namespace

#ifdef _WIN32

SampleStore::SampleStore(const std::string& path, std::int64_t samples) : samples_(samples) {
  if (samples < 1) throw Error("E_ARGUMENT", "a store must hold at least one sample, got " + std::to_string(samples));
  const HANDLE file =
      CreateFileA(path.c_str(), GENERIC_READ, FILE_SHARE_READ, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (file == INVALID_HANDLE_VALUE)
    throw Error("E_IO", "cannot open the store " + path + " (system error " + std::to_string(GetLastError()) + ")");
  LARGE_INTEGER size{};
  GetFileSizeEx(file, &size);
  const HANDLE mapping = CreateFileMappingA(file, nullptr, PAGE_READONLY, 0, 0, nullptr);
  CloseHandle(file);
  check_size(path, static_cast<std::uint64_t>(size.QuadPart), samples);
  if (mapping != nullptr) {
    data_ = static_cast<const std::int16_t*>(MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0));
    CloseHandle(mapping);
  }
  if (data_ == nullptr)
    throw Error("E_IO", "cannot map the store " + path + " (system error " + std::to_string(GetLastError()) + ")");
}

SampleStore::~SampleStore() {
  on_device_ = nullptr;
  UnmapViewOfFile(data_);
}

#else

SampleStore::SampleStore(const std::string& path, std::int64_t samples) : samples_(samples) {
  if (samples < 1) throw Error("E_ARGUMENT", "a store must hold at least one sample, got " + std::to_string(samples));
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw Error("E_IO", "cannot open the store " + path + ": " + std::strerror(errno));
  struct stat status{};
  if (fstat(file, &status) != 0) {
    const std::string reason = std::strerror(errno);
    close(file);
    throw Error("E_IO", "cannot read the store " + path + ": " + reason);
  }
  try {
    // A file shorter than its index would end in SIGBUS at the first row past its end.
    check_size(path, static_cast<std::uint64_t>(status.st_size), samples);
  } catch (...) {
    close(file);
    throw;
  }
  void* mapped = mmap(nullptr, static_cast<std::size_t>(status.st_size), PROT_READ, MAP_SHARED, file, 0);
  const int reason = errno;
  close(file);
  if (mapped == MAP_FAILED) throw Error("E_IO", "cannot map the store " + path + ": " + std::strerror(reason));
  data_ = static_cast<const std::int16_t*>(mapped);
}

SampleStore::~SampleStore() {
  on_device_ = nullptr;
  munmap(const_cast<std::int16_t*>(data_), static_cast<std::size_t>(samples_) * sizeof(std::int16_t));
}

#endif

}  // namespace ser
