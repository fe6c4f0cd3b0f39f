// The one way to napi.h.
//
// A worker may be terminated while one of our functions runs; from then on nothing can be thrown into JavaScript. Without the
// switch, node-addon-api would answer that with a C++ exception nobody catches, and end the process.
#pragma once

#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#include <napi.h>
