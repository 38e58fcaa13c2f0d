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

/* A run of `count` sums; the inputs go on by 1, or by 0 where they are repeated. */
MODEL_LOCAL void model_add_run(const struct model_add_layer *add, const int8_t *x, const int8_t *y, int32_t count,
                               int8_t *to)
{
  const int32_t step_x = add->shape.stride_a[3], step_y = add->shape.stride_b[3];
  const struct model_channel channel = add->channel;
  const struct model_output out = add->out;
#if MODEL_MVE
  const uint32x4_t lanes = vidupq_n_u32(0, 1);
  const uint32x4_t from_x = vmulq_n_u32(lanes, (uint32_t)step_x), from_y = vmulq_n_u32(lanes, (uint32_t)step_y);
  const int32x4_t multiplier = vdupq_n_s32(add->multiplier_b), shift = vdupq_n_s32(~add->shift_b);
  for (; count > 0; count -= 4, x += 4 * step_x, y += 4 * step_y, to += 4) {
    const mve_pred16_t inside = vctp32q((uint32_t)count);
    int32x4_t first = vsubq_n_s32(vldrbq_gather_offset_z_s32(x, from_x, inside), add->zero_a);
    int32x4_t second = vsubq_n_s32(vldrbq_gather_offset_z_s32(y, from_y, inside), add->zero_b);
    first = vshlq_n_s32(first, 19);
    second = model_shift_four(vqrdmulhq_s32(vshlq_n_s32(second, 20), multiplier), shift);
#if MODEL_SUBTRACT
    first = vmulq_n_s32(first, add->sign_a);
    second = vmulq_n_s32(second, add->sign_b);
#endif
    vstrbq_p_s32(to, model_finish_alike(vaddq_s32(first, second), &channel, &out), inside);
  }
#else
  const int32_t zero_x = add->zero_a, zero_y = add->zero_b;
  const int32_t multiplier = add->multiplier_b, shift = add->shift_b;
  for (; count > 0; count--, x += step_x, y += step_y) {
    int32_t first = (*x - zero_x) * ((int32_t)1 << 19), second = model_add_term(*y - zero_y, multiplier, shift);
#if MODEL_SUBTRACT
    first *= add->sign_a;
    second *= add->sign_b;
#endif
    *to++ = model_finish(first + second, &channel, &out);
  }
#endif
}

static MODEL_HOT void model_add(const struct model_add_layer *add, const int8_t *a, const int8_t *b, int8_t *to)
{
  const struct model_broadcast *shape = &add->shape;
  if (add->swapped) {
    const int8_t *larger = b;
    b = a;
    a = larger;
  }
  for (int32_t i = 0; i < shape->outer[0]; i++)
    for (int32_t j = 0; j < shape->outer[1]; j++)
      for (int32_t k = 0; k < shape->outer[2]; k++) {
        const int8_t *x = model_run(a, shape->stride_a, i, j, k), *y = model_run(b, shape->stride_b, i, j, k);
        model_add_run(add, x, y, shape->inner, to);
        to += shape->inner;
      }
}
