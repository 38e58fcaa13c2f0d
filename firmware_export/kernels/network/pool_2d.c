/* AVERAGE_POOL_2D and MAX_POOL_2D; what lies outside the picture does not count. */

struct model_pool_2d_layer {
  uint16_t height, width, depth;
  uint16_t out_height, out_width;
  uint16_t pad_top, pad_left;
  uint16_t kernel_height, kernel_width;
  uint16_t stride_height, stride_width;
  uint16_t maximum;
  struct model_output out;
};

static MODEL_HOT void model_pool_2d(const struct model_pool_2d_layer *pool, const int8_t *from, int8_t *to)
{
  for (int32_t oy = 0; oy < pool->out_height; oy++) {
    int32_t top = oy * pool->stride_height - pool->pad_top, bottom = top + pool->kernel_height;
    top = top < 0 ? 0 : top;
    bottom = bottom > pool->height ? pool->height : bottom;
    for (int32_t ox = 0; ox < pool->out_width; ox++) {
      int32_t left = ox * pool->stride_width - pool->pad_left, right = left + pool->kernel_width;
      left = left < 0 ? 0 : left;
      right = right > pool->width ? pool->width : right;
      const int32_t count = (bottom - top) * (right - left);
      for (int32_t c = 0; c < pool->depth; c++) {
        int32_t sum = 0, largest = -128;
        for (int32_t y = top; y < bottom; y++) {
          const int8_t *x = from + (y * pool->width + left) * pool->depth + c;
          for (int32_t n = right - left; n > 0; n--, x += pool->depth) {
            sum += *x;
            largest = *x > largest ? *x : largest;
          }
        }
        /* C rounds quotients towards zero: half the divisor, away from zero, makes that to the nearest. */
        int32_t average = (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
        *to++ = model_clamp(pool->maximum ? largest : average, &pool->out);
      }
    }
  }
}
