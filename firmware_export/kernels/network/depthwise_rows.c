/* Rows of a 3x3 depthwise layer, four channels at a time.
 *
 * Three rows of the input lie in a ring, each channel's pixels beside each other as int16, padding and all. So each
 * word of two pixels is loaded once a row and serves two outputs. */

/* One channel: its weights times MODEL_DOUBLED, as lanes (w0, w1) and (w1, w2) of each row. */
struct model_taps {
  int16_t lanes[3][4];
  struct model_channel channel;
};

/* Between rows of the ring, in int16. */
MODEL_LOCAL size_t model_ring_step(const struct model_depthwise_3x3_layer *conv)
{
  return 8 * (size_t)conv->words;
}

/* What the rows need of four channels; weights lie as [channels][3 rows][4], the fourth of each row unused. */
MODEL_LOCAL void model_take_taps(const int8_t *weights, const struct model_channel *channels, struct model_taps *taps)
{
  for (size_t i = 0; i < 4; i++) {
    for (size_t r = 0; r < 3; r++, weights += 4) {
      taps[i].lanes[r][0] = (int16_t)(weights[0] * MODEL_DOUBLED);
      taps[i].lanes[r][1] = taps[i].lanes[r][2] = (int16_t)(weights[1] * MODEL_DOUBLED);
      taps[i].lanes[r][3] = (int16_t)(weights[2] * MODEL_DOUBLED);
    }
    taps[i].channel = channels[i];
    taps[i].channel.bias = (int32_t)((uint32_t)taps[i].channel.bias * MODEL_DOUBLED);
  }
}

/* Row y of four channels into the ring; outside the picture it is all `zero`. */
static MODEL_HOT void model_ring_row(const struct model_depthwise_3x3_layer *conv, const int8_t *from, int32_t y, int32_t zero,
                                     int16_t *to)
{
  const size_t step = 2 * (size_t)conv->words, pixel_step = conv->pixel_step;
  const uint32_t fill = (uint8_t)zero * 0x01010101u;
  size_t inside = 0, words = conv->words;
  uint32_t first = fill, second = fill;
  if (y >= 0 && y < conv->height) {
    from += (size_t)y * conv->row_step;
    inside = conv->width;
  }
  if (conv->pad_left == 0 && inside > 0) {
    first = model_load(from);
    from += pixel_step;
    inside--;
  }
  for (; words > 0; words--) {
    second = fill;
    if (inside > 0) {
      second = model_load(from);
      from += pixel_step;
      inside--;
    }
#if MODEL_DSP
    uint32_t e = model_even(first), f = model_even(second), o = model_odd(first), g = model_odd(second);
    *(model_word *)to = model_lower_halves(e, f);
    *(model_word *)(to + step) = model_lower_halves(o, g);
    *(model_word *)(to + 2 * step) = model_upper_halves(e, f);
    *(model_word *)(to + 3 * step) = model_upper_halves(o, g);
#else
    to[0] = (int8_t)first;
    to[1] = (int8_t)second;
    to[step] = (int8_t)(first >> 8);
    to[step + 1] = (int8_t)(second >> 8);
    to[2 * step] = (int8_t)(first >> 16);
    to[2 * step + 1] = (int8_t)(second >> 16);
    to[3 * step] = (int8_t)(first >> 24);
    to[3 * step + 1] = (int8_t)(second >> 24);
#endif
    to += 2;
    first = fill;
    if (inside > 0) {
      first = model_load(from);
      from += pixel_step;
      inside--;
    }
  }
}

#if MODEL_DSP
/* Two neighbouring outputs' sums over one row: words i and i + 1 hold the four pixels that they stand on. */
MODEL_LOCAL void model_row_pair(const int16_t *lanes, const model_word *words, int32_t *p, int32_t *q)
{
  model_two_words w = *(const model_two_words *)lanes;
  int16x2_t a = (int16x2_t)MODEL_FIRST(w), b = (int16x2_t)MODEL_SECOND(w);
  int16x2_t first = (int16x2_t)words[0], second = (int16x2_t)words[1];
  *p = __smlad(a, first, *p);
  *q = __smlabt(a, first, *q);
  *p = __smlatb(b, second, *p);
  *q = __smlad(b, second, *q);
}

/* One output's sum over one row, where a word begins. */
MODEL_LOCAL int32_t model_row_single(const int16_t *lanes, const int16_t *pixels, int32_t sum)
{
  const model_two_words w = *(const model_two_words *)lanes;
  const model_word *words = (const model_word *)pixels;
  sum = __smlad((int16x2_t)MODEL_FIRST(w), (int16x2_t)words[0], sum);
  return __smlatb((int16x2_t)MODEL_SECOND(w), (int16x2_t)words[1], sum);
}
#endif

/* One output's sum. */
MODEL_LOCAL int32_t model_row_one(const struct model_taps *taps, const int16_t *x, const int16_t *y, const int16_t *z)
{
#if MODEL_DSP
  int32_t sum = model_row_single(taps->lanes[0], x, taps->channel.bias);
  sum = model_row_single(taps->lanes[1], y, sum);
  return model_row_single(taps->lanes[2], z, sum);
#else
  uint32_t sum = (uint32_t)taps->channel.bias;
  sum += (uint32_t)((int32_t)x[0] * taps->lanes[0][0]);
  sum += (uint32_t)((int32_t)x[1] * taps->lanes[0][1]);
  sum += (uint32_t)((int32_t)x[2] * taps->lanes[0][3]);
  sum += (uint32_t)((int32_t)y[0] * taps->lanes[1][0]);
  sum += (uint32_t)((int32_t)y[1] * taps->lanes[1][1]);
  sum += (uint32_t)((int32_t)y[2] * taps->lanes[1][3]);
  sum += (uint32_t)((int32_t)z[0] * taps->lanes[2][0]);
  sum += (uint32_t)((int32_t)z[1] * taps->lanes[2][1]);
  sum += (uint32_t)((int32_t)z[2] * taps->lanes[2][3]);
  return (int32_t)sum;
#endif
}

/* One row of output of four channels, whose pixels lie in the ring. */
MODEL_LOCAL void model_row_kind(const struct model_depthwise_3x3_layer *conv, const struct model_taps *taps,
                                int16_t *const ring[3], int8_t *to, const struct model_output *out, int stride)
{
  const size_t row = 2 * (size_t)conv->words, step = conv->out_pixel_step, length = conv->out_width * step;
  const struct model_output how = *out;
  for (size_t channel = 0; channel < 4; channel++, taps++, to++) {
    const int16_t *x = ring[0] + channel * row, *y = ring[1] + channel * row, *z = ring[2] + channel * row;
    int8_t *at = to, *const end = to + length;
    do {
#if MODEL_DSP
      if (stride == 1) {
        /* Stores of bytes may alias anything, so weights are loaded anew each time: they would not fit the registers. */
        int32_t p = taps->channel.bias, q = p;
        model_row_pair(taps->lanes[0], (const model_word *)x, &p, &q);
        model_row_pair(taps->lanes[1], (const model_word *)y, &p, &q);
        model_row_pair(taps->lanes[2], (const model_word *)z, &p, &q);
        const struct model_channel finish = taps->channel;
        *at = model_finish_doubled(p, &finish, &how);
        at += step;
        if (at == end) break;
        *at = model_finish_doubled(q, &finish, &how);
      } else
#endif
        *at = model_finish_doubled(model_row_one(taps, x, y, z), &taps->channel, &how);
      /* A word is two outputs of stride 1, or one of stride 2. */
      x += MODEL_DSP ? 2 : stride;
      y += MODEL_DSP ? 2 : stride;
      z += MODEL_DSP ? 2 : stride;
      at += step;
    } while (at != end);
  }
}

static MODEL_HOT void model_row_stride_1(const struct model_depthwise_3x3_layer *conv, const struct model_taps *taps,
                                         int16_t *const ring[3], int8_t *to, const struct model_output *out)
{
  model_row_kind(conv, taps, ring, to, out, 1);
}

#if MODEL_STRIDE_2
static MODEL_HOT void model_row_stride_2(const struct model_depthwise_3x3_layer *conv, const struct model_taps *taps,
                                         int16_t *const ring[3], int8_t *to, const struct model_output *out)
{
  model_row_kind(conv, taps, ring, to, out, 2);
}
#endif

MODEL_LOCAL void model_row(const struct model_depthwise_3x3_layer *conv, const struct model_taps *taps,
                           int16_t *const ring[3], int8_t *to, const struct model_output *out)
{
#if MODEL_STRIDE_2
  if (conv->stride == 2) {
    model_row_stride_2(conv, taps, ring, to, out);
    return;
  }
#endif
  model_row_stride_1(conv, taps, ring, to, out);
}
