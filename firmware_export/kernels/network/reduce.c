/* MEAN and REDUCE_MAX: up to three axes that stay, and for each output up to three that do not. */
struct model_reduce_layer {
  uint16_t kept[3];
  uint16_t reduced[3];
  int32_t kept_stride[3];
  int32_t stride[3];
  int32_t maximum;
  struct model_channel channel; /* the bias takes the zero points out of the sum */
  struct model_output out;
};

static MODEL_HOT int8_t model_reduce_one(const struct model_reduce_layer *reduce, const int8_t *from)
{
  int32_t sum = reduce->channel.bias, largest = -128;
  for (int32_t i = 0; i < reduce->reduced[0]; i++)
    for (int32_t j = 0; j < reduce->reduced[1]; j++) {
      const int8_t *x = from + i * reduce->stride[0] + j * reduce->stride[1];
      for (int32_t n = reduce->reduced[2]; n > 0; n--, x += reduce->stride[2]) {
        sum += *x;
        largest = *x > largest ? *x : largest;
      }
    }
  return reduce->maximum ? (int8_t)largest : model_finish(sum, &reduce->channel, &reduce->out);
}

static MODEL_HOT void model_reduce(const struct model_reduce_layer *reduce, const int8_t *from, int8_t *to)
{
  for (int32_t i = 0; i < reduce->kept[0]; i++)
    for (int32_t j = 0; j < reduce->kept[1]; j++) {
      const int8_t *x = from + i * reduce->kept_stride[0] + j * reduce->kept_stride[1];
      for (int32_t n = reduce->kept[2]; n > 0; n--, x += reduce->kept_stride[2]) *to++ = model_reduce_one(reduce, x);
    }
}
