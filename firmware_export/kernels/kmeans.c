/* The best score so far and a cluster to the best of both.
 *
 * Squared distances as |q|^2 + |c|^2 - 2 q.c: in unsigned arithmetic the differences come out right whatever
 * overflows on the way, and the distance itself is below 2^32. `own` is |q|^2 * 4^fraction bits, and `square` the
 * same of the centre, plus 1; `product` is q.c with the fraction bits of the centres. */
MODEL_INLINE int32_t model_nearer(int32_t best, const struct model_cluster *c, uint32_t own, int32_t product,
                                  uint32_t line) {
  uint32_t squared = own + c->square - ((uint32_t)product << (2 * MODEL_FRACTION_BITS + 1 - MODEL_CENTER_BITS));
  int32_t edge;
#if MODEL_CLUSTERS > 8
  /* Most of many clusters cannot win, and then need no square root. */
  int32_t reach = best + c->radius;
  if (reach <= 0 || (reach < 65536 && squared >= (uint32_t)reach * (uint32_t)reach)) return best;
#endif
  edge = (int32_t)model_square_root(squared, line) - c->radius;
  return edge < best ? edge : best;
}

#if MODEL_DSP
MODEL_INLINE int32_t model_distance(const struct model_params *p, const model_in_t *q) {
  model_lane lanes[MODEL_LANES];
  int32_t best = p->cap, own = 0;
  uint32_t line = MODEL_ROOT_LINE;
  model_spread(q, lanes);
  MODEL_UNROLL(MODEL_LANE_UNROLL)
  for (size_t i = 0; i < MODEL_LANES; ++i) own = __smlad((int16x2_t)lanes[i], (int16x2_t)lanes[i], own);
  own = (int32_t)((uint32_t)own << (2 * MODEL_FRACTION_BITS));

  MODEL_KEEP(line);
  MODEL_UNROLL(1)
  for (size_t k = 0; k < MODEL_CLUSTERS; ++k) {
    const struct model_cluster *c = &p->cluster[k];
    int32_t product = 0;
    MODEL_UNROLL(MODEL_LANE_UNROLL)
    for (size_t i = 0; i < MODEL_LANES; ++i) product = model_multiply_add(c->center, lanes, i, product);
    best = model_nearer(best, c, (uint32_t)own, product, line);
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
    const struct model_cluster *c = &p->cluster[k];
    size_t i = 0;
    do {
      int32_t v = q[i];
      own += (uint32_t)(v * v);
      MODEL_UNROLL(MODEL_CLUSTERS_AT_ONCE)
      for (size_t j = 0; j < MODEL_CLUSTERS_AT_ONCE; ++j) sum[j] += v * c[j].center[i];
    } while (++i != MODEL_INPUT_LEN);
    own <<= 2 * MODEL_FRACTION_BITS;
    /* The sums stay in registers; only the copy is indexed by a loop. */
    MODEL_UNROLL(MODEL_CLUSTERS_AT_ONCE)
    for (size_t j = 0; j < MODEL_CLUSTERS_AT_ONCE; ++j) product[j] = sum[j];
    MODEL_UNROLL(1)
    for (size_t j = 0; j < MODEL_CLUSTERS_AT_ONCE; ++j)
      best = model_nearer(best, &c[j], own, product[j], line);
  }
  return (best * p->multiplier) >> 15;
}
#endif
