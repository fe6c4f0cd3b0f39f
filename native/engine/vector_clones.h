// Several machine-code versions of one function, chosen at load time by what the processor offers: the addon is built for
// the baseline of its architecture, and only the few hot loops of ours gain from wider vectors.
//
// Apply to plain functions (not templates, not lambdas); what they inline is compiled for each target too.
#pragma once

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
#define SER_VECTOR_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SER_VECTOR_CLONES
#endif

#if defined(__GNUC__)
#define SER_ALWAYS_INLINE inline __attribute__((always_inline))
#define SER_RESTRICT __restrict__
#else
#define SER_ALWAYS_INLINE inline
#define SER_RESTRICT
#endif
