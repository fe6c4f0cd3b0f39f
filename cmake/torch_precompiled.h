// Precompiled for every unit of the engine. Narrow on purpose: <torch/torch.h> takes 22 s and 1.27 GB a unit with g++ 12,
// these headers 11 s and 0.85 GB, and two jobs must fit on a small machine. Units still include what they use.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/variable.h>
