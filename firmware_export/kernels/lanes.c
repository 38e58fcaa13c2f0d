#if MODEL_DSP
/* Inputs in pairs of 16-bit lanes: one instruction multiplies and adds two. What they are multiplied with is stored
 * in pairs as well, padded with 0. */
#define MODEL_PER_LANE 2
#define MODEL_LANES ((MODEL_INPUT_LEN + 1) / 2)
typedef uint32_t model_lane;

MODEL_INLINE uint32_t model_pair(const void *from) {
  uint32_t pair;
  memcpy(&pair, from, sizeof pair);
  return pair;
}

#if MODEL_INPUT_BITS == 8
/* Four inputs: sign-extended in twos, (0, 2) and (1, 3), then put in order. */
MODEL_INLINE void model_spread_word(uint32_t word, model_lane *lanes) {
  uint32_t even = (uint32_t)__sxtb16((int8x4_t)word), odd;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(odd) : "r"(word));
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(lanes[0]) : "r"(even), "r"(odd));
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(lanes[1]) : "r"(odd), "r"(even));
}
#endif

MODEL_INLINE void model_spread(const model_in_t *q, model_lane *lanes) {
  size_t i = 0;
#if MODEL_INPUT_BITS == 8
  MODEL_UNROLL(MODEL_LANE_UNROLL)
  for (; i + 4 <= MODEL_INPUT_LEN; i += 4) model_spread_word(model_pair(q + i), lanes + i / 2);
#else
  MODEL_UNROLL(MODEL_LANE_UNROLL)
  for (; i + 2 <= MODEL_INPUT_LEN; i += 2) lanes[i / 2] = model_pair(q + i);
#endif
  for (; i + 2 <= MODEL_INPUT_LEN; i += 2) lanes[i / 2] = (uint32_t)(uint16_t)q[i] | (uint32_t)q[i + 1] << 16;
  if (i < MODEL_INPUT_LEN) lanes[i / 2] = (uint32_t)(uint16_t)q[i];
}

MODEL_INLINE int32_t model_multiply_add(const int16_t *weights, const model_lane *lanes, size_t i, int32_t sum) {
  return __smlad((int16x2_t)model_pair(weights + 2 * i), (int16x2_t)lanes[i], sum);
}
#endif
