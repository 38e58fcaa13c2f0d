#if !MODEL_DSP
/* Without such an instruction: one by one. */
#define MODEL_PER_LANE 1
#define MODEL_LANES MODEL_INPUT_LEN
typedef int32_t model_lane;

MODEL_INLINE void model_spread(const model_in_t *q, model_lane *lanes) {
  MODEL_UNROLL(MODEL_LANE_UNROLL)
  for (size_t i = 0; i < MODEL_LANES; ++i) lanes[i] = q[i];
}

MODEL_INLINE int32_t model_multiply_add(const int16_t *weights, const model_lane *lanes, size_t i, int32_t sum) {
  return sum + weights[i] * lanes[i];
}
#endif

/* log2(2^a + 2^b) in 2^-12 octaves: the larger, and (1 - t/8)^4 for a difference of t < 8 octaves. */
MODEL_INLINE int32_t model_log2_add(int32_t a, int32_t b) {
  int32_t larger = a > b ? a : b, rest = 32768 - (a > b ? a - b : b - a);
  if (rest <= 0) return larger;
  rest = (rest * rest) >> 15;
  return larger + ((rest * rest) >> 18);
}

/* A whitened coordinate: 6 fraction bits, saturated so that the sum of the squares stays within 2^30. */
MODEL_INLINE int32_t model_whitened(int32_t sum, int32_t shift) {
  int32_t y = sum >> shift;
#if MODEL_DSP || (defined(__GNUC__) && defined(__ARM_FEATURE_SAT))
  __asm__("ssat %0, %1, %0" : "+r"(y) : "I"(MODEL_Y_WIDTH));
  return y;
#else
  y = y < -MODEL_Y_LIMIT ? -MODEL_Y_LIMIT : y;
  return y > MODEL_Y_LIMIT - 1 ? MODEL_Y_LIMIT - 1 : y;
#endif
}

/* Sum of the squared whitened coordinates, in 2^-12 octaves. The factor is upper triangular, stored by columns,
 * each padded to pairs. */
MODEL_INLINE int32_t model_mahalanobis(const struct model_component *c, const model_lane *lanes) {
  const int16_t *factor = c->factor;
  int32_t shift = c->shift, total = 0;
  MODEL_UNROLL(MODEL_TRIANGLE_UNROLL)
  for (size_t j = 0; j < MODEL_INPUT_LEN; ++j) {
    int32_t y = c->bias[j];
    MODEL_UNROLL(MODEL_TRIANGLE_UNROLL)
    for (size_t i = 0; i <= j / MODEL_PER_LANE; ++i)
      y = model_multiply_add(factor, lanes, i, y);
    factor += (j | 1) + 1;
    y = model_whitened(y, shift);
    total += y * y;
  }
  return total;
}

MODEL_INLINE int32_t model_distance(const struct model_params *p, const model_in_t *q) {
  int32_t octaves = MODEL_LEAST_OCTAVES, score;
  model_lane lanes[MODEL_LANES];
  model_spread(q, lanes);
  MODEL_UNROLL(1)
  for (size_t k = 0; k < MODEL_COMPONENTS; ++k) {
    const struct model_component *c = &p->component[k];
    octaves = model_log2_add(octaves, c->offset - model_mahalanobis(c, lanes));
  }
  score = (int32_t)(((uint64_t)(uint32_t)(octaves < 0 ? -octaves : octaves) * p->multiplier) >> 32);
  return score > p->cap ? p->cap : score;
}
