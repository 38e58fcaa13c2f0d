/* tiny_kmeans: see tiny_kmeans.h, which is the manual. */
#include "tiny_kmeans.h"

#include <string.h>

/* What the compiler and the core offer. Every path gives the same bits. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32) && !defined(__ARM_BIG_ENDIAN)
#define TINY_KMEANS_DSP 1
#include <arm_acle.h>
#else
#define TINY_KMEANS_DSP 0
#endif
#if TINY_KMEANS_DSP && defined(__ARM_FEATURE_MVE)
#define TINY_KMEANS_MVE 1
#include <arm_mve.h>
#else
#define TINY_KMEANS_MVE 0
#endif
#if TINY_KMEANS_DSP && defined(__ARM_FP) && (__ARM_FP & 4) && defined(__ARM_FEATURE_FMA) && !__FINITE_MATH_ONLY__
#define TINY_KMEANS_FPU 1
#else
#define TINY_KMEANS_FPU 0
#endif
#if defined(__GNUC__)
#define TINY_KMEANS_INLINE static inline __attribute__((always_inline))
#else
#define TINY_KMEANS_INLINE static inline
#endif
/* The pragma came with gcc 8; the gcc of many AVR toolchains is older. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define TINY_KMEANS_PRAGMA(text) _Pragma(#text)
#define TINY_KMEANS_UNROLL(count) TINY_KMEANS_PRAGMA(GCC unroll count)
#else
#define TINY_KMEANS_UNROLL(count)
#endif
#if defined(__GNUC__) && defined(__arm__)
/* Keeps a value in a register; without it the compiler builds the constant anew in each turn of a loop. */
#define TINY_KMEANS_KEEP(value) __asm__("" : "+r"(value))
#else
#define TINY_KMEANS_KEEP(value) (void)(value)
#endif

/* Everything below needs arithmetic right shifts of negative numbers, which C leaves to the compiler. */
typedef char tiny_kmeans_needs_arithmetic_shifts[(-1 >> 1) == -1 ? 1 : -1];

#define TINY_KMEANS_INPUT_BITS 8
#define TINY_KMEANS_INPUT_WIDTH 8
#define TINY_KMEANS_INPUT_LOW (-128)
#define TINY_KMEANS_INPUT_HIGH 127
#define TINY_KMEANS_SCORE_CAP 1000.0f
#define TINY_KMEANS_CLUSTERS 2
#define TINY_KMEANS_CLUSTERS_AT_ONCE 2
#define TINY_KMEANS_FRACTION_BITS 7
#define TINY_KMEANS_CENTER_BITS 7
#define TINY_KMEANS_LANE_UNROLL 1

struct tiny_kmeans_cluster {
  int16_t center[2]; /* in input steps, 7 fraction bits; padded to pairs */
  uint32_t square; /* squared length of the centre in input steps, times 4^7, plus 1 */
  int32_t radius;  /* in input steps, 7 fraction bits */
};

#ifndef TINY_KMEANS_NO_FLOAT
struct tiny_kmeans_input {
  float reciprocal; /* input steps per unit of the feature */
  int32_t offset;   /* 4 * zero point + 2 */
};
#endif

struct tiny_kmeans_params {
  struct tiny_kmeans_cluster cluster[2];
  int32_t cap;
  int32_t multiplier; /* brings a score to its scale */
  uint16_t axis[2];
#ifndef TINY_KMEANS_NO_FLOAT
  int32_t threshold_q;
  float score_scale;
  struct tiny_kmeans_input input[2];
#endif
};

#ifdef TINY_KMEANS_UPDATABLE
#define TINY_KMEANS_LINKAGE
extern const struct tiny_kmeans_params tiny_kmeans_params;
#else
#define TINY_KMEANS_LINKAGE static
#endif
TINY_KMEANS_LINKAGE const struct tiny_kmeans_params tiny_kmeans_params = {
  {{{-2560, 896}, 7356417u, 1200}, {{4224, -128}, 17858561u, 900}},
  65535,
  20480,
  {2, 5},
#ifndef TINY_KMEANS_NO_FLOAT
  615,
  0.00048828125f,
  {{10.0f, -10}, {0.125f, 162}},
#endif
};

/* The parameters, seen through a pointer that tells the compiler nothing of the numbers: the code then depends on
 * the shapes only, and other parameters of the same shapes can take the place of these. */
#ifdef TINY_KMEANS_UPDATABLE
extern const struct tiny_kmeans_params *tiny_kmeans_params_in_use; /* these at first; a program may point it at others */
extern const size_t tiny_kmeans_params_size;
const struct tiny_kmeans_params *tiny_kmeans_params_in_use = &tiny_kmeans_params;
const size_t tiny_kmeans_params_size = sizeof(struct tiny_kmeans_params);
#endif

TINY_KMEANS_INLINE const struct tiny_kmeans_params *tiny_kmeans_parameters(void) {
#ifdef TINY_KMEANS_UPDATABLE
  const struct tiny_kmeans_params *p = tiny_kmeans_params_in_use;
#else
  const struct tiny_kmeans_params *p = &tiny_kmeans_params;
#endif
#if defined(__GNUC__)
  __asm__("" : "+r"(p));
#endif
  return p;
}

#if TINY_KMEANS_DSP
/* Inputs in pairs of 16-bit lanes: one instruction multiplies and adds two. What they are multiplied with is stored
 * in pairs as well, padded with 0. */
#define TINY_KMEANS_PER_LANE 2
#define TINY_KMEANS_LANES ((TINY_KMEANS_INPUT_LEN + 1) / 2)
typedef uint32_t tiny_kmeans_lane;

TINY_KMEANS_INLINE uint32_t tiny_kmeans_pair(const void *from) {
  uint32_t pair;
  memcpy(&pair, from, sizeof pair);
  return pair;
}

#if TINY_KMEANS_INPUT_BITS == 8
/* Four inputs: sign-extended in twos, (0, 2) and (1, 3), then put in order. */
TINY_KMEANS_INLINE void tiny_kmeans_spread_word(uint32_t word, tiny_kmeans_lane *lanes) {
  uint32_t even = (uint32_t)__sxtb16((int8x4_t)word), odd;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(lanes[0]) : "r"(even), "r"(odd));
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(lanes[1]) : "r"(odd), "r"(even));
}
#endif

TINY_KMEANS_INLINE void tiny_kmeans_spread(const tiny_kmeans_in_t *q, tiny_kmeans_lane *lanes) {
  size_t i = 0;
#if TINY_KMEANS_INPUT_BITS == 8
  TINY_KMEANS_UNROLL(TINY_KMEANS_LANE_UNROLL)
  for (; i + 4 <= TINY_KMEANS_INPUT_LEN; i += 4) tiny_kmeans_spread_word(tiny_kmeans_pair(q + i), lanes + i / 2);
#else
  TINY_KMEANS_UNROLL(TINY_KMEANS_LANE_UNROLL)
  for (; i + 2 <= TINY_KMEANS_INPUT_LEN; i += 2) lanes[i / 2] = tiny_kmeans_pair(q + i);
#endif
  for (; i + 2 <= TINY_KMEANS_INPUT_LEN; i += 2) lanes[i / 2] = (uint32_t)(uint16_t)q[i] | (uint32_t)q[i + 1] << 16;
  if (i < TINY_KMEANS_INPUT_LEN) lanes[i / 2] = (uint32_t)(uint16_t)q[i];
}

TINY_KMEANS_INLINE int32_t tiny_kmeans_multiply_add(const int16_t *weights, const tiny_kmeans_lane *lanes, size_t i, int32_t sum) {
  return __smlad((int16x2_t)tiny_kmeans_pair(weights + 2 * i), (int16x2_t)lanes[i], sum);
}
#endif

#define TINY_KMEANS_ROOT_LINE 27392u

/* floor(sqrt(n)), n >= 1; `line` is TINY_KMEANS_ROOT_LINE, kept in a register by the caller's loop. */
TINY_KMEANS_INLINE uint32_t tiny_kmeans_square_root(uint32_t n, uint32_t line) {
#if defined(__GNUC__) && __SIZEOF_INT__ >= 4 && (!defined(__arm__) || defined(__ARM_FEATURE_IDIV))
  /* n brought to [2^30, 2^32) by an even shift; a line that is 9 % off at most; two Newton steps, the first kept
   * doubled and cut to a multiple of 4 so that the second loses less than one; never too low then, and the one
   * unit that it can be too high is taken back. */
  uint32_t zeros = (uint32_t)__builtin_clz(n) & 30u;
  uint32_t root;
  n <<= zeros;
  root = (n >> 17) + line;
  root = (root + n / root) & ~3u;
  root = (root >> 2) + n / root;
  root -= (n - root * root) >> 31;
  return root >> (zeros >> 1);
#else
  /* Bit by bit, for cores without division. */
  uint32_t root = 0u;
  (void)line;
  for (uint32_t bit = 0x40000000u; bit != 0u; bit >>= 2) {
    uint32_t trial = root + bit;
    root >>= 1;
    if (n >= trial) {
      n -= trial;
      root += bit;
    }
  }
  return root;
#endif
}

/* The best score so far and a cluster to the best of both.
 *
 * Squared distances as |q|^2 + |c|^2 - 2 q.c: in unsigned arithmetic the differences come out right whatever
 * overflows on the way, and the distance itself is below 2^32. `own` is |q|^2 * 4^fraction bits, and `square` the
 * same of the centre, plus 1; `product` is q.c with the fraction bits of the centres. */
TINY_KMEANS_INLINE int32_t tiny_kmeans_nearer(int32_t best, const struct tiny_kmeans_cluster *c, uint32_t own, int32_t product,
                                  uint32_t line) {
  uint32_t squared = own + c->square - ((uint32_t)product << (2 * TINY_KMEANS_FRACTION_BITS + 1 - TINY_KMEANS_CENTER_BITS));
  int32_t edge;
#if TINY_KMEANS_CLUSTERS > 8
  /* Most of many clusters cannot win, and then need no square root. */
  int32_t reach = best + c->radius;
  if (reach <= 0 || (reach < 65536 && squared >= (uint32_t)reach * (uint32_t)reach)) return best;
#endif
  edge = (int32_t)tiny_kmeans_square_root(squared, line) - c->radius;
  return edge < best ? edge : best;
}

#if TINY_KMEANS_DSP
TINY_KMEANS_INLINE int32_t tiny_kmeans_distance(const struct tiny_kmeans_params *p, const tiny_kmeans_in_t *q) {
  tiny_kmeans_lane lanes[TINY_KMEANS_LANES];
  int32_t best = p->cap, own = 0;
  uint32_t line = TINY_KMEANS_ROOT_LINE;
  tiny_kmeans_spread(q, lanes);
  TINY_KMEANS_UNROLL(TINY_KMEANS_LANE_UNROLL)
  for (size_t i = 0; i < TINY_KMEANS_LANES; ++i) own = __smlad((int16x2_t)lanes[i], (int16x2_t)lanes[i], own);
  own = (int32_t)((uint32_t)own << (2 * TINY_KMEANS_FRACTION_BITS));

  TINY_KMEANS_KEEP(line);
  TINY_KMEANS_UNROLL(1)
  for (size_t k = 0; k < TINY_KMEANS_CLUSTERS; ++k) {
    const struct tiny_kmeans_cluster *c = &p->cluster[k];
    int32_t product = 0;
    TINY_KMEANS_UNROLL(TINY_KMEANS_LANE_UNROLL)
    for (size_t i = 0; i < TINY_KMEANS_LANES; ++i) product = tiny_kmeans_multiply_add(c->center, lanes, i, product);
    best = tiny_kmeans_nearer(best, c, (uint32_t)own, product, line);
  }
  return (best * p->multiplier) >> 15;
}
#else
/* Several clusters at once: an input is then loaded once for all of them. */
TINY_KMEANS_INLINE int32_t tiny_kmeans_distance(const struct tiny_kmeans_params *p, const tiny_kmeans_in_t *q) {
  int32_t best = p->cap;
  uint32_t line = TINY_KMEANS_ROOT_LINE;
  TINY_KMEANS_KEEP(line);
  TINY_KMEANS_UNROLL(1)
  for (size_t k = 0; k < TINY_KMEANS_CLUSTERS; k += TINY_KMEANS_CLUSTERS_AT_ONCE) {
    int32_t sum[TINY_KMEANS_CLUSTERS_AT_ONCE] = {0}, product[TINY_KMEANS_CLUSTERS_AT_ONCE];
    uint32_t own = 0u;
    const struct tiny_kmeans_cluster *c = &p->cluster[k];
    size_t i = 0;
    do {
      int32_t v = q[i];
      own += (uint32_t)(v * v);
      TINY_KMEANS_UNROLL(TINY_KMEANS_CLUSTERS_AT_ONCE)
      for (size_t j = 0; j < TINY_KMEANS_CLUSTERS_AT_ONCE; ++j) sum[j] += v * c[j].center[i];
    } while (++i != TINY_KMEANS_INPUT_LEN);
    own <<= 2 * TINY_KMEANS_FRACTION_BITS;
    /* The sums stay in registers; only the copy is indexed by a loop. */
    TINY_KMEANS_UNROLL(TINY_KMEANS_CLUSTERS_AT_ONCE)
    for (size_t j = 0; j < TINY_KMEANS_CLUSTERS_AT_ONCE; ++j) product[j] = sum[j];
    TINY_KMEANS_UNROLL(1)
    for (size_t j = 0; j < TINY_KMEANS_CLUSTERS_AT_ONCE; ++j)
      best = tiny_kmeans_nearer(best, &c[j], own, product[j], line);
  }
  return (best * p->multiplier) >> 15;
}
#endif

int32_t tiny_kmeans_score_q(const tiny_kmeans_in_t *q) {
  return tiny_kmeans_distance(tiny_kmeans_parameters(), q);
}

uint16_t tiny_kmeans_axis(size_t i) {
  return i < TINY_KMEANS_INPUT_LEN ? tiny_kmeans_parameters()->axis[i] : UINT16_MAX;
}

#ifndef TINY_KMEANS_NO_FLOAT
#if !TINY_KMEANS_FPU
TINY_KMEANS_INLINE uint32_t tiny_kmeans_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
#endif

/* Four times an input, to an input: rounded down, saturated. */
TINY_KMEANS_INLINE tiny_kmeans_in_t tiny_kmeans_saturate(int32_t fourfold) {
#if TINY_KMEANS_DSP || (defined(__GNUC__) && defined(__ARM_FEATURE_SAT))
  int32_t q;
  __asm__("ssat %0, %1, %2, asr #2" : "=r"(q) : "I"(TINY_KMEANS_INPUT_WIDTH), "r"(fourfold));
  return (tiny_kmeans_in_t)q;
#else
  int32_t q = fourfold >> 2;
  q = q < TINY_KMEANS_INPUT_LOW ? TINY_KMEANS_INPUT_LOW : q;
  return (tiny_kmeans_in_t)(q > TINY_KMEANS_INPUT_HIGH ? TINY_KMEANS_INPUT_HIGH : q);
#endif
}

/* q = saturate(round(x * reciprocal) + zero_point): a float32 product, rounded half away from zero; the rest is
 * integers. `offset` is 4 * zero_point + 2, and 1 less rounds a negative product away from zero.
 * Returns whether every feature is finite. */
TINY_KMEANS_INLINE int tiny_kmeans_load(const struct tiny_kmeans_params *p, const float *features, tiny_kmeans_in_t *q) {
#if TINY_KMEANS_FPU
  float probe = 0.0f, zero = 0.0f; /* x * 0 is 0 or NaN */
  TINY_KMEANS_UNROLL(1)
  for (size_t i = 0; i < TINY_KMEANS_INPUT_LEN; ++i) {
    float product = features[i] * p->input[i].reciprocal;
    int32_t fourfold;
    __asm__("vfma.f32 %0, %1, %2" : "+t"(probe) : "t"(features[i]), "t"(zero));
    __asm__("vcvt.s32.f32 %0, %0, #2" : "+t"(product)); /* times 4, towards zero, saturated */
    memcpy(&fourfold, &product, sizeof fourfold);
    q[i] = tiny_kmeans_saturate(__qadd(fourfold, p->input[i].offset + (fourfold >> 31)));
  }
  return probe == 0.0f;
#else
  /* The same product from the bits, so that a core without FPU needs no float library. Mantissas have their
   * leading bit on top; the product's upper 32 bits are kept less 4. Adding half a unit of the 24th bit stands for
   * the rounding of a float32 product: what is below can change the result no more. */
  uint32_t leading = 0x80000000u, half_unit = 4u, left = TINY_KMEANS_INPUT_LEN, special = 0u;
  const struct tiny_kmeans_input *input = p->input;
  TINY_KMEANS_KEEP(leading);
  TINY_KMEANS_KEEP(half_unit);
  TINY_KMEANS_KEEP(left);
  do {
    uint32_t x = tiny_kmeans_bits(*features++), r = tiny_kmeans_bits(input->reciprocal);
    uint32_t exponent = (x >> 23) & 255u;
    int32_t shift = 278 - (int32_t)exponent - (int32_t)(r >> 23);
    uint32_t high = (uint32_t)(((uint64_t)((x << 8) | leading) * ((r << 8) | leading)) >> 32);
    int32_t fourfold;
    high = (high >> 4) + half_unit + ((high >> 31) << 2);
    special |= exponent + 1u; /* 256 where the feature is infinite or NaN */
    shift = shift < 0 ? 0 : shift;
    shift = shift > 31 ? 31 : shift;
    fourfold = (int32_t)((high >> shift) ^ (0u - (x >> 31)));
    *q++ = tiny_kmeans_saturate(fourfold + input->offset);
    ++input;
  } while (--left != 0u);
  return (special & 256u) == 0u;
#endif
}

void tiny_kmeans_quantize(const float *features, tiny_kmeans_in_t *q) {
  if (!tiny_kmeans_load(tiny_kmeans_parameters(), features, q)) {
    for (size_t i = 0; i < TINY_KMEANS_INPUT_LEN; ++i) q[i] = TINY_KMEANS_INPUT_HIGH;
  }
}

/* An integer score times a power of two. Exact: scores have fewer than 24 bits. */
TINY_KMEANS_INLINE float tiny_kmeans_to_float(const struct tiny_kmeans_params *p, int32_t score) {
#if defined(__arm__) && !defined(__ARM_FP) && defined(__GNUC__)
  /* By hand, so that a core without FPU needs no float library. */
  uint32_t sign = (uint32_t)score & 0x80000000u;
  uint32_t magnitude = score < 0 ? 0u - (uint32_t)score : (uint32_t)score;
  uint32_t zeros;
  float value;
  if (magnitude == 0u) return 0.0f;
  zeros = (uint32_t)__builtin_clz(magnitude);
  magnitude = sign | (tiny_kmeans_bits(p->score_scale) + ((30u - zeros) << 23) + ((magnitude << zeros) >> 8));
  memcpy(&value, &magnitude, sizeof value);
  return value;
#else
  return (float)score * p->score_scale;
#endif
}

float tiny_kmeans_score(const float *features) {
  const struct tiny_kmeans_params *p = tiny_kmeans_parameters();
  tiny_kmeans_in_t q[TINY_KMEANS_INPUT_LEN];
  if (!tiny_kmeans_load(p, features, q)) return TINY_KMEANS_SCORE_CAP;
  return tiny_kmeans_to_float(p, tiny_kmeans_distance(p, q));
}

int tiny_kmeans_is_anomaly(const float *features) {
  const struct tiny_kmeans_params *p = tiny_kmeans_parameters();
  tiny_kmeans_in_t q[TINY_KMEANS_INPUT_LEN];
  return !tiny_kmeans_load(p, features, q) || tiny_kmeans_distance(p, q) >= p->threshold_q;
}
#endif
