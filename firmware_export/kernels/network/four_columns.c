/* Weights times four columns of activations, two channels at a time: convolutions. */

/* The output of an upper channel; a split sum is 256 times the upper one plus the lower one. */
MODEL_LOCAL int8_t model_finish_upper(int32_t lower, int32_t both, int split, const struct model_channel *channel,
                                       const struct model_output *out)
{
  if (!split) return model_finish(both, channel, out);
  return model_finish_doubled((int32_t)((uint32_t)both - (uint32_t)lower) >> (9 - MODEL_DOUBLED), channel, out);
}

/* Four columns, [words][4], against two channels at a time; the layout of the weights is model_dense's. */
MODEL_LOCAL void model_four_columns_kind(const struct model_matrix *matrix, const int16_t *weights,
                                          const struct model_channel *channel, const struct model_output *out,
                                          const int16_t *columns, int8_t *to, int split)
{
  size_t channels = matrix->channels, words = matrix->words;
  int8_t *to_end = to + channels;
  for (;;) {
    int32_t a0 = channel[0].bias, b0 = channel[1].bias;
    if (split) b0 = (int32_t)((uint32_t)b0 * 256 + (uint32_t)a0);
    int32_t a1 = a0, a2 = a0, a3 = a0, b1 = b0, b2 = b0, b3 = b0;
#if MODEL_DSP
    const model_two_words *x = (const model_two_words *)columns, *end = x + 2 * words;
    const model_word *w = (const model_word *)weights;
#define MODEL_STEP(k)                           \
  {                                             \
    uint32_t word = w[k];                       \
    uint32_t e = model_even(word);              \
    if (!split) word = model_odd(word);         \
    model_two_words two = x[2 * (k)];           \
    a0 = model_dot(e, MODEL_FIRST(two), a0);    \
    b0 = model_dot(word, MODEL_FIRST(two), b0); \
    a1 = model_dot(e, MODEL_SECOND(two), a1);   \
    b1 = model_dot(word, MODEL_SECOND(two), b1);\
    two = x[2 * (k) + 1];                       \
    a2 = model_dot(e, MODEL_FIRST(two), a2);    \
    b2 = model_dot(word, MODEL_FIRST(two), b2); \
    a3 = model_dot(e, MODEL_SECOND(two), a3);   \
    b3 = model_dot(word, MODEL_SECOND(two), b3);\
  }
    if (words & 2) {
      MODEL_STEP(0)
      MODEL_STEP(1)
      x += 4;
      w += 2;
    }
    while (x != end) {
      MODEL_STEP(0)
      MODEL_STEP(1)
      MODEL_STEP(2)
      MODEL_STEP(3)
      x += 8;
      w += 4;
    }
#undef MODEL_STEP
#else
    const int16_t *x = columns, *end = columns + 8 * words, *w = weights;
    uint32_t sa0 = (uint32_t)a0, sa1 = sa0, sa2 = sa0, sa3 = sa0, sb0 = (uint32_t)b0, sb1 = sb0, sb2 = sb0, sb3 = sb0;
#define MODEL_STEP(k, n)                         \
  {                                              \
    int32_t upper = w[k], lower = (int8_t)upper; \
    if (!split) upper >>= 8;                     \
    int32_t lane = x[n];                         \
    sa0 += (uint32_t)(lane * lower);             \
    sb0 += (uint32_t)(lane * upper);             \
    lane = x[(n) + 2];                           \
    sa1 += (uint32_t)(lane * lower);             \
    sb1 += (uint32_t)(lane * upper);             \
    lane = x[(n) + 4];                           \
    sa2 += (uint32_t)(lane * lower);             \
    sb2 += (uint32_t)(lane * upper);             \
    lane = x[(n) + 6];                           \
    sa3 += (uint32_t)(lane * lower);             \
    sb3 += (uint32_t)(lane * upper);             \
  }
    do {
      MODEL_STEP(0, 0)
      MODEL_STEP(1, 1)
      MODEL_STEP(2, 8)
      MODEL_STEP(3, 9)
      x += 16;
      w += 4;
    } while (x != end);
#undef MODEL_STEP
    a0 = (int32_t)sa0, a1 = (int32_t)sa1, a2 = (int32_t)sa2, a3 = (int32_t)sa3;
    b0 = (int32_t)sb0, b1 = (int32_t)sb1, b2 = (int32_t)sb2, b3 = (int32_t)sb3;
#endif
    /* Copies, so that stores of bytes, which may alias anything, do not make them be loaded again. */
    const struct model_channel lower = channel[0], upper = channel[1];
    const struct model_output how = *out;
    int8_t *at = to;
    at[0] = model_finish(a0, &lower, &how);
    at += channels;
    at[0] = model_finish(a1, &lower, &how);
    at += channels;
    at[0] = model_finish(a2, &lower, &how);
    at += channels;
    at[0] = model_finish(a3, &lower, &how);
    to++;
    if (to == to_end) break;
    at = to;
    at[0] = model_finish_upper(a0, b0, split, &upper, &how);
    at += channels;
    at[0] = model_finish_upper(a1, b1, split, &upper, &how);
    at += channels;
    at[0] = model_finish_upper(a2, b2, split, &upper, &how);
    at += channels;
    at[0] = model_finish_upper(a3, b3, split, &upper, &how);
    to++;
    if (to == to_end) break;
    channel += 2;
    weights += 2 * words;
  }
}

static MODEL_HOT void model_four_columns(const struct model_matrix *matrix, const int16_t *weights,
                                         const struct model_channel *channel, const struct model_output *out,
                                         const int16_t *columns, int8_t *to)
{
#if MODEL_SPLIT && MODEL_PLAIN
  if (matrix->split)
    model_four_columns_kind(matrix, weights, channel, out, columns, to, 1);
  else
    model_four_columns_kind(matrix, weights, channel, out, columns, to, 0);
#else
  model_four_columns_kind(matrix, weights, channel, out, columns, to, MODEL_SPLIT);
#endif
}
