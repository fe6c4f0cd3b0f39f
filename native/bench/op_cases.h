// Operations with an implementation of our own, at the sizes that they have in training, each beside its plain composite.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace ser {

struct OpCase {
  std::string shape;               // in words: "32 x 8 logits, width 64"
  std::vector<at::Tensor> inputs;  // whose gradients are taken; empty = forward only
  std::function<at::Tensor()> own, plain;
  bool comparable = true;  // both give the same numbers (dropout draws others)
};

std::vector<std::string> op_names();

// `lengths`: samples of each utterance of the batch, at least 400 each and three of them. With bf16, activations that a step has
// in bf16 are so. Random inputs from LibTorch's generator, which is nobody's in this engine. Throws E_ARGUMENT for an unknown name.
OpCase make_op_case(const std::string& name, const std::vector<std::int64_t>& lengths, Precision precision, at::Device device);

}  // namespace ser
