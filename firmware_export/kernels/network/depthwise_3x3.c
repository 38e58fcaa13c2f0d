/* DEPTHWISE_CONV_2D, 3x3, stride 1 or 2, a multiple of four channels: four channels at a time.
 *
 * A row of output is written only when the rows of input that it stands on are in the ring: the output may take the
 * place of the input where sizes are equal. Scratch: the ring of three rows, and what the rows need of four channels. */
static MODEL_HOT void model_depthwise_3x3(const struct model_depthwise_3x3_layer *conv, const int8_t *weights,
                                          const struct model_channel *channels, const struct model_output *out,
                                          int32_t zero, const int8_t *from, int8_t *to, int16_t *scratch)
{
  const size_t ring_step = model_ring_step(conv), depth = conv->depth;
  struct model_taps *taps = (struct model_taps *)(void *)(scratch + 24 * (size_t)conv->words);
  for (size_t c = 0; c < depth; c += 4, weights += 48, channels += 4) {
    model_take_taps(weights, channels, taps);
    int16_t *ring[3];
    ring[0] = scratch;
    ring[1] = ring[0] + ring_step;
    ring[2] = ring[1] + ring_step;
    int32_t y = -(int32_t)conv->pad_top;
    size_t fresh = 3;
    int8_t *line = to + c;
    for (size_t oy = 0; oy < conv->out_height; oy++, line += conv->out_row_step) {
      for (size_t r = 3 - fresh; r < 3; r++) model_ring_row(conv, from + c, y++, zero, ring[r]);
      model_row(conv, taps, ring, line, out);
      fresh = conv->stride;
      for (size_t r = 0; r < fresh; r++) {
        int16_t *oldest = ring[0];
        ring[0] = ring[1];
        ring[1] = ring[2];
        ring[2] = oldest;
      }
    }
  }
}
