/* Weights times one column of activations, four channels at a time, in vectors. */

static MODEL_HOT void model_dense(const struct model_matrix *matrix, const int16_t *weights,
                                  const struct model_channel *channel, const struct model_output *out,
                                  const int16_t *column, int8_t *to)
{
  const struct model_output how = *out;
  const size_t words = matrix->words, blocks = (words + 15) / 16;
  const int split = MODEL_IS_SPLIT(matrix);
  const int8_t *start = (const int8_t *)weights;
  for (int32_t left = matrix->channels; left > 0; left -= 4) {
    int32_t a = channel[0].bias, b = channel[1].bias, c = channel[2].bias, d = channel[3].bias;
    const int8_t *w = start, *v = w + 4 * words, *x = (const int8_t *)column;
    size_t block = blocks;
    do {
      const int16x8x2_t lanes = model_column_block(x);
      int8x16x4_t pair = model_weight_block(w, split);
      a = model_lower_sum(a, pair, lanes);
      b = model_upper_sum(b, pair, lanes);
      pair = model_weight_block(v, split);
      c = model_lower_sum(c, pair, lanes);
      d = model_upper_sum(d, pair, lanes);
      x += 32;
      w += 64;
      v += 64;
    } while (--block > 0);
    int32x4_t sums = vdupq_n_s32(a);
    sums = vsetq_lane_s32(b, sums, 1);
    sums = vsetq_lane_s32(c, sums, 2);
    sums = vsetq_lane_s32(d, sums, 3);
    sums = model_finish_four(sums, model_of_four(&channel->multiplier), vmvnq_s32(model_of_four(&channel->shift)), &how);
    vstrbq_p_s32(to, sums, vctp32q((uint32_t)left));
    start += 8 * words;
    channel += 4;
    to += 4;
  }
}
