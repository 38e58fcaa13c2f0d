/* Weights times four columns of activations, two channels at a time, in vectors: convolutions. */

/* Two columns against a pair of channels: first[0] and second[0] are the biases of the two, and become their sums. */
MODEL_LOCAL void model_two_columns(const int8_t *w, const int8_t *x, const int8_t *y, size_t blocks, int split,
                                   int32_t *first, int32_t *second)
{
  int32_t a0 = first[0], a1 = a0, b0 = second[0], b1 = b0;
  do {
    const int8x16x4_t pair = model_weight_block(w, split);
    int16x8x2_t lanes = model_column_block(x);
    a0 = model_lower_sum(a0, pair, lanes);
    b0 = model_upper_sum(b0, pair, lanes);
    lanes = model_column_block(y);
    a1 = model_lower_sum(a1, pair, lanes);
    b1 = model_upper_sum(b1, pair, lanes);
    w += 64;
    x += 32;
    y += 32;
  } while (--blocks > 0);
  first[0] = a0;
  first[1] = a1;
  second[0] = b0;
  second[1] = b1;
}

static MODEL_HOT void model_four_columns(const struct model_matrix *matrix, const int16_t *weights,
                                         const struct model_channel *channel, const struct model_output *out,
                                         const int16_t *columns, int8_t *to)
{
  const struct model_output how = *out;
  const size_t words = matrix->words, blocks = (words + 15) / 16, column = 32 * blocks;
  const uint32x4_t step = vmulq_n_u32(vidupq_n_u32(0, 1), matrix->channels);
  const int8_t *w = (const int8_t *)weights, *x = (const int8_t *)columns;
  for (int32_t left = matrix->channels; left > 0; left -= 2) {
    int32_t first[4], second[4];
    first[0] = first[2] = channel[0].bias;
    second[0] = second[2] = channel[1].bias;
    model_two_columns(w, x, x + column, blocks, MODEL_IS_SPLIT(matrix), first, second);
    model_two_columns(w, x + 2 * column, x + 3 * column, blocks, MODEL_IS_SPLIT(matrix), first + 2, second + 2);
    vstrbq_scatter_offset_s32(to, step, model_finish_alike(vldrwq_s32(first), &channel[0], &how));
    if (left == 1) break;
    vstrbq_scatter_offset_s32(to + 1, step, model_finish_alike(vldrwq_s32(second), &channel[1], &how));
    w += 4 * words;
    channel += 2;
    to += 2;
  }
}
