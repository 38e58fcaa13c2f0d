/* ADD and SUB: both inputs are brought to twice the larger scale with 20 more bits, then summed.
 *
 * The input of the larger scale is multiplied by exactly one half then; it comes to be `a`. */
struct model_add_layer {
  struct model_broadcast shape;
  int32_t swapped;
  int32_t zero_a;
  int32_t zero_b, multiplier_b, shift_b;
  int32_t sign_a, sign_b; /* SUB: one of them is -1 */
  struct model_channel channel; /* the bias is not used */
  struct model_output out;
};

/* (value << 20) * multiplier / 2^(31 + right), rounded twice; `right` is how far the shift goes, less one, or -1. */
MODEL_LOCAL int32_t model_add_term(int32_t value, int32_t multiplier, int32_t right)
{
  int32_t term = model_high_multiply_doubled((int32_t)((uint32_t)value << 21), multiplier);
  if (right < 0) return term;
  term += term >> 31;
  term >>= right;
  return (term + 1) >> 1;
}

static MODEL_HOT void model_add(const struct model_add_layer *add, const int8_t *a, const int8_t *b, int8_t *to)
{
  const struct model_broadcast *shape = &add->shape;
  if (add->swapped) {
    const int8_t *larger = b;
    b = a;
    a = larger;
  }
  const int32_t step_a = shape->stride_a[3], step_b = shape->stride_b[3];
  const int32_t zero_a = add->zero_a, zero_b = add->zero_b;
  const int32_t multiplier = add->multiplier_b, shift = add->shift_b;
  const struct model_channel channel = add->channel;
  const struct model_output out = add->out;
  for (int32_t i = 0; i < shape->outer[0]; i++)
    for (int32_t j = 0; j < shape->outer[1]; j++)
      for (int32_t k = 0; k < shape->outer[2]; k++) {
        const int8_t *x = model_run(a, shape->stride_a, i, j, k), *y = model_run(b, shape->stride_b, i, j, k);
        for (int32_t n = shape->inner; n > 0; n--, x += step_a, y += step_b) {
          int32_t first = (*x - zero_a) * ((int32_t)1 << 19), second = model_add_term(*y - zero_b, multiplier, shift);
#if MODEL_SUBTRACT
          first *= add->sign_a;
          second *= add->sign_b;
#endif
          *to++ = model_finish(first + second, &channel, &out);
        }
      }
}
