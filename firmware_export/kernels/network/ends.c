/* Real values to inputs: to the nearest step, halves away from zero. NaN gives the zero point. */
void model_quantize(const float *values, int8_t *input)
{
  for (size_t i = 0; i < MODEL_INPUT_LEN; i++) {
    /* Half steps, cut off: what is left to do is exact in integers. */
    float halves = values[i] * MODEL_STEPS;
    int32_t whole = halves >= 1024.0f ? 1024 : halves <= -1024.0f ? -1024 : halves == halves ? (int32_t)halves : 0;
    int32_t steps = whole < 0 ? -((1 - whole) >> 1) : (whole + 1) >> 1;
    steps += MODEL_IN_ZERO;
    input[i] = (int8_t)(steps < -128 ? -128 : steps > 127 ? 127 : steps);
  }
}

/* Outputs to real values. */
void model_dequantize(const int8_t *output, float *scores)
{
  for (size_t i = 0; i < MODEL_OUTPUT_LEN; i++)
    scores[i] = (float)(output[i] - MODEL_OUT_ZERO) * MODEL_OUT_SCALE;
}
