// Places of noise within a transformer layer, counted from the layer's first site.
#pragma once

#include <cstdint>

namespace ser {

enum LayerSite : std::uint32_t { kAfterAttention, kInsideFeed, kAfterFeed, kQkvAdapter, kOutAdapter, kLayerDrop };

}  // namespace ser
