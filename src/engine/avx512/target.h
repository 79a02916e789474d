#pragma once

// For files that are compiled on every machine but have functions for AVX-512. Includes nothing
// that has functions of its own: the linker could take its copy for everybody.
#include <immintrin.h>

#if !defined(__clang__)
// GCC 12 takes the undefined operands within its own intrinsics for a mistake.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define ADZE_AVX512 __attribute__((target("avx512f")))
