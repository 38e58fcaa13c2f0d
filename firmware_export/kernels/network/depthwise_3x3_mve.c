/* DEPTHWISE_CONV_2D, 3x3, stride 1 or 2, a multiple of four channels: four channels at a time, side by side in vectors.
 *
 * Three rows of the input lie in a ring in scratch, as [3][pixels][4 channels] bytes, padding and all. A row of output
 * is written only when the rows of input that it stands on are in the ring: the output may take the place of the
 * input where sizes are equal. Scratch: the ring, and the weights of four channels. */

/* Row y of four channels into the ring; outside the picture it is all `zero`. */
static MODEL_HOT void model_ring_row(const struct model_depthwise_3x3_layer *conv, const int8_t *from, int32_t y,
                                     int32_t zero, int8_t *to, size_t pixels)
{
  const uint32_t fill = (uint8_t)zero * 0x01010101u;
  const int8_t *const end = to + 4 * pixels;
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
MODEL_LOCAL int32x4_t model_add_taps(int32x4_t sum, const int8_t *pixels, const int32_t *taps)
{
  sum = vaddq_s32(sum, vmulq_s32(vldrbq_s32(pixels), vldrwq_s32(taps)));
  sum = vaddq_s32(sum, vmulq_s32(vldrbq_s32(pixels + 4), vldrwq_s32(taps + 4)));
  return vaddq_s32(sum, vmulq_s32(vldrbq_s32(pixels + 8), vldrwq_s32(taps + 8)));
}

/* One row of output of four channels. */
static MODEL_HOT void model_ring_to_row(const struct model_depthwise_3x3_layer *conv, const int32_t *taps,
                                        const struct model_channel *channel, const struct model_output *out,
                                        int8_t *const rows[3], int8_t *to)
{
  const struct model_output how = *out;
  const int32x4_t bias = model_of_four(&channel->bias), multiplier = model_of_four(&channel->multiplier);
  const int32x4_t shift = vmvnq_s32(model_of_four(&channel->shift));
  const size_t step = 4 * (size_t)conv->stride, out_step = conv->out_pixel_step;
  const int8_t *x = rows[0], *y = rows[1], *z = rows[2];
  for (size_t left = conv->out_width; left > 0; left--) {
    /* So that offsets from it stay part of the loads. */
    MODEL_KEEP(taps);
    int32x4_t sum = model_add_taps(bias, x, taps);
    sum = model_add_taps(sum, y, taps + 12);
    sum = model_add_taps(sum, z, taps + 24);
    vstrbq_s32(to, model_finish_four(sum, multiplier, shift, &how));
    x += step;
    y += step;
    z += step;
    to += out_step;
  }
}

/* Weights lie as [channels][3 rows][4], the fourth of each row unused. */
static MODEL_HOT void model_depthwise_3x3(const struct model_depthwise_3x3_layer *conv, const int8_t *weights,
                                          const struct model_channel *channels, const struct model_output *out,
                                          int32_t zero, const int8_t *from, int8_t *to, int16_t *scratch)
{
  const size_t pixels = (size_t)conv->stride * (conv->out_width - 1u) + 3, row_size = 4 * pixels;
  const uint32x4_t channel_step = vmulq_n_u32(vidupq_n_u32(0, 1), 12);
  int32_t *taps = (int32_t *)(void *)(scratch + 24 * (size_t)conv->words);
  for (size_t c = 0; c < conv->depth; c += 4, weights += 48, channels += 4) {
    for (size_t i = 0; i < 9; i++) {
      vstrwq_s32(taps + 4 * i, vldrbq_gather_offset_s32(weights + i + i / 3, channel_step));
    }
    int8_t *ring[3];
    ring[0] = (int8_t *)scratch;
    ring[1] = ring[0] + row_size;
    ring[2] = ring[1] + row_size;
    int32_t y = -(int32_t)conv->pad_top;
    size_t fresh = 3;
    int8_t *line = to + c;
    for (size_t oy = 0; oy < conv->out_height; oy++, line += conv->out_row_step) {
      for (size_t r = 3 - fresh; r < 3; r++) model_ring_row(conv, from + c, y++, zero, ring[r], pixels);
      model_ring_to_row(conv, taps, channels, out, ring, line);
      fresh = conv->stride;
      for (size_t r = 0; r < fresh; r++) {
        int8_t *oldest = ring[0];
        ring[0] = ring[1];
        ring[1] = ring[2];
        ring[2] = oldest;
      }
    }
  }
}
