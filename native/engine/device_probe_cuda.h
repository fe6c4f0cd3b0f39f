// Launcher of device_probe.cu.
#pragma once

namespace ser {

// Runs a kernel of this build on `device` and waits for it. Returns the compute capability that the code which ran was compiled
// for, e.g. 900, or minus the CUDA runtime's error code, e.g. -209 where the build has no code for the device.
int run_device_probe(int device) noexcept;

}  // namespace ser
