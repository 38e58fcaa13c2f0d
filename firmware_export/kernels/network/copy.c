/* Moves bytes between two regular grids of up to five axes: slices, paddings, joins, transpositions. */
struct model_copy_layer {
  uint16_t size[5];
  int32_t from_stride[5];
  int32_t to_stride[5];
};

static MODEL_HOT void model_copy(const struct model_copy_layer *copy, const int8_t *from, int8_t *to)
{
  for (int32_t h = 0; h < copy->size[0]; h++)
    for (int32_t i = 0; i < copy->size[1]; i++)
      for (int32_t j = 0; j < copy->size[2]; j++)
        for (int32_t k = 0; k < copy->size[3]; k++) {
          const int8_t *x = from + h * copy->from_stride[0] + i * copy->from_stride[1] + j * copy->from_stride[2] +
                            k * copy->from_stride[3];
          int8_t *y = to + h * copy->to_stride[0] + i * copy->to_stride[1] + j * copy->to_stride[2] +
                      k * copy->to_stride[3];
          for (int32_t n = copy->size[4]; n > 0; n--, x += copy->from_stride[4], y += copy->to_stride[4]) *y = *x;
        }
}
