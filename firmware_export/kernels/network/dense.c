/* Weights times one column of activations, four channels at a time: fully connected layers, single pixels.
 *
 * `weights` lie as [channels / 4][words][2 pairs of channels], `column` as [words]; `words` is even. */

struct model_matrix {
  uint16_t channels;
  uint16_t words;
  int32_t split;
};

MODEL_LOCAL void model_dense_kind(const struct model_matrix *matrix, const int16_t *weights,
                                   const struct model_channel *channel, const struct model_output *out,
                                   const int16_t *column, int8_t *to, int split)
{
  const struct model_output how = *out;
  size_t left = matrix->channels, words = matrix->words;
  for (;;) {
    int32_t a = channel[0].bias, b = channel[1].bias, c = channel[2].bias, d = channel[3].bias;
    if (split) {
      b = (int32_t)((uint32_t)b * 256 + (uint32_t)a);
      d = (int32_t)((uint32_t)d * 256 + (uint32_t)c);
    }
#if MODEL_DSP
    const model_two_words *x = (const model_two_words *)column, *end = x + words / 2;
    const model_two_words *w = (const model_two_words *)weights;
#define MODEL_STEP(k)                                  \
  {                                                    \
    model_two_words two = x[k], four = w[2 * (k)];     \
    uint32_t lanes = MODEL_FIRST(two);                 \
    uint32_t p = MODEL_FIRST(four);                    \
    uint32_t q = MODEL_SECOND(four);                   \
    a = model_dot(model_even(p), lanes, a);            \
    b = model_dot(split ? p : model_odd(p), lanes, b); \
    c = model_dot(model_even(q), lanes, c);            \
    d = model_dot(split ? q : model_odd(q), lanes, d); \
    four = w[2 * (k) + 1];                             \
    lanes = MODEL_SECOND(two);                         \
    p = MODEL_FIRST(four);                             \
    q = MODEL_SECOND(four);                            \
    a = model_dot(model_even(p), lanes, a);            \
    b = model_dot(split ? p : model_odd(p), lanes, b); \
    c = model_dot(model_even(q), lanes, c);            \
    d = model_dot(split ? q : model_odd(q), lanes, d); \
  }
#if MODEL_LARGE_DENSE
    if (words & 2) {
      MODEL_STEP(0)
      x += 1;
      w += 2;
    }
    while (x != end) {
      MODEL_STEP(0)
      MODEL_STEP(1)
      x += 2;
      w += 4;
    }
#else
    do {
      MODEL_STEP(0)
      x += 1;
      w += 2;
    } while (x != end);
#endif
#undef MODEL_STEP
    weights = (const int16_t *)w;
#else
    const int16_t *x = column, *end = column + 2 * words;
    uint32_t sa = (uint32_t)a, sb = (uint32_t)b, sc = (uint32_t)c, sd = (uint32_t)d;
    do {
      int32_t lane = x[0], p = weights[0], q = weights[2];
      sa += (uint32_t)(lane * (int8_t)p);
      sb += (uint32_t)(lane * (split ? p : p >> 8));
      sc += (uint32_t)(lane * (int8_t)q);
      sd += (uint32_t)(lane * (split ? q : q >> 8));
      lane = x[1];
      p = weights[1];
      q = weights[3];
      sa += (uint32_t)(lane * (int8_t)p);
      sb += (uint32_t)(lane * (split ? p : p >> 8));
      sc += (uint32_t)(lane * (int8_t)q);
      sd += (uint32_t)(lane * (split ? q : q >> 8));
      x += 2;
      weights += 4;
    } while (x != end);
    a = (int32_t)sa;
    b = (int32_t)sb;
    c = (int32_t)sc;
    d = (int32_t)sd;
#endif
    if (split) {
      b = (int32_t)((uint32_t)b - (uint32_t)a) >> 8;
      d = (int32_t)((uint32_t)d - (uint32_t)c) >> 8;
    }
    to[0] = model_finish(a, &channel[0], &how);
    if (left > 1) to[1] = model_finish(b, &channel[1], &how);
    if (left > 2) to[2] = model_finish(c, &channel[2], &how);
    if (left > 3) to[3] = model_finish(d, &channel[3], &how);
    if (left <= 4) break;
    left -= 4;
    to += 4;
    channel += 4;
  }
}

static MODEL_HOT void model_dense(const struct model_matrix *matrix, const int16_t *weights,
                                  const struct model_channel *channel, const struct model_output *out,
                                  const int16_t *column, int8_t *to)
{
#if MODEL_SPLIT && MODEL_PLAIN
  if (matrix->split)
    model_dense_kind(matrix, weights, channel, out, column, to, 1);
  else
    model_dense_kind(matrix, weights, channel, out, column, to, 0);
#else
  model_dense_kind(matrix, weights, channel, out, column, to, MODEL_SPLIT);
#endif
}
