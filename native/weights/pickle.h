// The pickle of a state_dict, read and never run: a pickle is a program, of which this reader knows the few steps that
// torch.save needs for a dictionary of tensors. Everything else is refused by its name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weights/layout.h"

namespace ser {

struct PickledTensor {
  std::string_view name;          // this and the next two lie in the pickle's bytes
  std::string_view storage_type;  // "FloatStorage"
  std::string_view storage_key;
  std::uint64_t storage_elements = 0;
  std::uint64_t offset = 0;  // in elements of the storage
  std::vector<std::int64_t> shape, strides;
};

// In the dictionary's order; names differ. E_FORMAT where the pickle is damaged or holds anything but tensors by name.
std::vector<PickledTensor> parse_pickle(const std::string& path, Bytes pickle);

}  // namespace ser
