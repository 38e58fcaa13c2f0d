/* tiny_gmm: see tiny_gmm.h, which is the manual. */
#include "tiny_gmm.h"

#include <string.h>

/* What the compiler and the core offer. Every path gives the same bits. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32) && !defined(__ARM_BIG_ENDIAN)
#define TINY_GMM_DSP 1
#include <arm_acle.h>
#else
#define TINY_GMM_DSP 0
#endif
#if TINY_GMM_DSP && defined(__ARM_FEATURE_MVE)
#define TINY_GMM_MVE 1
#include <arm_mve.h>
#else
#define TINY_GMM_MVE 0
#endif
#if TINY_GMM_DSP && defined(__ARM_FP) && (__ARM_FP & 4) && defined(__ARM_FEATURE_FMA) && !__FINITE_MATH_ONLY__
#define TINY_GMM_FPU 1
#else
#define TINY_GMM_FPU 0
#endif
#if defined(__GNUC__)
#define TINY_GMM_INLINE static inline __attribute__((always_inline))
#else
#define TINY_GMM_INLINE static inline
#endif
/* The pragma came with gcc 8; the gcc of many AVR toolchains is older. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define TINY_GMM_PRAGMA(text) _Pragma(#text)
#define TINY_GMM_UNROLL(count) TINY_GMM_PRAGMA(GCC unroll count)
#else
#define TINY_GMM_UNROLL(count)
#endif
#if defined(__GNUC__) && defined(__arm__)
/* Keeps a value in a register; without it the compiler builds the constant anew in each turn of a loop. */
#define TINY_GMM_KEEP(value) __asm__("" : "+r"(value))
#else
#define TINY_GMM_KEEP(value) (void)(value)
#endif

/* Everything below needs arithmetic right shifts of negative numbers, which C leaves to the compiler. */
typedef char tiny_gmm_needs_arithmetic_shifts[(-1 >> 1) == -1 ? 1 : -1];

#define TINY_GMM_INPUT_BITS 16
#define TINY_GMM_INPUT_WIDTH 15
#define TINY_GMM_INPUT_LOW (-16384)
#define TINY_GMM_INPUT_HIGH 16383
#define TINY_GMM_SCORE_CAP 1000.0f
#define TINY_GMM_COMPONENTS 1
#define TINY_GMM_Y_WIDTH 15
#define TINY_GMM_Y_LIMIT 16384
#define TINY_GMM_LEAST_OCTAVES -1610612736
#define TINY_GMM_LANE_UNROLL 3
#define TINY_GMM_TRIANGLE_UNROLL 3

struct tiny_gmm_component {
  int16_t factor[8]; /* columns of the whitening factor, padded to pairs */
  int32_t bias[3];   /* centres, and rounds */
  int32_t offset;    /* log-density at the mean, less the mean log-likelihood, in 2^-12 octaves */
  int32_t shift;
};

#ifndef TINY_GMM_NO_FLOAT
struct tiny_gmm_input {
  float reciprocal; /* input steps per unit of the feature */
  int32_t offset;   /* 4 * zero point + 2 */
};
#endif

struct tiny_gmm_params {
  struct tiny_gmm_component component[1];
  int32_t cap;
  uint32_t multiplier; /* brings octaves to the scale of a score */
  uint16_t axis[4];
#ifndef TINY_GMM_NO_FLOAT
  int32_t threshold_q;
  float score_scale;
  struct tiny_gmm_input input[3];
#endif
};

#ifdef TINY_GMM_UPDATABLE
#define TINY_GMM_LINKAGE
extern const struct tiny_gmm_params tiny_gmm_params;
#else
#define TINY_GMM_LINKAGE static
#endif
TINY_GMM_LINKAGE const struct tiny_gmm_params tiny_gmm_params = {
  {{{1000, 0, 2000, 5000, 3000, 6000, 9000, 0}, {100, -200, 300}, 5000, 12}},
  8192000,
  3000000000u,
  {0, 1, 2, 0},
#ifndef TINY_GMM_NO_FLOAT
  20480,
  0.000122070312f,
  {{100.0f, 2}, {3.5f, -3998}, {0.00100000005f, 50}},
#endif
};

/* The parameters, seen through a pointer that tells the compiler nothing of the numbers: the code then depends on
 * the shapes only, and other parameters of the same shapes can take the place of these. */
#ifdef TINY_GMM_UPDATABLE
extern const struct tiny_gmm_params *tiny_gmm_params_in_use; /* these at first; a program may point it at others */
extern const size_t tiny_gmm_params_size;
const struct tiny_gmm_params *tiny_gmm_params_in_use = &tiny_gmm_params;
const size_t tiny_gmm_params_size = sizeof(struct tiny_gmm_params);
#endif

TINY_GMM_INLINE const struct tiny_gmm_params *tiny_gmm_parameters(void) {
#ifdef TINY_GMM_UPDATABLE
  const struct tiny_gmm_params *p = tiny_gmm_params_in_use;
#else
  const struct tiny_gmm_params *p = &tiny_gmm_params;
#endif
#if defined(__GNUC__)
  __asm__("" : "+r"(p));
#endif
  return p;
}

#if TINY_GMM_DSP
/* Inputs in pairs of 16-bit lanes: one instruction multiplies and adds two. What they are multiplied with is stored
 * in pairs as well, padded with 0. */
#define TINY_GMM_PER_LANE 2
#define TINY_GMM_LANES ((TINY_GMM_INPUT_LEN + 1) / 2)
typedef uint32_t tiny_gmm_lane;

TINY_GMM_INLINE uint32_t tiny_gmm_pair(const void *from) {
  uint32_t pair;
  memcpy(&pair, from, sizeof pair);
  return pair;
}

#if TINY_GMM_INPUT_BITS == 8
/* Four inputs: sign-extended in twos, (0, 2) and (1, 3), then put in order. */
TINY_GMM_INLINE void tiny_gmm_spread_word(uint32_t word, tiny_gmm_lane *lanes) {
  uint32_t even = (uint32_t)__sxtb16((int8x4_t)word), odd;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(lanes[0]) : "r"(even), "r"(odd));
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(lanes[1]) : "r"(odd), "r"(even));
}
#endif

TINY_GMM_INLINE void tiny_gmm_spread(const tiny_gmm_in_t *q, tiny_gmm_lane *lanes) {
  size_t i = 0;
#if TINY_GMM_INPUT_BITS == 8
  TINY_GMM_UNROLL(TINY_GMM_LANE_UNROLL)
  for (; i + 4 <= TINY_GMM_INPUT_LEN; i += 4) tiny_gmm_spread_word(tiny_gmm_pair(q + i), lanes + i / 2);
#else
  TINY_GMM_UNROLL(TINY_GMM_LANE_UNROLL)
  for (; i + 2 <= TINY_GMM_INPUT_LEN; i += 2) lanes[i / 2] = tiny_gmm_pair(q + i);
#endif
  for (; i + 2 <= TINY_GMM_INPUT_LEN; i += 2) lanes[i / 2] = (uint32_t)(uint16_t)q[i] | (uint32_t)q[i + 1] << 16;
  if (i < TINY_GMM_INPUT_LEN) lanes[i / 2] = (uint32_t)(uint16_t)q[i];
}

TINY_GMM_INLINE int32_t tiny_gmm_multiply_add(const int16_t *weights, const tiny_gmm_lane *lanes, size_t i, int32_t sum) {
  return __smlad((int16x2_t)tiny_gmm_pair(weights + 2 * i), (int16x2_t)lanes[i], sum);
}
#endif

#if !TINY_GMM_DSP
/* Without such an instruction: one by one. */
#define TINY_GMM_PER_LANE 1
#define TINY_GMM_LANES TINY_GMM_INPUT_LEN
typedef int32_t tiny_gmm_lane;

TINY_GMM_INLINE void tiny_gmm_spread(const tiny_gmm_in_t *q, tiny_gmm_lane *lanes) {
  TINY_GMM_UNROLL(TINY_GMM_LANE_UNROLL)
  for (size_t i = 0; i < TINY_GMM_LANES; ++i) lanes[i] = q[i];
}

TINY_GMM_INLINE int32_t tiny_gmm_multiply_add(const int16_t *weights, const tiny_gmm_lane *lanes, size_t i, int32_t sum) {
  return sum + weights[i] * lanes[i];
}
#endif

/* log2(2^a + 2^b) in 2^-12 octaves: the larger, and (1 - t/8)^4 for a difference of t < 8 octaves. */
TINY_GMM_INLINE int32_t tiny_gmm_log2_add(int32_t a, int32_t b) {
  int32_t larger = a > b ? a : b, rest = 32768 - (a > b ? a - b : b - a);
  if (rest <= 0) return larger;
  rest = (rest * rest) >> 15;
  return larger + ((rest * rest) >> 18);
}

/* A whitened coordinate: 6 fraction bits, saturated so that the sum of the squares stays within 2^30. */
TINY_GMM_INLINE int32_t tiny_gmm_whitened(int32_t sum, int32_t shift) {
  int32_t y = sum >> shift;
#if TINY_GMM_DSP || (defined(__GNUC__) && defined(__ARM_FEATURE_SAT))
  __asm__("ssat %0, %1, %0" : "+r"(y) : "I"(TINY_GMM_Y_WIDTH));
  return y;
#else
  y = y < -TINY_GMM_Y_LIMIT ? -TINY_GMM_Y_LIMIT : y;
  return y > TINY_GMM_Y_LIMIT - 1 ? TINY_GMM_Y_LIMIT - 1 : y;
#endif
}

/* Sum of the squared whitened coordinates, in 2^-12 octaves. The factor is upper triangular, stored by columns,
 * each padded to pairs. */
TINY_GMM_INLINE int32_t tiny_gmm_mahalanobis(const struct tiny_gmm_component *c, const tiny_gmm_lane *lanes) {
  const int16_t *factor = c->factor;
  int32_t shift = c->shift, total = 0;
  TINY_GMM_UNROLL(TINY_GMM_TRIANGLE_UNROLL)
  for (size_t j = 0; j < TINY_GMM_INPUT_LEN; ++j) {
    int32_t y = c->bias[j];
    TINY_GMM_UNROLL(TINY_GMM_TRIANGLE_UNROLL)
    for (size_t i = 0; i <= j / TINY_GMM_PER_LANE; ++i)
      y = tiny_gmm_multiply_add(factor, lanes, i, y);
    factor += (j | 1) + 1;
    y = tiny_gmm_whitened(y, shift);
    total += y * y;
  }
  return total;
}

TINY_GMM_INLINE int32_t tiny_gmm_distance(const struct tiny_gmm_params *p, const tiny_gmm_in_t *q) {
  int32_t octaves = TINY_GMM_LEAST_OCTAVES, score;
  tiny_gmm_lane lanes[TINY_GMM_LANES];
  tiny_gmm_spread(q, lanes);
  TINY_GMM_UNROLL(1)
  for (size_t k = 0; k < TINY_GMM_COMPONENTS; ++k) {
    const struct tiny_gmm_component *c = &p->component[k];
    octaves = tiny_gmm_log2_add(octaves, c->offset - tiny_gmm_mahalanobis(c, lanes));
  }
  score = (int32_t)(((uint64_t)(uint32_t)(octaves < 0 ? -octaves : octaves) * p->multiplier) >> 32);
  return score > p->cap ? p->cap : score;
}

int32_t tiny_gmm_score_q(const tiny_gmm_in_t *q) {
  return tiny_gmm_distance(tiny_gmm_parameters(), q);
}

uint16_t tiny_gmm_axis(size_t i) {
  return i < TINY_GMM_INPUT_LEN ? tiny_gmm_parameters()->axis[i] : UINT16_MAX;
}

#ifndef TINY_GMM_NO_FLOAT
#if !TINY_GMM_FPU
TINY_GMM_INLINE uint32_t tiny_gmm_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
#endif

/* Four times an input, to an input: rounded down, saturated. */
TINY_GMM_INLINE tiny_gmm_in_t tiny_gmm_saturate(int32_t fourfold) {
#if TINY_GMM_DSP || (defined(__GNUC__) && defined(__ARM_FEATURE_SAT))
  int32_t q;
  __asm__("ssat %0, %1, %2, asr #2" : "=r"(q) : "I"(TINY_GMM_INPUT_WIDTH), "r"(fourfold));
  return (tiny_gmm_in_t)q;
#else
  int32_t q = fourfold >> 2;
  q = q < TINY_GMM_INPUT_LOW ? TINY_GMM_INPUT_LOW : q;
  return (tiny_gmm_in_t)(q > TINY_GMM_INPUT_HIGH ? TINY_GMM_INPUT_HIGH : q);
#endif
}

/* q = saturate(round(x * reciprocal) + zero_point): a float32 product, rounded half away from zero; the rest is
 * integers. `offset` is 4 * zero_point + 2, and 1 less rounds a negative product away from zero.
 * Returns whether every feature is finite. */
TINY_GMM_INLINE int tiny_gmm_load(const struct tiny_gmm_params *p, const float *features, tiny_gmm_in_t *q) {
#if TINY_GMM_FPU
  float probe = 0.0f, zero = 0.0f; /* x * 0 is 0 or NaN */
  TINY_GMM_UNROLL(1)
  for (size_t i = 0; i < TINY_GMM_INPUT_LEN; ++i) {
    float product = features[i] * p->input[i].reciprocal;
    int32_t fourfold;
    __asm__("vfma.f32 %0, %1, %2" : "+t"(probe) : "t"(features[i]), "t"(zero));
    __asm__("vcvt.s32.f32 %0, %0, #2" : "+t"(product)); /* times 4, towards zero, saturated */
    memcpy(&fourfold, &product, sizeof fourfold);
    q[i] = tiny_gmm_saturate(__qadd(fourfold, p->input[i].offset + (fourfold >> 31)));
  }
  return probe == 0.0f;
#else
  /* The same product from the bits, so that a core without FPU needs no float library. Mantissas have their
   * leading bit on top; the product's upper 32 bits are kept less 4. Adding half a unit of the 24th bit stands for
   * the rounding of a float32 product: what is below can change the result no more. */
  uint32_t leading = 0x80000000u, half_unit = 4u, left = TINY_GMM_INPUT_LEN, special = 0u;
  const struct tiny_gmm_input *input = p->input;
  TINY_GMM_KEEP(leading);
  TINY_GMM_KEEP(half_unit);
  TINY_GMM_KEEP(left);
  do {
    uint32_t x = tiny_gmm_bits(*features++), r = tiny_gmm_bits(input->reciprocal);
    uint32_t exponent = (x >> 23) & 255u;
    int32_t shift = 278 - (int32_t)exponent - (int32_t)(r >> 23);
    uint32_t high = (uint32_t)(((uint64_t)((x << 8) | leading) * ((r << 8) | leading)) >> 32);
    int32_t fourfold;
    high = (high >> 4) + half_unit + ((high >> 31) << 2);
    special |= exponent + 1u; /* 256 where the feature is infinite or NaN */
    shift = shift < 0 ? 0 : shift;
    shift = shift > 31 ? 31 : shift;
    fourfold = (int32_t)((high >> shift) ^ (0u - (x >> 31)));
    *q++ = tiny_gmm_saturate(fourfold + input->offset);
    ++input;
  } while (--left != 0u);
  return (special & 256u) == 0u;
#endif
}

void tiny_gmm_quantize(const float *features, tiny_gmm_in_t *q) {
  if (!tiny_gmm_load(tiny_gmm_parameters(), features, q)) {
    for (size_t i = 0; i < TINY_GMM_INPUT_LEN; ++i) q[i] = TINY_GMM_INPUT_HIGH;
  }
}

/* An integer score times a power of two. Exact: scores have fewer than 24 bits. */
TINY_GMM_INLINE float tiny_gmm_to_float(const struct tiny_gmm_params *p, int32_t score) {
#if defined(__arm__) && !defined(__ARM_FP) && defined(__GNUC__)
  /* By hand, so that a core without FPU needs no float library. */
  uint32_t sign = (uint32_t)score & 0x80000000u;
  uint32_t magnitude = score < 0 ? 0u - (uint32_t)score : (uint32_t)score;
  uint32_t zeros;
  float value;
  if (magnitude == 0u) return 0.0f;
  zeros = (uint32_t)__builtin_clz(magnitude);
  magnitude = sign | (tiny_gmm_bits(p->score_scale) + ((30u - zeros) << 23) + ((magnitude << zeros) >> 8));
  memcpy(&value, &magnitude, sizeof value);
  return value;
#else
  return (float)score * p->score_scale;
#endif
}

float tiny_gmm_score(const float *features) {
  const struct tiny_gmm_params *p = tiny_gmm_parameters();
  tiny_gmm_in_t q[TINY_GMM_INPUT_LEN];
  if (!tiny_gmm_load(p, features, q)) return TINY_GMM_SCORE_CAP;
  return tiny_gmm_to_float(p, tiny_gmm_distance(p, q));
}

int tiny_gmm_is_anomaly(const float *features) {
  const struct tiny_gmm_params *p = tiny_gmm_parameters();
  tiny_gmm_in_t q[TINY_GMM_INPUT_LEN];
  return !tiny_gmm_load(p, features, q) || tiny_gmm_distance(p, q) >= p->threshold_q;
}
#endif
