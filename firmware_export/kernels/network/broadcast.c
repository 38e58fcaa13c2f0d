/* How a kernel of two inputs runs through them: sizes and strides of up to four axes, the last one innermost.
 * A stride of 0 repeats an input along an axis. */
struct model_broadcast {
  uint16_t outer[3];
  uint16_t inner;
  int32_t stride_a[4];
  int32_t stride_b[4];
};

/* Where the run of innermost elements begins for outer indices i, j, k. */
MODEL_LOCAL const int8_t *model_run(const int8_t *from, const int32_t *stride, int32_t i, int32_t j, int32_t k)
{
  return from + i * stride[0] + j * stride[1] + k * stride[2];
}
