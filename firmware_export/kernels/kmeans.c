/* Squared distances as |q|^2 + |c|^2 - 2 q.c: in unsigned arithmetic the differences come out right whatever
 * overflows on the way, and the distance itself is below 2^32. `square` is |c|^2 * 4^MODEL_FRACTION_BITS + 1. */
static inline int32_t model_edge(const struct model_params *p, size_t k, uint32_t own, int32_t product) {
  uint32_t other = (uint32_t)product << (2 * MODEL_FRACTION_BITS + 1);
  return (int32_t)model_square_root(own + p->cluster[k].square - other) - p->cluster[k].radius;
}

#if MODEL_DSP
/* Inputs as pairs of 16-bit lanes; the tail that fills no word is left to the scalar code. */
#if MODEL_INPUT_BITS == 8
#define MODEL_PER_WORD 4u
#else
#define MODEL_PER_WORD 2u
#endif
#define MODEL_WORDS (MODEL_INPUT_LEN / MODEL_PER_WORD)

static inline uint32_t model_word(const model_in_t *from) {
  uint32_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

#if MODEL_INPUT_BITS == 8
static inline uint32_t model_odd(uint32_t word) {
  uint32_t lanes;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(lanes) : "r"(word));
  return lanes;
}
#endif

static inline int32_t model_product(const model_in_t *a, const model_in_t *b) {
  int32_t sum = 0;
  MODEL_UNROLL(MODEL_DIMENSION_UNROLL)
  for (size_t i = 0; i < MODEL_WORDS; ++i) {
    uint32_t u = model_word(a + MODEL_PER_WORD * i), v = model_word(b + MODEL_PER_WORD * i);
#if MODEL_INPUT_BITS == 8
    sum = __smlad((int16x2_t)__sxtb16((int8x4_t)u), (int16x2_t)__sxtb16((int8x4_t)v), sum);
    sum = __smlad((int16x2_t)model_odd(u), (int16x2_t)model_odd(v), sum);
#else
    sum = __smlad((int16x2_t)u, (int16x2_t)v, sum);
#endif
  }
  for (size_t i = MODEL_PER_WORD * MODEL_WORDS; i < MODEL_INPUT_LEN; ++i) sum += a[i] * b[i];
  return sum;
}

static inline int32_t model_distance(const struct model_params *p, const model_in_t *q) {
  int32_t best = p->cap;
  uint32_t own = (uint32_t)model_product(q, q) << (2 * MODEL_FRACTION_BITS);
  MODEL_UNROLL(1)
  for (size_t k = 0; k < MODEL_CLUSTERS; ++k) {
    int32_t edge = model_edge(p, k, own, model_product(p->cluster[k].center, q));
    best = edge < best ? edge : best;
  }
  return (best * p->multiplier) >> 15;
}
#else
/* Several clusters at once: an input is then loaded once for all of them. */
static inline int32_t model_distance(const struct model_params *p, const model_in_t *q) {
  int32_t best = p->cap;
  MODEL_UNROLL(1)
  for (size_t k = 0; k < MODEL_CLUSTERS; k += MODEL_CLUSTERS_AT_ONCE) {
    int32_t product[MODEL_CLUSTERS_AT_ONCE] = {0};
    uint32_t own = 0u;
    MODEL_UNROLL(MODEL_DIMENSION_UNROLL)
    for (size_t i = 0; i < MODEL_INPUT_LEN; ++i) {
      int32_t v = q[i];
      own += (uint32_t)(v * v);
      MODEL_UNROLL(MODEL_CLUSTERS_AT_ONCE)
      for (size_t j = 0; j < MODEL_CLUSTERS_AT_ONCE; ++j) product[j] += v * p->cluster[k + j].center[i];
    }
    own <<= 2 * MODEL_FRACTION_BITS;
    MODEL_UNROLL(1)
    for (size_t j = 0; j < MODEL_CLUSTERS_AT_ONCE; ++j) {
      int32_t edge = model_edge(p, k + j, own, product[j]);
      best = edge < best ? edge : best;
    }
  }
  return (best * p->multiplier) >> 15;
}
#endif
