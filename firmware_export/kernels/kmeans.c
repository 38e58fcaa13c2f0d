/* The best score so far and a cluster to the best of both.
 *
 * Squared distances as |q|^2 + |c|^2 - 2 q.c: in unsigned arithmetic the differences come out right whatever
 * overflows on the way, and the distance itself is below 2^32. `own` is |q|^2 * 4^fraction bits, and `square` the
 * same of the centre, plus 1. */
MODEL_INLINE int32_t model_nearer(int32_t best, const struct model_cluster *c, uint32_t own, int32_t product,
                                  uint32_t line) {
  uint32_t squared = own + c->square - ((uint32_t)product << (2 * MODEL_FRACTION_BITS + 1));
  int32_t edge;
#if MODEL_CLUSTERS > 8
  /* Most of many clusters cannot win, and then need no square root. */
  int32_t reach = best + c->radius;
  if (reach <= 0 || (reach < 65536 && squared >= (uint32_t)reach * (uint32_t)reach)) return best;
#endif
  edge = (int32_t)model_square_root(squared, line) - c->radius;
  return edge < best ? edge : best;
}

#define MODEL_PER_WORD (32 / MODEL_INPUT_BITS)

#if MODEL_DSP && MODEL_INPUT_LEN >= MODEL_PER_WORD
/* Inputs as pairs of 16-bit lanes; the tail that fills no word is left to scalar code. */
#define MODEL_WORDS (MODEL_INPUT_LEN / MODEL_PER_WORD)

MODEL_INLINE uint32_t model_word(const model_in_t *from) {
  uint32_t word;
  memcpy(&word, from, sizeof word);
  return word;
}

#if MODEL_INPUT_BITS == 8
MODEL_INLINE uint32_t model_even(uint32_t word) {
  return (uint32_t)__sxtb16((int8x4_t)word);
}

MODEL_INLINE uint32_t model_odd(uint32_t word) {
  uint32_t lanes;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(lanes) : "r"(word));
  return lanes;
}
#endif

MODEL_INLINE int32_t model_multiply_add(uint32_t a, uint32_t b, int32_t sum) {
  return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}

MODEL_INLINE int32_t model_distance(const struct model_params *p, const model_in_t *q) {
  uint32_t even[MODEL_WORDS];
  int32_t best = p->cap, own = 0;
  uint32_t line = MODEL_ROOT_LINE;
#if MODEL_INPUT_BITS == 8
  uint32_t odd[MODEL_WORDS];
#endif
  MODEL_UNROLL(MODEL_WORD_UNROLL)
  for (size_t i = 0; i < MODEL_WORDS; ++i) {
    uint32_t word = model_word(q + MODEL_PER_WORD * i);
#if MODEL_INPUT_BITS == 8
    even[i] = model_even(word);
    odd[i] = model_odd(word);
    own = model_multiply_add(odd[i], odd[i], own);
#else
    even[i] = word;
#endif
    own = model_multiply_add(even[i], even[i], own);
  }
  for (size_t i = MODEL_PER_WORD * MODEL_WORDS; i < MODEL_INPUT_LEN; ++i) own += q[i] * q[i];
  own = (int32_t)((uint32_t)own << (2 * MODEL_FRACTION_BITS));

  MODEL_KEEP(line);
  MODEL_UNROLL(1)
  for (size_t k = 0; k < MODEL_CLUSTERS; ++k) {
    const model_in_t *center = p->center + k * MODEL_INPUT_LEN;
    int32_t product = 0;
    MODEL_UNROLL(MODEL_WORD_UNROLL)
    for (size_t i = 0; i < MODEL_WORDS; ++i) {
      uint32_t word = model_word(center + MODEL_PER_WORD * i);
#if MODEL_INPUT_BITS == 8
      product = model_multiply_add(model_even(word), even[i], product);
      product = model_multiply_add(model_odd(word), odd[i], product);
#else
      product = model_multiply_add(word, even[i], product);
#endif
    }
    for (size_t i = MODEL_PER_WORD * MODEL_WORDS; i < MODEL_INPUT_LEN; ++i) product += center[i] * q[i];
    best = model_nearer(best, &p->cluster[k], (uint32_t)own, product, line);
  }
  return (best * p->multiplier) >> 15;
}
#else
/* Several clusters at once: an input is then loaded once for all of them. */
MODEL_INLINE int32_t model_distance(const struct model_params *p, const model_in_t *q) {
  int32_t best = p->cap;
  uint32_t line = MODEL_ROOT_LINE;
  MODEL_KEEP(line);
  MODEL_UNROLL(1)
  for (size_t k = 0; k < MODEL_CLUSTERS; k += MODEL_CLUSTERS_AT_ONCE) {
    int32_t sum[MODEL_CLUSTERS_AT_ONCE] = {0}, product[MODEL_CLUSTERS_AT_ONCE];
    uint32_t own = 0u;
    const model_in_t *center = p->center + k * MODEL_INPUT_LEN, *end = center + MODEL_INPUT_LEN, *input = q;
    do {
      int32_t v = *input++;
      own += (uint32_t)(v * v);
      MODEL_UNROLL(MODEL_CLUSTERS_AT_ONCE)
      for (size_t j = 0; j < MODEL_CLUSTERS_AT_ONCE; ++j) sum[j] += v * center[j * MODEL_INPUT_LEN];
    } while (++center != end);
    own <<= 2 * MODEL_FRACTION_BITS;
    /* The sums stay in registers; only the copy is indexed by a loop. */
    MODEL_UNROLL(MODEL_CLUSTERS_AT_ONCE)
    for (size_t j = 0; j < MODEL_CLUSTERS_AT_ONCE; ++j) product[j] = sum[j];
    MODEL_UNROLL(1)
    for (size_t j = 0; j < MODEL_CLUSTERS_AT_ONCE; ++j)
      best = model_nearer(best, &p->cluster[k + j], own, product[j], line);
  }
  return (best * p->multiplier) >> 15;
}
#endif
