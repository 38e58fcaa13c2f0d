#if !MODEL_FPU
MODEL_INLINE uint32_t model_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
#endif

/* Four times an input, to an input: rounded down, saturated. */
MODEL_INLINE model_in_t model_saturate(int32_t fourfold) {
#if MODEL_DSP || (defined(__GNUC__) && defined(__ARM_FEATURE_SAT))
  int32_t q;
  __asm__("ssat %0, %1, %2, asr #2" : "=r"(q) : "I"(MODEL_INPUT_WIDTH), "r"(fourfold));
  return (model_in_t)q;
#else
  int32_t q = fourfold >> 2;
  q = q < MODEL_INPUT_LOW ? MODEL_INPUT_LOW : q;
  return (model_in_t)(q > MODEL_INPUT_HIGH ? MODEL_INPUT_HIGH : q);
#endif
}

/* q = saturate(round(x * reciprocal) + zero_point): a float32 product, rounded half away from zero; the rest is
 * integers. `offset` is 4 * zero_point + 2, and 1 less rounds a negative product away from zero.
 * Returns whether every feature is finite. */
MODEL_INLINE int model_load(const struct model_params *p, const float *features, model_in_t *q) {
#if MODEL_FPU
  float probe = 0.0f, zero = 0.0f; /* x * 0 is 0 or NaN */
  MODEL_UNROLL(1)
  for (size_t i = 0; i < MODEL_INPUT_LEN; ++i) {
    float product = features[i] * p->input[i].reciprocal;
    int32_t fourfold;
    __asm__("vfma.f32 %0, %1, %2" : "+t"(probe) : "t"(features[i]), "t"(zero));
    __asm__("vcvt.s32.f32 %0, %0, #2" : "+t"(product)); /* times 4, towards zero, saturated */
    memcpy(&fourfold, &product, sizeof fourfold);
    q[i] = model_saturate(__qadd(fourfold, p->input[i].offset + (fourfold >> 31)));
  }
  return probe == 0.0f;
#else
  /* The same product from the bits, so that a core without FPU needs no float library. Mantissas have their
   * leading bit on top; the product's upper 32 bits are kept less 4. Adding half a unit of the 24th bit stands for
   * the rounding of a float32 product: what is below can change the result no more. */
  uint32_t leading = 0x80000000u, half_unit = 4u, left = MODEL_INPUT_LEN, special = 0u;
  const struct model_input *input = p->input;
  MODEL_KEEP(leading);
  MODEL_KEEP(half_unit);
  MODEL_KEEP(left);
  do {
    uint32_t x = model_bits(*features++), r = model_bits(input->reciprocal);
    uint32_t exponent = (x >> 23) & 255u;
    int32_t shift = 278 - (int32_t)exponent - (int32_t)(r >> 23);
    uint32_t high = (uint32_t)(((uint64_t)((x << 8) | leading) * ((r << 8) | leading)) >> 32);
    int32_t fourfold;
    high = (high >> 4) + half_unit + ((high >> 31) << 2);
    special |= exponent + 1u; /* 256 where the feature is infinite or NaN */
    shift = shift < 0 ? 0 : shift;
    shift = shift > 31 ? 31 : shift;
    fourfold = (int32_t)((high >> shift) ^ (0u - (x >> 31)));
    *q++ = model_saturate(fourfold + input->offset);
    ++input;
  } while (--left != 0u);
  return (special & 256u) == 0u;
#endif
}

void model_quantize(const float *features, model_in_t *q) {
  if (!model_load(model_parameters(), features, q)) {
    for (size_t i = 0; i < MODEL_INPUT_LEN; ++i) q[i] = MODEL_INPUT_HIGH;
  }
}
