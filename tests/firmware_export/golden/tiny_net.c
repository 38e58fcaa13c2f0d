/* tiny_net: see tiny_net.h, which is the manual. */
#include "tiny_net.h"

#include <string.h>

/* What the compiler and the core offer. Every path gives the same bits. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__ARM_FEATURE_SIMD32) && !defined(__ARM_BIG_ENDIAN)
#define TINY_NET_DSP 1
#include <arm_acle.h>
#else
#define TINY_NET_DSP 0
#endif
#if TINY_NET_DSP && defined(__ARM_FEATURE_MVE)
#define TINY_NET_MVE 1
#include <arm_mve.h>
#else
#define TINY_NET_MVE 0
#endif
#if TINY_NET_DSP && defined(__ARM_FP) && (__ARM_FP & 4) && defined(__ARM_FEATURE_FMA) && !__FINITE_MATH_ONLY__
#define TINY_NET_FPU 1
#else
#define TINY_NET_FPU 0
#endif
#if defined(__GNUC__)
#define TINY_NET_INLINE static inline __attribute__((always_inline))
#else
#define TINY_NET_INLINE static inline
#endif
/* The pragma came with gcc 8; the gcc of many AVR toolchains is older. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define TINY_NET_PRAGMA(text) _Pragma(#text)
#define TINY_NET_UNROLL(count) TINY_NET_PRAGMA(GCC unroll count)
#else
#define TINY_NET_UNROLL(count)
#endif
#if defined(__GNUC__) && defined(__arm__)
/* Keeps a value in a register; without it the compiler builds the constant anew in each turn of a loop. */
#define TINY_NET_KEEP(value) __asm__("" : "+r"(value))
#else
#define TINY_NET_KEEP(value) (void)(value)
#endif

/* Everything below needs arithmetic right shifts of negative numbers, which C leaves to the compiler. */
typedef char tiny_net_needs_arithmetic_shifts[(-1 >> 1) == -1 ? 1 : -1];

/* Words lie at multiples of 8, but on cores that load them from anywhere, and whose compilers therefore align nothing:
 * an AVR. */
#if defined(__BIGGEST_ALIGNMENT__) && __BIGGEST_ALIGNMENT__ < 8
#define TINY_NET_ALIGNMENT ((uintptr_t)__BIGGEST_ALIGNMENT__)
#else
#define TINY_NET_ALIGNMENT ((uintptr_t)8)
#endif

#define TINY_NET_SHIFTS 0
#define TINY_NET_CLAMP 0
#define TINY_NET_SPLIT 1
#define TINY_NET_PLAIN 0
#define TINY_NET_WINDOWS 0
#define TINY_NET_ODD_ROWS 0
#define TINY_NET_STRIDE_2 0
#define TINY_NET_SUBTRACT 0

/* From int32 sums to int8, exactly as gemmlowp rounds: twice. */

#if defined(__GNUC__) && !defined(__clang__) && defined(__arm__)
/* The same code at every optimisation level. Scheduling before register allocation would spill the sums, and so would
 * a loop inside a larger function. */
#define TINY_NET_HOT __attribute__((noinline, optimize("O2", "no-schedule-insns", "no-tree-reassoc", "no-tree-ter")))
#elif defined(__GNUC__)
#define TINY_NET_HOT __attribute__((noinline))
#else
#define TINY_NET_HOT
#endif
#if defined(__GNUC__)
#define TINY_NET_LOCAL static inline __attribute__((always_inline, unused))
#else
#define TINY_NET_LOCAL static inline
#endif

/* What turns one channel's sum into its output. */
struct tiny_net_channel {
  int32_t bias;
  int32_t multiplier; /* in 2^-31 */
  int32_t shift;      /* how far to the right, less one; below zero, to the left */
};

/* What all channels of an output share. */
struct tiny_net_output {
  int32_t offset; /* twice the zero point, plus one */
  int32_t low;
  int32_t high;
};

/* (2 * a * b) / 2^32, rounded half up. */
TINY_NET_LOCAL int32_t tiny_net_high_multiply(int32_t a, int32_t b)
{
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* (twice * b) / 2^32, rounded half up: the same for a sum that is doubled already. */
TINY_NET_LOCAL int32_t tiny_net_high_multiply_doubled(int32_t twice, int32_t b)
{
#if TINY_NET_DSP
  int32_t high;
  __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(twice), "r"(b));
  return high;
#else
  int64_t product = (int64_t)twice * b;
  return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
#endif
}

/* value / 2^exponent, rounded half away from zero. */
TINY_NET_LOCAL int32_t tiny_net_rounding_shift(int32_t value, int32_t exponent)
{
  int32_t half = (int32_t)((((uint32_t)1 << exponent) >> 1));
  int32_t lifted = value + (value >> 31);
  return exponent == 0 ? value : (int32_t)(((int64_t)lifted + half) >> exponent);
}

/* A value times a multiplier and a power of two. */
TINY_NET_LOCAL int32_t tiny_net_scale(int32_t value, int32_t multiplier, int32_t shift)
{
  int32_t left = shift > 0 ? shift : 0;
  int32_t raised = (int32_t)((uint32_t)value << left);
  return tiny_net_rounding_shift(tiny_net_high_multiply(raised, multiplier), left - shift);
}

/* value / 2, rounded down, as far as int8 goes. */
TINY_NET_LOCAL int32_t tiny_net_saturate_half(int32_t value)
{
#if defined(__GNUC__) && defined(__ARM_FEATURE_SAT)
  int32_t half;
  __asm__("ssat %0, #8, %1, asr #1" : "=r"(half) : "r"(value));
  return half;
#else
  value >>= 1;
  return value < -128 ? -128 : value > 127 ? 127 : value;
#endif
}

TINY_NET_LOCAL int8_t tiny_net_clamp(int32_t value, const struct tiny_net_output *out)
{
#if TINY_NET_CLAMP
  value = value < out->low ? out->low : value;
  value = value > out->high ? out->high : value;
#else
  (void)out;
#endif
  return (int8_t)value;
}

/* TINY_NET_SHIFTS says what the model's channels ask for: 0, all shift to the right, by one or more; 1, some do not;
 * 2, some sums exceed 30 bits, too. */
#define TINY_NET_DOUBLED (TINY_NET_SHIFTS == 2 ? 1 : 2)

/* A channel's sum, times TINY_NET_DOUBLED, to its output. */
TINY_NET_LOCAL int8_t tiny_net_finish_doubled(int32_t sum, const struct tiny_net_channel *channel,
                                         const struct tiny_net_output *out)
{
#if TINY_NET_SHIFTS > 0
  if (TINY_NET_SHIFTS == 2 || channel->shift < 0) {
    int32_t value = tiny_net_scale(sum >> (TINY_NET_DOUBLED - 1), channel->multiplier, -1 - channel->shift);
    value = value < -512 ? -512 : value > 512 ? 512 : value;
    return tiny_net_clamp(tiny_net_saturate_half(2 * value + out->offset), out);
  }
#endif
#if TINY_NET_SHIFTS < 2
  /* Halves go away from zero: one less below zero, then half up. The zero point comes in before the last bit
   * is shifted out. */
  int32_t value = tiny_net_high_multiply_doubled(sum, channel->multiplier);
  value += value >> 31;
  value >>= channel->shift;
  value += out->offset;
  return tiny_net_clamp(tiny_net_saturate_half(value), out);
#endif
}

/* A channel's sum to its output. */
TINY_NET_LOCAL int8_t tiny_net_finish(int32_t sum, const struct tiny_net_channel *channel, const struct tiny_net_output *out)
{
  return tiny_net_finish_doubled((int32_t)((uint32_t)sum * TINY_NET_DOUBLED), channel, out);
}

/* Activations as pairs of int16 in 32-bit words, and weights as words of two channels by two inputs.
 *
 * Four input bytes k, k+1, k+2, k+3 become the words (k, k+2) and (k+1, k+3); weights lie in the same order. A word
 * of weights holds, in each half, one weight of channel c in its lower byte and one of channel c + 1 above. "Split"
 * words hold 256 * upper + lower as a number, so that a product with the whole half gives 256 times the upper sum
 * plus the lower one: the exporter has proved that the upper sums of such a layer fit 24 bits. */

/* The weights of a layer: [pairs of channels][words], both even in number. */
struct tiny_net_matrix {
  uint16_t channels;
  uint16_t words;
  int32_t split;
};
#define TINY_NET_IS_SPLIT(matrix) (TINY_NET_SPLIT && TINY_NET_PLAIN ? (matrix)->split : TINY_NET_SPLIT)

#if TINY_NET_DSP
typedef uint64_t __attribute__((may_alias)) tiny_net_two_words;
typedef uint32_t __attribute__((may_alias)) tiny_net_word;
#define TINY_NET_FIRST(two) ((uint32_t)(two))
#define TINY_NET_SECOND(two) ((uint32_t)((two) >> 32))

/* Two words, and on to the next two: one instruction, which compilers do not find. */
TINY_NET_LOCAL tiny_net_two_words tiny_net_next(const tiny_net_two_words **from)
{
  tiny_net_two_words two;
  __asm__("ldrd %Q0, %R0, [%1], #8" : "=r"(two), "+r"(*from) : "m"(**from));
  return two;
}

/* Bytes 0 and 2 of a word, as int16 lanes. */
TINY_NET_LOCAL uint32_t tiny_net_even(uint32_t word)
{
  return (uint32_t)__sxtb16((int8x4_t)word);
}

/* Bytes 1 and 3. */
TINY_NET_LOCAL uint32_t tiny_net_odd(uint32_t word)
{
  uint32_t lanes;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(lanes) : "r"(word));
  return lanes;
}

/* The lower halves of two words beside each other, the first one lowest; and the upper halves. */
TINY_NET_LOCAL uint32_t tiny_net_lower_halves(uint32_t first, uint32_t second)
{
  uint32_t halves;
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(halves) : "r"(first), "r"(second));
  return halves;
}

TINY_NET_LOCAL uint32_t tiny_net_upper_halves(uint32_t first, uint32_t second)
{
  uint32_t halves;
  __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(halves) : "r"(first), "r"(second));
  return halves;
}

TINY_NET_LOCAL int32_t tiny_net_dot(uint32_t a, uint32_t b, int32_t sum)
{
  return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}
#endif

/* Any four bytes as a word, the first one lowest. */
TINY_NET_LOCAL uint32_t tiny_net_load(const int8_t *from)
{
#if TINY_NET_DSP
  uint32_t word;
  memcpy(&word, from, 4);
  return word;
#else
  return (uint8_t)from[0] | (uint32_t)(uint8_t)from[1] << 8 | (uint32_t)(uint8_t)from[2] << 16 |
         (uint32_t)(uint8_t)from[3] << 24;
#endif
}

/* Four bytes to two words, `stride` words apart. */
TINY_NET_LOCAL void tiny_net_widen_word(uint32_t word, int16_t *to, size_t stride)
{
#if TINY_NET_DSP
  *(tiny_net_word *)to = tiny_net_even(word);
  *(tiny_net_word *)(to + 2 * stride) = tiny_net_odd(word);
#else
  to[0] = (int8_t)word;
  to[1] = (int8_t)(word >> 16);
  to[2 * stride] = (int8_t)(word >> 8);
  to[2 * stride + 1] = (int8_t)(word >> 24);
#endif
}

#if TINY_NET_MVE
/* The vector extension (MVE): 32 inputs at a time for a pair of channels, and four sums to outputs.
 *
 * It reads the weights as they lie for the other forms: bytes 0 and 2 of each four belong to the lower channel, 1 and
 * 3 to the upper one, for inputs k, k+1 and k+2, k+3. Whole blocks of 64 bytes are read. What lies behind a pair's
 * weights meets zeros in the column; behind the last pair the parameters go on for 60 bytes at least. */

/* 32 inputs of a column in the order of the weights; two vectors of two bytes side by side. */
TINY_NET_LOCAL int16x8x2_t tiny_net_column_block(const int8_t *column)
{
  return vld2q_s16((const int16_t *)(const void *)column);
}

/* The weights of a pair of channels for 32 inputs; an upper byte that is part of a number lacks one where the lower
 * byte is negative. */
TINY_NET_LOCAL int8x16x4_t tiny_net_weight_block(const int8_t *weights, int split)
{
  int8x16x4_t block = vld4q_s8(weights);
  if (split) {
    block.val[1] = vsubq_s8(block.val[1], vshrq_n_s8(block.val[0], 7));
    block.val[3] = vsubq_s8(block.val[3], vshrq_n_s8(block.val[2], 7));
  }
  return block;
}

TINY_NET_LOCAL int32_t tiny_net_lower_sum(int32_t sum, int8x16x4_t weights, int16x8x2_t column)
{
  sum = vmladavaq_s8(sum, weights.val[0], vreinterpretq_s8_s16(column.val[0]));
  return vmladavaq_s8(sum, weights.val[2], vreinterpretq_s8_s16(column.val[1]));
}

TINY_NET_LOCAL int32_t tiny_net_upper_sum(int32_t sum, int8x16x4_t weights, int16x8x2_t column)
{
  sum = vmladavaq_s8(sum, weights.val[1], vreinterpretq_s8_s16(column.val[0]));
  return vmladavaq_s8(sum, weights.val[3], vreinterpretq_s8_s16(column.val[1]));
}

/* Four values shifted, to the right where the shift is negative, rounded half away from zero then. */
TINY_NET_LOCAL int32x4_t tiny_net_shift_four(int32x4_t values, int32x4_t shift)
{
  return vrshlq_s32(vaddq_s32(values, vshrq_n_s32(vandq_s32(values, shift), 31)), shift);
}

TINY_NET_LOCAL int32x4_t tiny_net_clamp_four(int32x4_t values, const struct tiny_net_output *out)
{
  values = vqaddq_n_s32(values, out->offset >> 1);
  return vminq_s32(vmaxq_s32(values, vdupq_n_s32(out->low)), vdupq_n_s32(out->high));
}

/* Four sums to outputs, each with its multiplier and its shift, which is to the left where it is positive. */
TINY_NET_LOCAL int32x4_t tiny_net_finish_four(int32x4_t sums, int32x4_t multiplier, int32x4_t shift,
                                        const struct tiny_net_output *out)
{
#if TINY_NET_SHIFTS > 0
  const int32x4_t right = vminq_s32(shift, vdupq_n_s32(0));
  sums = vqrdmulhq_s32(vshlq_s32(sums, vmaxq_s32(shift, vdupq_n_s32(0))), multiplier);
  return tiny_net_clamp_four(tiny_net_shift_four(sums, right), out);
#else
  sums = vqrdmulhq_s32(sums, multiplier);
  sums = vaddq_s32(sums, vshrq_n_s32(sums, 31));
  return tiny_net_clamp_four(vrshlq_s32(sums, shift), out);
#endif
}

/* Four sums of one channel to outputs. */
TINY_NET_LOCAL int32x4_t tiny_net_finish_alike(int32x4_t sums, const struct tiny_net_channel *channel,
                                         const struct tiny_net_output *out)
{
#if TINY_NET_SHIFTS > 0
  return tiny_net_finish_four(sums, vdupq_n_s32(channel->multiplier), vdupq_n_s32(~channel->shift), out);
#else
  sums = vqrdmulhq_n_s32(sums, channel->multiplier);
  sums = vaddq_s32(sums, vshrq_n_s32(sums, 31));
  return tiny_net_clamp_four(vrshlq_n_s32(sums, ~channel->shift), out);
#endif
}

/* The same member of four channels. */
TINY_NET_LOCAL int32x4_t tiny_net_of_four(const int32_t *member)
{
  return vldrwq_gather_offset_s32(member, vidupq_n_u32(0, 1) * (uint32_t)sizeof(struct tiny_net_channel));
}
#endif

#if TINY_NET_MVE
/* A column is bytes, up to a multiple of 32; those behind the last input are zero. */
#define TINY_NET_COLUMN_WORDS(words) (((words) + 15) / 16 * 16)

/* Column `i` of those in `scratch`. */
TINY_NET_LOCAL int16_t *tiny_net_column_at(int16_t *scratch, size_t words, size_t i)
{
  return scratch + TINY_NET_COLUMN_WORDS(words) * i;
}

/* Zeros for what lies behind the last input of each column; inputs are written over the rest. */
TINY_NET_LOCAL void tiny_net_clear_columns(int16_t *scratch, size_t words, size_t columns)
{
  for (size_t i = 1; i <= columns; i++) {
    int8_t *end = (int8_t *)(scratch + TINY_NET_COLUMN_WORDS(words) * i);
    vstrbq_s8(end - 32, vdupq_n_s8(0));
    vstrbq_s8(end - 16, vdupq_n_s8(0));
  }
}

/* `count` bytes to a column. */
static TINY_NET_HOT void tiny_net_widen(const int8_t *from, int16_t *to, size_t count, size_t stride)
{
  int8_t *bytes = (int8_t *)to;
  (void)stride;
  for (; count >= 16; count -= 16) {
    vstrbq_s8(bytes, vldrbq_s8(from));
    bytes += 16;
    from += 16;
  }
  if (count > 0) {
    mve_pred16_t rest = vctp8q((uint32_t)count);
    vstrbq_p_s8(bytes, vldrbq_z_s8(from, rest), rest);
  }
}
#else
/* A column is words of two int16 lanes; four columns lie side by side, word by word. */
TINY_NET_LOCAL int16_t *tiny_net_column_at(int16_t *scratch, size_t words, size_t i)
{
  (void)words;
  return scratch + 2 * i;
}

/* Nothing is read that is not written before. */
TINY_NET_LOCAL void tiny_net_clear_columns(int16_t *scratch, size_t words, size_t columns)
{
  (void)scratch;
  (void)words;
  (void)columns;
}

/* `count` bytes to words `stride` apart; a last incomplete four is filled with zeros. */
static TINY_NET_HOT void tiny_net_widen(const int8_t *from, int16_t *to, size_t count, size_t stride)
{
  for (; count >= 16; count -= 16) {
    tiny_net_widen_word(tiny_net_load(from), to, stride);
    to += 4 * stride;
    tiny_net_widen_word(tiny_net_load(from + 4), to, stride);
    to += 4 * stride;
    tiny_net_widen_word(tiny_net_load(from + 8), to, stride);
    to += 4 * stride;
    tiny_net_widen_word(tiny_net_load(from + 12), to, stride);
    to += 4 * stride;
    from += 16;
  }
  for (; count >= 4; count -= 4) {
    tiny_net_widen_word(tiny_net_load(from), to, stride);
    to += 4 * stride;
    from += 4;
  }
  if (count > 0) {
    uint32_t word = (uint8_t)from[0];
    if (count > 1) word |= (uint32_t)(uint8_t)from[1] << 8;
    if (count > 2) word |= (uint32_t)(uint8_t)from[2] << 16;
    tiny_net_widen_word(word, to, stride);
  }
}
#endif

#if TINY_NET_MVE
/* Weights times one column of activations, four channels at a time, in vectors. */

static TINY_NET_HOT void tiny_net_dense(const struct tiny_net_matrix *matrix, const int16_t *weights,
                                  const struct tiny_net_channel *channel, const struct tiny_net_output *out,
                                  const int16_t *column, int8_t *to)
{
  const struct tiny_net_output how = *out;
  const size_t words = matrix->words, blocks = (words + 15) / 16;
  const int split = TINY_NET_IS_SPLIT(matrix);
  const int8_t *start = (const int8_t *)weights;
  for (int32_t left = matrix->channels; left > 0; left -= 4) {
    int32_t a = channel[0].bias, b = channel[1].bias, c = channel[2].bias, d = channel[3].bias;
    const int8_t *w = start, *v = w + 4 * words, *x = (const int8_t *)column;
    size_t block = blocks;
    do {
      const int16x8x2_t lanes = tiny_net_column_block(x);
      int8x16x4_t pair = tiny_net_weight_block(w, split);
      a = tiny_net_lower_sum(a, pair, lanes);
      b = tiny_net_upper_sum(b, pair, lanes);
      pair = tiny_net_weight_block(v, split);
      c = tiny_net_lower_sum(c, pair, lanes);
      d = tiny_net_upper_sum(d, pair, lanes);
      x += 32;
      w += 64;
      v += 64;
    } while (--block > 0);
    int32x4_t sums = vdupq_n_s32(a);
    sums = vsetq_lane_s32(b, sums, 1);
    sums = vsetq_lane_s32(c, sums, 2);
    sums = vsetq_lane_s32(d, sums, 3);
    sums = tiny_net_finish_four(sums, tiny_net_of_four(&channel->multiplier), vmvnq_s32(tiny_net_of_four(&channel->shift)), &how);
    vstrbq_p_s32(to, sums, vctp32q((uint32_t)left));
    start += 8 * words;
    channel += 4;
    to += 4;
  }
}
#else
/* Weights times one column of activations, four channels at a time: fully connected layers, single pixels.
 *
 * `weights` lie as [pairs of channels][words], `column` as [words]; `words` and the pairs are even in number. */

TINY_NET_LOCAL void tiny_net_dense_kind(const struct tiny_net_matrix *matrix, const int16_t *weights,
                                   const struct tiny_net_channel *channel, const struct tiny_net_output *out,
                                   const int16_t *column, int8_t *to, int split)
{
  const struct tiny_net_output how = *out;
  size_t left = matrix->channels, words = matrix->words;
  for (;;) {
    int32_t a = channel[0].bias, b = channel[1].bias, c = channel[2].bias, d = channel[3].bias;
    if (split) {
      b = (int32_t)((uint32_t)b * 256 + (uint32_t)a);
      d = (int32_t)((uint32_t)d * 256 + (uint32_t)c);
    }
#if TINY_NET_DSP
    const tiny_net_two_words *x = (const tiny_net_two_words *)column, *end = x + words / 2;
    const tiny_net_two_words *w = (const tiny_net_two_words *)weights, *v = w + words / 2;
    do {
      const tiny_net_two_words lanes = tiny_net_next(&x);
      tiny_net_two_words pair = tiny_net_next(&w);
      a = tiny_net_dot(tiny_net_even(TINY_NET_FIRST(pair)), TINY_NET_FIRST(lanes), a);
      b = tiny_net_dot(split ? TINY_NET_FIRST(pair) : tiny_net_odd(TINY_NET_FIRST(pair)), TINY_NET_FIRST(lanes), b);
      a = tiny_net_dot(tiny_net_even(TINY_NET_SECOND(pair)), TINY_NET_SECOND(lanes), a);
      b = tiny_net_dot(split ? TINY_NET_SECOND(pair) : tiny_net_odd(TINY_NET_SECOND(pair)), TINY_NET_SECOND(lanes), b);
      pair = tiny_net_next(&v);
      c = tiny_net_dot(tiny_net_even(TINY_NET_FIRST(pair)), TINY_NET_FIRST(lanes), c);
      d = tiny_net_dot(split ? TINY_NET_FIRST(pair) : tiny_net_odd(TINY_NET_FIRST(pair)), TINY_NET_FIRST(lanes), d);
      c = tiny_net_dot(tiny_net_even(TINY_NET_SECOND(pair)), TINY_NET_SECOND(lanes), c);
      d = tiny_net_dot(split ? TINY_NET_SECOND(pair) : tiny_net_odd(TINY_NET_SECOND(pair)), TINY_NET_SECOND(lanes), d);
    } while (x != end);
    weights = (const int16_t *)v;
#else
    const int16_t *x = column, *end = column + 2 * words, *w = weights, *v = weights + 2 * words;
    uint32_t sa = (uint32_t)a, sb = (uint32_t)b, sc = (uint32_t)c, sd = (uint32_t)d;
#define TINY_NET_STEP                                \
  {                                               \
    int32_t lane = *x++, p = *w++, q = *v++;      \
    sa += (uint32_t)(lane * (int8_t)p);           \
    sb += (uint32_t)(lane * (split ? p : p >> 8));\
    sc += (uint32_t)(lane * (int8_t)q);           \
    sd += (uint32_t)(lane * (split ? q : q >> 8));\
  }
    do {
      TINY_NET_STEP
      TINY_NET_STEP
      TINY_NET_STEP
      TINY_NET_STEP
    } while (x != end);
#undef TINY_NET_STEP
    weights = v;
    a = (int32_t)sa;
    b = (int32_t)sb;
    c = (int32_t)sc;
    d = (int32_t)sd;
#endif
    if (split) {
      b = (int32_t)((uint32_t)b - (uint32_t)a) >> 8;
      d = (int32_t)((uint32_t)d - (uint32_t)c) >> 8;
    }
    to[0] = tiny_net_finish(a, &channel[0], &how);
    if (left > 1) to[1] = tiny_net_finish(b, &channel[1], &how);
    if (left > 2) to[2] = tiny_net_finish(c, &channel[2], &how);
    if (left > 3) to[3] = tiny_net_finish(d, &channel[3], &how);
    if (left <= 4) break;
    left -= 4;
    to += 4;
    channel += 4;
  }
}

static TINY_NET_HOT void tiny_net_dense(const struct tiny_net_matrix *matrix, const int16_t *weights,
                                  const struct tiny_net_channel *channel, const struct tiny_net_output *out,
                                  const int16_t *column, int8_t *to)
{
#if TINY_NET_SPLIT && TINY_NET_PLAIN
  if (matrix->split)
    tiny_net_dense_kind(matrix, weights, channel, out, column, to, 1);
  else
    tiny_net_dense_kind(matrix, weights, channel, out, column, to, 0);
#else
  tiny_net_dense_kind(matrix, weights, channel, out, column, to, TINY_NET_SPLIT);
#endif
}
#endif

/* FULLY_CONNECTED of one row. Scratch: the row as a column. */
static TINY_NET_HOT void tiny_net_fully_connected(const struct tiny_net_matrix *matrix, const int16_t *weights,
                                            const struct tiny_net_channel *channels, const struct tiny_net_output *out,
                                            const int8_t *from, size_t depth, int8_t *to, int16_t *scratch)
{
  tiny_net_clear_columns(scratch, matrix->words, 1);
  tiny_net_widen(from, scratch, depth, 1);
  tiny_net_dense(matrix, weights, channels, out, scratch, to);
}

/* Any function of one number: RELU, LOGISTIC, TANH, QUANTIZE and their like. `to` may be `from`. */
static TINY_NET_HOT void tiny_net_lookup(const int8_t *table, const int8_t *from, int8_t *to, size_t count)
{
  table += 128;
  for (const int8_t *end = from + count; from != end; from++) *to++ = table[*from];
}

struct tiny_net_params {
  int16_t weights_0[8];
  struct tiny_net_channel channels_0[4];
  struct tiny_net_output out_0;
  int8_t table_1[256];
};

static const struct tiny_net_params tiny_net_params = {
  {1281, -1789, 1534, 2044, 0, 0, 0, 0},
  {{8, 1073741824, 0}, {-8, 1073741824, 0}, {0, 0, 0}, {0, 0, 0}},
  {7, -128, 127},
  {
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3,
    3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9, 10, 11,
    12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
    38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
    64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89,
    90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112,
    113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127
  }
};

static const struct tiny_net_matrix tiny_net_shape_0 = {2, 2, 1};

/* Scratch: 34 bytes.
 *
 *       0 to      32: scratch of step 0, step 0
 *      32 to      34: value 1, steps 0 to 1 */
int tiny_net_invoke(const int8_t *input, int8_t *output, void *scratch)
{
  const struct tiny_net_params *const p = &tiny_net_params;
  int8_t *const s = (int8_t *)scratch;
  if (input == NULL || output == NULL || scratch == NULL) return -1;
  if (((uintptr_t)scratch & (TINY_NET_ALIGNMENT - 1)) != 0) return -2;
  /* 0 FULLY_CONNECTED */
  tiny_net_fully_connected(&tiny_net_shape_0, p->weights_0, p->channels_0, &p->out_0, input, 4, s + 32, (int16_t *)(void *)(s + 0));
  /* 1 RELU */
  tiny_net_lookup(p->table_1, s + 32, output, 2);
  return 0;
}

#define TINY_NET_STEPS TINY_NET_HALF_STEPS
#define TINY_NET_IN_ZERO TINY_NET_INPUT_ZERO_POINT
#define TINY_NET_OUT_SCALE TINY_NET_OUTPUT_SCALE
#define TINY_NET_OUT_ZERO TINY_NET_OUTPUT_ZERO_POINT

/* Real values to inputs: to the nearest step, halves away from zero. NaN gives the zero point. */
void tiny_net_quantize(const float *values, int8_t *input)
{
  for (size_t i = 0; i < TINY_NET_INPUT_LEN; i++) {
    /* Half steps, cut off: what is left to do is exact in integers. */
    float halves = values[i] * TINY_NET_STEPS;
    int32_t whole = halves >= 1024.0f ? 1024 : halves <= -1024.0f ? -1024 : halves == halves ? (int32_t)halves : 0;
    int32_t steps = whole < 0 ? -((1 - whole) >> 1) : (whole + 1) >> 1;
    steps += TINY_NET_IN_ZERO;
    input[i] = (int8_t)(steps < -128 ? -128 : steps > 127 ? 127 : steps);
  }
}

/* Outputs to real values. */
void tiny_net_dequantize(const int8_t *output, float *scores)
{
  for (size_t i = 0; i < TINY_NET_OUTPUT_LEN; i++)
    scores[i] = (float)(output[i] - TINY_NET_OUT_ZERO) * TINY_NET_OUT_SCALE;
}

const char *tiny_net_label(size_t i)
{
  static const char *const labels[2] = {"low", "high"};
  return i < 2 ? labels[i] : NULL;
}
