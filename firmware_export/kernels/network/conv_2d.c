/* CONV_2D: four output pixels at a time, their patches side by side as int16 lanes, against all channels.
 *
 * Scratch: [words][4 pixels] words, then a patch as bytes where its rows are no multiples of four. */

struct model_conv_2d_layer {
  uint16_t height, width, depth;
  uint16_t out_height, out_width;
  uint16_t pad_top, pad_left;
  uint16_t kernel_height, kernel_width;
  uint16_t stride_height, stride_width;
  uint16_t dilation_height, dilation_width;
  struct model_matrix matrix;
};

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
  for (size_t pair = 0;; pair++) {
    int32_t a0 = channel[0].bias, b0 = channel[1].bias;
    if (split) b0 = (int32_t)((uint32_t)b0 * 256 + (uint32_t)a0);
    int32_t a1 = a0, a2 = a0, a3 = a0, b1 = b0, b2 = b0, b3 = b0;
#if MODEL_DSP
    const model_two_words *x = (const model_two_words *)columns, *end = x + 2 * words;
    const model_word *w = (const model_word *)weights;
#define MODEL_STEP(k)                           \
  {                                             \
    uint32_t word = w[2 * (k)];                 \
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
      w += 4;
    }
    while (x != end) {
      MODEL_STEP(0)
      MODEL_STEP(1)
      MODEL_STEP(2)
      MODEL_STEP(3)
      x += 8;
      w += 8;
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
      MODEL_STEP(4, 8)
      MODEL_STEP(5, 9)
      x += 16;
      w += 8;
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
    /* The two pairs of a group of four lie word by word beside each other. */
    weights += pair & 1 ? 4 * words - 2 : 2;
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

#if MODEL_WINDOWS
/* A run of `count` bytes of a patch into its column; where the rows of patches are no multiples of four, into bytes
 * first. `to` moves on. */
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
  for (; count >= 4; count -= 4) {
    memcpy(to->bytes, from, 4);
    from += 4;
    to->bytes += 4;
  }
  for (; count > 0; count--) *to->bytes++ = *from++;
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
  const int whole = !MODEL_ODD_ROWS || conv->depth % 4 == 0;
  if (row < 0 || column < 0 || row + conv->kernel_height > conv->height ||
      column + conv->kernel_width > conv->width || (conv->dilation_height | conv->dilation_width) != 1) {
    model_patch_edge(conv, from, row, column, zero, &to, whole);
  } else {
    const size_t line = (size_t)conv->width * conv->depth, run = (size_t)conv->kernel_width * conv->depth;
    from += (size_t)row * line + (size_t)column * conv->depth;
    for (size_t ky = conv->kernel_height; ky > 0; ky--, from += line) model_take(&to, from, run, whole);
  }
  if (!whole) model_widen(bytes, words, (size_t)(to.bytes - bytes), stride);
}
#endif

static MODEL_HOT void model_conv_2d(const struct model_conv_2d_layer *conv, const int16_t *weights,
                                    const struct model_channel *channels, const struct model_output *out, int32_t zero,
                                    const int8_t *from, int8_t *to, int16_t *scratch)
{
  const size_t pixels = (size_t)conv->out_height * conv->out_width;
  size_t done = 0;
#if MODEL_WINDOWS
  int8_t *bytes = (int8_t *)(scratch + (pixels < 4 ? 2 : 8) * (size_t)conv->matrix.words);
  int32_t row = -(int32_t)conv->pad_top, column = -(int32_t)conv->pad_left;
  const int32_t row_end = column + (int32_t)conv->stride_width * conv->out_width;
#endif
  while (done < pixels) {
    size_t batch = pixels - done < 4 ? 1 : 4;
    for (size_t i = 0; i < batch; i++) {
#if MODEL_WINDOWS
      if (conv->stride_width != 0) {
        model_patch(conv, from, row, column, zero, scratch + 2 * i, batch, bytes);
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
      model_widen(from, scratch + 2 * i, conv->depth, batch);
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
