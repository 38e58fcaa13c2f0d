/* An integer score times a power of two. Exact: scores have fewer than 24 bits. */
MODEL_INLINE float model_to_float(const struct model_params *p, int32_t score) {
#if defined(__arm__) && !defined(__ARM_FP) && defined(__GNUC__)
  /* By hand, so that a core without FPU needs no float library. */
  uint32_t sign = (uint32_t)score & 0x80000000u;
  uint32_t magnitude = score < 0 ? 0u - (uint32_t)score : (uint32_t)score;
  uint32_t zeros;
  float value;
  if (magnitude == 0u) return 0.0f;
  zeros = (uint32_t)__builtin_clz(magnitude);
  magnitude = sign | (model_bits(p->score_scale) + ((30u - zeros) << 23) + ((magnitude << zeros) >> 8));
  memcpy(&value, &magnitude, sizeof value);
  return value;
#else
  return (float)score * p->score_scale;
#endif
}

float model_score(const float *features) {
  const struct model_params *p = model_parameters();
  model_in_t q[MODEL_INPUT_LEN];
  if (!model_load(p, features, q)) return MODEL_SCORE_CAP;
  return model_to_float(p, model_distance(p, q));
}

int model_is_anomaly(const float *features) {
  const struct model_params *p = model_parameters();
  model_in_t q[MODEL_INPUT_LEN];
  return !model_load(p, features, q) || model_distance(p, q) >= p->threshold_q;
}
