/* Rows of a 3x3 depthwise layer, four channels at a time, side by side in vectors.
 *
 * Three rows of the input lie in a ring, as [pixels][4 channels] bytes, padding and all. */

/* Four channels: their weights by tap, and how their sums end. */
struct model_taps {
  int32_t lanes[3][3][4];
  const struct model_channel *channels;
};

MODEL_LOCAL size_t model_ring_pixels(const struct model_depthwise_3x3_layer *conv)
{
  return (size_t)conv->stride * (conv->out_width - 1u) + 3;
}

/* Between rows of the ring, in int16. */
MODEL_LOCAL size_t model_ring_step(const struct model_depthwise_3x3_layer *conv)
{
  return 2 * model_ring_pixels(conv);
}

/* What the rows need of four channels; weights lie as [channels][3 rows][4], the fourth of each row unused. */
MODEL_LOCAL void model_take_taps(const int8_t *weights, const struct model_channel *channels, struct model_taps *taps)
{
  const uint32x4_t channel = vmulq_n_u32(vidupq_n_u32(0, 1), 12);
  for (size_t i = 0; i < 9; i++)
    vstrwq_s32(taps->lanes[i / 3][i % 3], vldrbq_gather_offset_s32(weights + i + i / 3, channel));
  taps->channels = channels;
}

/* Row y of four channels into the ring; outside the picture it is all `zero`. */
static MODEL_HOT void model_ring_row(const struct model_depthwise_3x3_layer *conv, const int8_t *from, int32_t y,
                                     int32_t zero, int16_t *row)
{
  const uint32_t fill = (uint8_t)zero * 0x01010101u;
  int8_t *to = (int8_t *)row, *const end = to + 4 * model_ring_pixels(conv);
  if (y >= 0 && y < conv->height) {
    from += (size_t)y * conv->row_step;
    if (conv->pad_left > 0) {
      memcpy(to, &fill, 4);
      to += 4;
    }
    for (size_t i = conv->width; i > 0 && to != end; i--) {
      memcpy(to, from, 4);
      from += conv->pixel_step;
      to += 4;
    }
  }
  for (; to != end; to += 4) memcpy(to, &fill, 4);
}

/* Four channels' sums over three pixels of a row. */
MODEL_LOCAL int32x4_t model_add_taps(int32x4_t sum, const int8_t *pixels, const int32_t taps[3][4])
{
  sum = vaddq_s32(sum, vmulq_s32(vldrbq_s32(pixels), vldrwq_s32(taps[0])));
  sum = vaddq_s32(sum, vmulq_s32(vldrbq_s32(pixels + 4), vldrwq_s32(taps[1])));
  return vaddq_s32(sum, vmulq_s32(vldrbq_s32(pixels + 8), vldrwq_s32(taps[2])));
}

/* One row of output of four channels, whose pixels lie in the ring. */
static MODEL_HOT void model_row(const struct model_depthwise_3x3_layer *conv, const struct model_taps *taps,
                                int16_t *const ring[3], int8_t *to, const struct model_output *out)
{
  const struct model_output how = *out;
  const struct model_channel *channel = taps->channels;
  const int32x4_t bias = model_of_four(&channel->bias), multiplier = model_of_four(&channel->multiplier);
  const int32x4_t shift = vmvnq_s32(model_of_four(&channel->shift));
  const size_t step = 4 * (size_t)conv->stride, out_step = conv->out_pixel_step;
  const int8_t *x = (const int8_t *)ring[0], *y = (const int8_t *)ring[1], *z = (const int8_t *)ring[2];
  for (size_t left = conv->out_width; left > 0; left--) {
    /* So that offsets from it stay part of the loads. */
    MODEL_KEEP(taps);
    int32x4_t sum = model_add_taps(bias, x, taps->lanes[0]);
    sum = model_add_taps(sum, y, taps->lanes[1]);
    sum = model_add_taps(sum, z, taps->lanes[2]);
    vstrbq_s32(to, model_finish_four(sum, multiplier, shift, &how));
    x += step;
    y += step;
    z += step;
    to += out_step;
  }
}
