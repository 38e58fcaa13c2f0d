#include <string.h>

/* What the compiler and the core offer. Every path gives the same bits. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32) && !defined(__ARM_BIG_ENDIAN)
#define MODEL_DSP 1
#include <arm_acle.h>
#else
#define MODEL_DSP 0
#endif
#if MODEL_DSP && defined(__ARM_FEATURE_MVE)
#define MODEL_MVE 1
#include <arm_mve.h>
#else
#define MODEL_MVE 0
#endif
#if MODEL_DSP && defined(__ARM_FP) && (__ARM_FP & 4) && defined(__ARM_FEATURE_FMA) && !__FINITE_MATH_ONLY__
#define MODEL_FPU 1
#else
#define MODEL_FPU 0
#endif
#if defined(__GNUC__)
#define MODEL_INLINE static inline __attribute__((always_inline))
#else
#define MODEL_INLINE static inline
#endif
/* The pragma came with gcc 8; the gcc of many AVR toolchains is older. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define MODEL_PRAGMA(text) _Pragma(#text)
#define MODEL_UNROLL(count) MODEL_PRAGMA(GCC unroll count)
#else
#define MODEL_UNROLL(count)
#endif
#if defined(__GNUC__) && defined(__arm__)
/* Keeps a value in a register; without it the compiler builds the constant anew in each turn of a loop. */
#define MODEL_KEEP(value) __asm__("" : "+r"(value))
#else
#define MODEL_KEEP(value) (void)(value)
#endif

/* Everything below needs arithmetic right shifts of negative numbers, which C leaves to the compiler. */
typedef char model_needs_arithmetic_shifts[(-1 >> 1) == -1 ? 1 : -1];
