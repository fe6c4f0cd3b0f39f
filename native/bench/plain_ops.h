// The operations of the engine as a user of LibTorch would write them: batches padded to the longest, masks, autograd. What own
// kernels are timed against.
#pragma once

#include "head/flam.h"
#include "loss/multi/multi_loss.h"

namespace ser {

// The weighted sum of all four scaled losses, whole B x B matrices and no loop; class weights are not looked at. Values and
// gradients of multi_loss() for B of at least 3.
at::Tensor plain_multi_loss(const MultiLossInput& input, const MultiLossOptions& options);

// z of flam(), B x D, with H formed over a padded batch.
at::Tensor plain_flam(const at::Tensor& frames, const FlamWeights& weights, const SegmentsPtr& segments);

}  // namespace ser
