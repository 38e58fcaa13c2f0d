/* Weights times one column of activations, four channels at a time: fully connected layers, single pixels.
 *
 * `weights` lie as [pairs of channels][words], `column` as [words]; `words` and the pairs are even in number. */

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
    const model_two_words *w = (const model_two_words *)weights, *v = w + words / 2;
    do {
      const model_two_words lanes = model_next(&x);
      model_two_words pair = model_next(&w);
      a = model_dot(model_even(MODEL_FIRST(pair)), MODEL_FIRST(lanes), a);
      b = model_dot(split ? MODEL_FIRST(pair) : model_odd(MODEL_FIRST(pair)), MODEL_FIRST(lanes), b);
      a = model_dot(model_even(MODEL_SECOND(pair)), MODEL_SECOND(lanes), a);
      b = model_dot(split ? MODEL_SECOND(pair) : model_odd(MODEL_SECOND(pair)), MODEL_SECOND(lanes), b);
      pair = model_next(&v);
      c = model_dot(model_even(MODEL_FIRST(pair)), MODEL_FIRST(lanes), c);
      d = model_dot(split ? MODEL_FIRST(pair) : model_odd(MODEL_FIRST(pair)), MODEL_FIRST(lanes), d);
      c = model_dot(model_even(MODEL_SECOND(pair)), MODEL_SECOND(lanes), c);
      d = model_dot(split ? MODEL_SECOND(pair) : model_odd(MODEL_SECOND(pair)), MODEL_SECOND(lanes), d);
    } while (x != end);
    weights = (const int16_t *)v;
#else
    const int16_t *x = column, *end = column + 2 * words, *w = weights, *v = weights + 2 * words;
    uint32_t sa = (uint32_t)a, sb = (uint32_t)b, sc = (uint32_t)c, sd = (uint32_t)d;
#define MODEL_STEP                                \
  {                                               \
    int32_t lane = *x++, p = *w++, q = *v++;      \
    sa += (uint32_t)(lane * (int8_t)p);           \
    sb += (uint32_t)(lane * (split ? p : p >> 8));\
    sc += (uint32_t)(lane * (int8_t)q);           \
    sd += (uint32_t)(lane * (split ? q : q >> 8));\
  }
    do {
      MODEL_STEP
      MODEL_STEP
      MODEL_STEP
      MODEL_STEP
    } while (x != end);
#undef MODEL_STEP
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
