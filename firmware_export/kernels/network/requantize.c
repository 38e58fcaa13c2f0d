/* From int32 sums to int8, exactly as gemmlowp rounds: twice. */

#if defined(__GNUC__) && !defined(__clang__) && defined(__arm__)
/* The same code at every optimisation level. Scheduling before register allocation would spill the sums, and so would
 * a loop inside a larger function. */
#define MODEL_HOT __attribute__((noinline, optimize("O2", "no-schedule-insns", "no-tree-reassoc", "no-tree-ter")))
#elif defined(__GNUC__)
#define MODEL_HOT __attribute__((noinline))
#else
#define MODEL_HOT
#endif
#if defined(__GNUC__)
#define MODEL_LOCAL static inline __attribute__((always_inline, unused))
#else
#define MODEL_LOCAL static inline
#endif

/* What turns one channel's sum into its output. */
struct model_channel {
  int32_t bias;
  int32_t multiplier; /* in 2^-31 */
  int32_t shift;      /* how far to the right, less one; below zero, to the left */
};

/* What all channels of an output share. */
struct model_output {
  int32_t offset; /* twice the zero point, plus one */
  int32_t low;
  int32_t high;
};

/* (2 * a * b) / 2^32, rounded half up. */
MODEL_LOCAL int32_t model_high_multiply(int32_t a, int32_t b)
{
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* (twice * b) / 2^32, rounded half up: the same for a sum that is doubled already. */
MODEL_LOCAL int32_t model_high_multiply_doubled(int32_t twice, int32_t b)
{
#if MODEL_DSP
  int32_t high;
  __asm__("smmulr %0, %1, %2" : "=r"(high) : "r"(twice), "r"(b));
  return high;
#else
  int64_t product = (int64_t)twice * b;
  return (int32_t)(product >> 32) + (int32_t)((uint32_t)product >> 31);
#endif
}

/* value / 2^exponent, rounded half away from zero. */
MODEL_LOCAL int32_t model_rounding_shift(int32_t value, int32_t exponent)
{
  int32_t half = (int32_t)((((uint32_t)1 << exponent) >> 1));
  int32_t lifted = value + (value >> 31);
  return exponent == 0 ? value : (int32_t)(((int64_t)lifted + half) >> exponent);
}

/* A value times a multiplier and a power of two. */
MODEL_LOCAL int32_t model_scale(int32_t value, int32_t multiplier, int32_t shift)
{
  int32_t left = shift > 0 ? shift : 0;
  int32_t raised = (int32_t)((uint32_t)value << left);
  return model_rounding_shift(model_high_multiply(raised, multiplier), left - shift);
}

/* value / 2, rounded down, as far as int8 goes. */
MODEL_LOCAL int32_t model_saturate_half(int32_t value)
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

MODEL_LOCAL int8_t model_clamp(int32_t value, const struct model_output *out)
{
#if MODEL_CLAMP
  value = value < out->low ? out->low : value;
  value = value > out->high ? out->high : value;
#else
  (void)out;
#endif
  return (int8_t)value;
}

/* MODEL_SHIFTS says what the model's channels ask for: 0, all shift to the right, by one or more; 1, some do not;
 * 2, some sums exceed 30 bits, too. */
#define MODEL_DOUBLED (MODEL_SHIFTS == 2 ? 1 : 2)

/* A channel's sum, times MODEL_DOUBLED, to its output. */
MODEL_LOCAL int8_t model_finish_doubled(int32_t sum, const struct model_channel *channel,
                                         const struct model_output *out)
{
#if MODEL_SHIFTS > 0
  if (MODEL_SHIFTS == 2 || channel->shift < 0) {
    int32_t value = model_scale(sum >> (MODEL_DOUBLED - 1), channel->multiplier, -1 - channel->shift);
    value = value < -512 ? -512 : value > 512 ? 512 : value;
    return model_clamp(model_saturate_half(2 * value + out->offset), out);
  }
#endif
#if MODEL_SHIFTS < 2
  /* Halves go away from zero: one less below zero, then half up. The zero point comes in before the last bit
   * is shifted out. */
  int32_t value = model_high_multiply_doubled(sum, channel->multiplier);
  value += value >> 31;
  value >>= channel->shift;
  value += out->offset;
  return model_clamp(model_saturate_half(value), out);
#endif
}

/* A channel's sum to its output. */
MODEL_LOCAL int8_t model_finish(int32_t sum, const struct model_channel *channel, const struct model_output *out)
{
  return model_finish_doubled((int32_t)((uint32_t)sum * MODEL_DOUBLED), channel, out);
}
