/* MUL. */
struct model_mul_layer {
  struct model_broadcast shape;
  int32_t zero_a, zero_b;
  struct model_channel channel; /* the bias is not used */
  struct model_output out;
};

static MODEL_HOT void model_mul(const struct model_mul_layer *mul, const int8_t *a, const int8_t *b, int8_t *to)
{
  const struct model_broadcast *shape = &mul->shape;
  const int32_t step_a = shape->stride_a[3], step_b = shape->stride_b[3];
  for (int32_t i = 0; i < shape->outer[0]; i++)
    for (int32_t j = 0; j < shape->outer[1]; j++)
      for (int32_t k = 0; k < shape->outer[2]; k++) {
        const int8_t *x = model_run(a, shape->stride_a, i, j, k), *y = model_run(b, shape->stride_b, i, j, k);
        for (int32_t n = shape->inner; n > 0; n--, x += step_a, y += step_b)
          *to++ = model_finish((*x - mul->zero_a) * (*y - mul->zero_b), &mul->channel, &mul->out);
      }
}
