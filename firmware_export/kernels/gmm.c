/* log2(2^a + 2^b) in 2^-12 octaves: the larger, and (1 - t/8)^4 for a difference of t < 8 octaves. */
static inline int32_t model_log2_add(int32_t a, int32_t b) {
  int32_t larger = a > b ? a : b, rest = 32768 - (a > b ? a - b : b - a);
  if (rest <= 0) return larger;
  rest = (rest * rest) >> 15;
  return larger + ((rest * rest) >> 18);
}

/* A whitened coordinate: 6 fraction bits, saturated so that the sum of the squares stays within 2^30. */
static inline int32_t model_whitened(int32_t sum, int32_t shift) {
  int32_t y = sum >> shift;
#if MODEL_DSP || (defined(__GNUC__) && defined(__ARM_FEATURE_SAT))
  __asm__("ssat %0, %1, %0" : "+r"(y) : "I"(MODEL_Y_WIDTH));
  return y;
#else
  y = y < -MODEL_Y_LIMIT ? -MODEL_Y_LIMIT : y;
  return y > MODEL_Y_LIMIT - 1 ? MODEL_Y_LIMIT - 1 : y;
#endif
}

#define MODEL_PAIRS ((MODEL_INPUT_LEN + 1) / 2)

#if MODEL_DSP
static inline uint32_t model_pair(const void *from) {
  uint32_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

/* Two inputs less a mean, in 16-bit lanes; one, where there is no second. */
static inline uint32_t model_centered(const model_in_t *q, const model_in_t *mean, size_t i) {
#if MODEL_INPUT_BITS == 16
  if (2 * i + 1 < MODEL_INPUT_LEN)
    return (uint32_t)__ssub16((int16x2_t)model_pair(q + 2 * i), (int16x2_t)model_pair(mean + 2 * i));
#else
  if (2 * i + 1 < MODEL_INPUT_LEN)
    return (uint32_t)(uint16_t)(q[2 * i] - mean[2 * i]) | ((uint32_t)(q[2 * i + 1] - mean[2 * i + 1]) << 16);
#endif
  return (uint32_t)(uint16_t)(q[2 * i] - mean[2 * i]);
}
#endif

/* Sum of the squared whitened coordinates, in 2^-12 octaves. The factor is upper triangular, stored by columns,
 * each padded to pairs. */
static inline int32_t model_mahalanobis(const struct model_component *c, const model_in_t *q) {
  const int16_t *factor = c->factor;
  int32_t shift = c->shift, half = 1 << (c->shift - 1), total = 0;
#if MODEL_DSP
  uint32_t centered[MODEL_PAIRS];
  MODEL_UNROLL(MODEL_DIMENSION_UNROLL)
  for (size_t i = 0; i < MODEL_PAIRS; ++i) centered[i] = model_centered(q, c->mean, i);
  MODEL_UNROLL(MODEL_DIMENSION_UNROLL)
  for (size_t j = 0; j < MODEL_INPUT_LEN; ++j) {
    int32_t y = half;
    MODEL_UNROLL(MODEL_DIMENSION_UNROLL)
    for (size_t i = 0; i <= j / 2; ++i, factor += 2)
      y = __smlad((int16x2_t)model_pair(factor), (int16x2_t)centered[i], y);
    y = model_whitened(y, shift);
    total += y * y;
  }
#else
  int32_t centered[MODEL_INPUT_LEN];
  MODEL_UNROLL(MODEL_DIMENSION_UNROLL)
  for (size_t i = 0; i < MODEL_INPUT_LEN; ++i) centered[i] = q[i] - c->mean[i];
  MODEL_UNROLL(MODEL_DIMENSION_UNROLL)
  for (size_t j = 0; j < MODEL_INPUT_LEN; ++j) {
    int32_t y = half;
    MODEL_UNROLL(MODEL_DIMENSION_UNROLL)
    for (size_t i = 0; i <= j; ++i) y += factor[i] * centered[i];
    factor += (j | 1) + 1;
    y = model_whitened(y, shift);
    total += y * y;
  }
#endif
  return total;
}

static inline int32_t model_distance(const struct model_params *p, const model_in_t *q) {
  int32_t octaves = MODEL_LEAST_OCTAVES, score;
  MODEL_UNROLL(1)
  for (size_t k = 0; k < MODEL_COMPONENTS; ++k) {
    const struct model_component *c = &p->component[k];
    octaves = model_log2_add(octaves, c->offset - model_mahalanobis(c, q));
  }
  score = (int32_t)(((uint64_t)(uint32_t)(octaves < 0 ? -octaves : octaves) * p->multiplier) >> 32);
  return score > p->cap ? p->cap : score;
}
