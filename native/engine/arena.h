// Keeps the large buffers of a step for the next one. LibTorch's CPU allocator returns every large tensor to the system, so
// that each step pays again for page faults and zeroed pages: about a tenth of its time.
#pragma once

namespace ser {

// Puts the arena before LibTorch's CPU allocator; once a process, before the first tensor.
void install_arena();

// Returns what the arena keeps to the system.
void trim_arena();

}  // namespace ser
