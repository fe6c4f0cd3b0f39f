#include "engine/cuda_devices.h"

#include <cstdlib>

#include "engine/engine.h"
#include "engine/open_device.h"
#include "test/check.h"

namespace {

void code_for_devices() {
  const std::vector<std::string> all{"80", "90", "100"};
  SER_CHECK(ser::has_code_for(all, 8, 0) && ser::has_code_for(all, 8, 9), "code for 8.0 runs on 8.0 and on 8.9");
  SER_CHECK(!ser::has_code_for(all, 7, 5), "none runs on 7.5");
  SER_CHECK(ser::has_code_for(all, 12, 0), "PTX of 10.0 runs on 12.0");
  SER_CHECK(!ser::has_code_for({"90"}, 8, 9) && ser::has_code_for({"90"}, 10, 0), "code for 9.0 alone: newer devices only");
  SER_CHECK(ser::has_code_for({"90a"}, 9, 0) && !ser::has_code_for({"90a"}, 10, 0), "90a is for 9.0 alone");
}

// On the many machines without a GPU: a report with its reason, a typed refusal, and nothing thrown otherwise.
void without_a_device() {
  const ser::CudaReport report = ser::cuda_report();
  SER_CHECK(report.chosen.has_value() == report.problem.empty(),
            "a device is chosen, or it is said why not: " + report.problem);
  if (!report.chosen) SER_CHECK_ERROR(ser::open_cuda_device(), "E_DEVICE", report.problem);
  SER_CHECK(!ser::cuda_memory(99), "memory of a device that does not exist is not known");
  if (ser::build_info().cuda) {
    SER_CHECK(report.runtime >= 12000 && !report.architectures.empty(), "a CUDA build knows its runtime and its targets");
  } else {
    SER_CHECK(report.problem.find("CPU only") != std::string::npos, "a CPU build says that it is one");
  }
}

}  // namespace

int main() {
  code_for_devices();
  without_a_device();
  return ser::test::finish("cuda_devices_test");
}
