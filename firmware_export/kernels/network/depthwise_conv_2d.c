/* DEPTHWISE_CONV_2D of any shape, one output at a time. Padding counts as zero, so its taps are left out. */

struct model_depthwise_layer {
  uint16_t height, width, depth;
  uint16_t out_height, out_width, multiplier;
  uint16_t pad_top, pad_left;
  uint16_t kernel_height, kernel_width;
  uint16_t stride_height, stride_width;
  uint16_t dilation_height, dilation_width;
};

/* Weights lie as [kernel height][kernel width][out channels]; biases do not hold the zero point of the input. */
static MODEL_HOT void model_depthwise_conv_2d(const struct model_depthwise_layer *conv, const int8_t *weights,
                                              const struct model_channel *channels, const struct model_output *out,
                                              int32_t zero, const int8_t *from, int8_t *to)
{
  const int32_t depth_out = (int32_t)conv->depth * conv->multiplier;
  for (int32_t oy = 0; oy < conv->out_height; oy++) {
    for (int32_t ox = 0; ox < conv->out_width; ox++) {
      for (int32_t c = 0, d = 0, part = 0; c < depth_out; c++) {
        uint32_t sum = (uint32_t)channels[c].bias;
        int32_t y = oy * conv->stride_height - conv->pad_top;
        const int8_t *w = weights + c;
        for (int32_t ky = 0; ky < conv->kernel_height; ky++, y += conv->dilation_height) {
          int32_t x = ox * conv->stride_width - conv->pad_left;
          for (int32_t kx = 0; kx < conv->kernel_width; kx++, x += conv->dilation_width, w += depth_out) {
            if (y >= 0 && y < conv->height && x >= 0 && x < conv->width)
              sum += (uint32_t)((from[(y * conv->width + x) * conv->depth + d] - zero) * *w);
          }
        }
        *to++ = model_finish((int32_t)sum, &channels[c], out);
        if (++part == conv->multiplier) {
          part = 0;
          d++;
        }
      }
    }
  }
}
