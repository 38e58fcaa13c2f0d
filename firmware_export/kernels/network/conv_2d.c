/* CONV_2D: four output pixels at a time, their patches as columns in scratch, against all channels.
 *
 * Where columns are int16 lanes, scratch holds the four side by side, then a patch as bytes where its rows are no
 * multiples of four. */

struct model_conv_2d_layer {
  uint16_t height, width, depth;
  uint16_t out_height, out_width;
  uint16_t pad_top, pad_left;
  uint16_t kernel_height, kernel_width;
  uint16_t stride_height, stride_width;
  uint16_t dilation_height, dilation_width;
  struct model_matrix matrix;
};

#if MODEL_WINDOWS
/* A run of `count` bytes of a patch into its column; into bytes first where the rows of patches are no multiples of
 * four, or where a column is bytes. `to` moves on. */
struct model_column {
  int16_t *words;
  int8_t *bytes;
  size_t stride;
};

MODEL_LOCAL void model_take(struct model_column *to, const int8_t *from, size_t count, int whole)
{
  if (whole) {
    model_widen(from, to->words, count, to->stride);
    to->words += count * to->stride;
    return;
  }
#if MODEL_MVE
  model_widen(from, (int16_t *)(void *)to->bytes, count, 1);
  to->bytes += count;
#else
  for (; count >= 4; count -= 4) {
    memcpy(to->bytes, from, 4);
    from += 4;
    to->bytes += 4;
  }
  for (; count > 0; count--) *to->bytes++ = *from++;
#endif
}

/* The same for what lies outside of the picture. */
MODEL_LOCAL void model_take_zero(struct model_column *to, int32_t zero, size_t count, int whole)
{
  for (; count > 0 && whole; count -= 4) {
    model_widen_word((uint8_t)zero * 0x01010101u, to->words, to->stride);
    to->words += 4 * to->stride;
  }
  for (; count > 0; count--) *to->bytes++ = (int8_t)zero;
}

/* A patch that lies across an edge, or has gaps. */
static MODEL_HOT void model_patch_edge(const struct model_conv_2d_layer *conv, const int8_t *from, int32_t row, int32_t column,
                                       int32_t zero, struct model_column *to, int whole)
{
  const size_t depth = conv->depth;
  const int32_t step = conv->dilation_width == 1 ? conv->kernel_width : 1;
  for (int32_t ky = 0; ky < conv->kernel_height; ky++, row += conv->dilation_height) {
    int32_t x = column;
    for (int32_t kx = 0; kx < conv->kernel_width; kx += step, x += conv->dilation_width) {
      /* Pixels of this run left of the picture, in it, and right of it. */
      int32_t before = x < 0 ? -x : 0, inside = conv->width - x;
      if (before > step || row < 0 || row >= conv->height) before = step;
      inside = (inside > step ? step : inside) - before;
      if (inside < 0) inside = 0;
      model_take_zero(to, zero, (size_t)before * depth, whole);
      if (inside > 0)
        model_take(to, from + ((size_t)row * conv->width + (size_t)(x + before)) * depth, (size_t)inside * depth, whole);
      model_take_zero(to, zero, (size_t)(step - before - inside) * depth, whole);
    }
  }
}

/* One output pixel's patch as a column, `stride` words apart. */
static MODEL_HOT void model_patch(const struct model_conv_2d_layer *conv, const int8_t *from, int32_t row, int32_t column,
                                  int32_t zero, int16_t *words, size_t stride, int8_t *bytes)
{
  struct model_column to;
  to.words = words;
  to.bytes = bytes;
  to.stride = stride;
  const int whole = !MODEL_MVE && (!MODEL_ODD_ROWS || conv->depth % 4 == 0);
  if (row < 0 || column < 0 || row + conv->kernel_height > conv->height ||
      column + conv->kernel_width > conv->width || (conv->dilation_height | conv->dilation_width) != 1) {
    model_patch_edge(conv, from, row, column, zero, &to, whole);
  } else {
    const size_t line = (size_t)conv->width * conv->depth, run = (size_t)conv->kernel_width * conv->depth;
    from += (size_t)row * line + (size_t)column * conv->depth;
    for (size_t ky = conv->kernel_height; ky > 0; ky--, from += line) model_take(&to, from, run, whole);
  }
  if (!MODEL_MVE && !whole) model_widen(bytes, words, (size_t)(to.bytes - bytes), stride);
}
#endif

static MODEL_HOT void model_conv_2d(const struct model_conv_2d_layer *conv, const int16_t *weights,
                                    const struct model_channel *channels, const struct model_output *out, int32_t zero,
                                    const int8_t *from, int8_t *to, int16_t *scratch)
{
  const size_t pixels = (size_t)conv->out_height * conv->out_width, words = conv->matrix.words;
  size_t done = 0;
  model_clear_columns(scratch, words, pixels < 4 ? 1 : 4);
#if MODEL_WINDOWS
  int32_t row = -(int32_t)conv->pad_top, column = -(int32_t)conv->pad_left;
  const int32_t row_end = column + (int32_t)conv->stride_width * conv->out_width;
#endif
  while (done < pixels) {
    size_t batch = pixels - done < 4 ? 1 : 4;
    for (size_t i = 0; i < batch; i++) {
      int16_t *to_column = model_column_at(scratch, words, i);
#if MODEL_WINDOWS
      if (conv->stride_width != 0) {
        int8_t *bytes = (int8_t *)(MODEL_MVE ? to_column : scratch + 2 * batch * words);
        model_patch(conv, from, row, column, zero, to_column, batch, bytes);
        column += conv->stride_width;
        if (column == row_end) {
          column = -(int32_t)conv->pad_left;
          row += conv->stride_height;
        }
        continue;
      }
#else
      (void)zero;
#endif
      model_widen(from, to_column, conv->depth, batch);
      from += conv->depth;
    }
    if (batch == 4)
      model_four_columns(&conv->matrix, weights, channels, out, scratch, to);
    else
      model_dense(&conv->matrix, weights, channels, out, scratch, to);
    to += batch * conv->matrix.channels;
    done += batch;
  }
}
