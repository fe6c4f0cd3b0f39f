#include "train/adamw_cuda.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstring>

#include "cuda/tensors.h"
#include "train/device_adam.h"

namespace ser {
namespace {

class FusedAdam final : public DeviceAdam {
 public:
  FusedAdam(const std::vector<AdamGroup>& groups, at::Tensor steps, const TrainerConfig& config)
      : groups_(groups), steps_(std::move(steps)) {
    config_.beta1 = config.beta1;
    config_.beta2 = config.beta2;
    config_.epsilon = config.epsilon;
    config_.clip = config.clip;
    config_.average_decay = config.average_decay;
    std::vector<cuda::AdamRun> runs;
    for (const AdamGroup& group : groups_) {
      cuda::AdamRun run;
      run.value = cuda::write<float>(group.value);
      run.gradient = cuda::read<float>(group.gradient);
      run.first_moment = cuda::write<float>(group.first_moment);
      run.second_moment = cuda::write<float>(group.second_moment);
      run.average = cuda::write<float>(group.average);
      run.length = group.value.numel();
      run.first_chunk = table_.chunks;
      run.decay = static_cast<float>(group.decay);
      run.rate = group.rate;
      run.which_rate = group.is_center ? 1 : 0;
      table_.chunks += cuda::adam_chunks(run.length);
      runs.push_back(run);
    }
    const auto bytes = at::TensorOptions(at::kByte);
    const at::Tensor host = at::empty({static_cast<std::int64_t>(runs.size() * sizeof(cuda::AdamRun))}, bytes);
    std::memcpy(host.mutable_data_ptr(), runs.data(), runs.size() * sizeof(cuda::AdamRun));
    runs_ = host.to(steps_.device());
    coefficients_ = at::empty({sizeof(cuda::AdamCoefficients)}, bytes.device(steps_.device()));
    partial_ = at::empty({table_.chunks}, steps_.options().dtype(at::kDouble));
    norm_ = at::empty({}, partial_.options());
    table_.runs = static_cast<const cuda::AdamRun*>(runs_.const_data_ptr());
    table_.count = static_cast<int>(runs.size());
  }

  at::Tensor norm() override {
    const c10::cuda::CUDAGuard guard(steps_.device());
    cuda::adam_norm(table_, cuda::write<double>(partial_), cuda::write<double>(norm_), c10::cuda::getCurrentCUDAStream());
    return norm_;
  }

  void set_rates(double learning_rate, double center_learning_rate) override {
    const c10::cuda::CUDAGuard guard(steps_.device());
    cuda::adam_rates(coefficients(), learning_rate, center_learning_rate, c10::cuda::getCurrentCUDAStream());
  }

  void update(const at::Tensor& norm, const at::Tensor& bad) override {
    TORCH_CHECK(norm.scalar_type() == at::kDouble && bad.scalar_type() == at::kFloat && norm.device() == steps_.device() &&
                    bad.device() == steps_.device(),
                "expected a float64 norm and a float32 flag on the weights' device");
    const c10::cuda::CUDAGuard guard(steps_.device());
    cuda::adam_update(table_, config_, cuda::read<double>(norm), cuda::read<float>(bad), cuda::write<float>(steps_),
                      coefficients(), c10::cuda::getCurrentCUDAStream());
  }

 private:
  cuda::AdamCoefficients* coefficients() { return static_cast<cuda::AdamCoefficients*>(coefficients_.mutable_data_ptr()); }

  std::vector<AdamGroup> groups_;  // keep the memory alive
  at::Tensor steps_;
  cuda::AdamConfig config_;
  cuda::AdamTable table_;
  at::Tensor runs_, coefficients_, partial_, norm_;
};

}  // namespace

std::unique_ptr<DeviceAdam> make_device_adam(const std::vector<AdamGroup>& groups, const at::Tensor& steps,
                                             const TrainerConfig& config) {
  const c10::cuda::CUDAGuard guard(steps.device());
  return std::make_unique<FusedAdam>(groups, steps, config);
}

}  // namespace ser
