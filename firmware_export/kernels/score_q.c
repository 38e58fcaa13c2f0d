int32_t model_score_q(const model_in_t *q) {
  return model_distance(model_parameters(), q);
}

uint16_t model_axis(size_t i) {
  return i < MODEL_INPUT_LEN ? model_parameters()->axis[i] : UINT16_MAX;
}
