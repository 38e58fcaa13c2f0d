/* MAXIMUM and MINIMUM. */
struct model_extremum_layer {
  struct model_broadcast shape;
  int32_t maximum;
};

static MODEL_HOT void model_extremum(const struct model_extremum_layer *how, const int8_t *a, const int8_t *b, int8_t *to)
{
  const struct model_broadcast *shape = &how->shape;
  const int32_t step_a = shape->stride_a[3], step_b = shape->stride_b[3];
  for (int32_t i = 0; i < shape->outer[0]; i++)
    for (int32_t j = 0; j < shape->outer[1]; j++)
      for (int32_t k = 0; k < shape->outer[2]; k++) {
        const int8_t *x = model_run(a, shape->stride_a, i, j, k), *y = model_run(b, shape->stride_b, i, j, k);
        for (int32_t n = shape->inner; n > 0; n--, x += step_a, y += step_b)
          *to++ = (*x > *y) == (how->maximum != 0) ? *x : *y;
      }
}
