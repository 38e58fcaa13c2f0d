/* RESIZE_NEAREST_NEIGHBOR: which row and column of the input each one of the output is, as tables. */
static MODEL_HOT void model_resize_nearest_neighbor(const uint16_t *rows, const uint16_t *columns, size_t out_height,
                                                    size_t out_width, size_t width, size_t depth, const int8_t *from,
                                                    int8_t *to)
{
  for (size_t y = 0; y < out_height; y++)
    for (size_t x = 0; x < out_width; x++) {
      const int8_t *pixel = from + (rows[y] * width + columns[x]) * depth;
      for (size_t c = 0; c < depth; c++) *to++ = pixel[c];
    }
}
