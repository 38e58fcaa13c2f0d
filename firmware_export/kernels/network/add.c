/* ADD and SUB: both inputs are brought to twice the larger scale with 20 more bits, then summed. */
struct model_add {
  struct model_broadcast shape;
  int32_t zero_a, multiplier_a, shift_a;
  int32_t zero_b, multiplier_b, shift_b;
  int32_t sign; /* -1: SUB */
  struct model_channel channel; /* the bias is not used */
  struct model_output out;
};

/* (value << 20) * multiplier / 2^(31 + right), rounded twice; `right` is how far the shift goes, less one, or -1. */
MODEL_INLINE int32_t model_add_term(int32_t value, int32_t multiplier, int32_t right)
{
  int32_t term = model_high_multiply_doubled((int32_t)((uint32_t)value << 21), multiplier);
  if (right < 0) return term;
  term += term >> 31;
  term >>= right;
  return (term + 1) >> 1;
}

static MODEL_HOT void model_add(const struct model_add *add, const int8_t *a, const int8_t *b, int8_t *to)
{
  const struct model_broadcast *shape = &add->shape;
  const int32_t step_a = shape->stride_a[3], step_b = shape->stride_b[3];
  for (int32_t i = 0; i < shape->outer[0]; i++)
    for (int32_t j = 0; j < shape->outer[1]; j++)
      for (int32_t k = 0; k < shape->outer[2]; k++) {
        const int8_t *x = model_run(a, shape->stride_a, i, j, k), *y = model_run(b, shape->stride_b, i, j, k);
        for (int32_t n = shape->inner; n > 0; n--, x += step_a, y += step_b) {
          int32_t sum = model_add_term(*x - add->zero_a, add->multiplier_a, add->shift_a);
          int32_t term = model_add_term(*y - add->zero_b, add->multiplier_b, add->shift_b);
#if MODEL_SUBTRACT
          term *= add->sign;
#endif
          sum += term;
          *to++ = model_finish(sum, &add->channel, &add->out);
        }
      }
}
