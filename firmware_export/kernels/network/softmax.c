/* SOFTMAX, in gemmlowp's fixed point arithmetic. */

struct model_softmax_layer {
  uint16_t rows;
  uint16_t classes;
  int32_t multiplier;
  int32_t shift;
  int32_t least; /* differences to the largest input below this count as minus infinity */
};

/* exp(value) in 2^-31 for a value below zero in 2^-26: a polynomial on (-1/4, 0], then a factor for each bit. */
static int32_t model_exp(int32_t value)
{
  static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  if (value == 0) return 2147483647;
  const int32_t rest = (value & 0xffffff) - 0x1000000;
  const int32_t x = rest * 32 + ((int32_t)1 << 28);
  const int32_t square = model_high_multiply(x, x);
  const int32_t cube = model_high_multiply(square, x), fourth = model_high_multiply(square, square);
  const int32_t third = model_high_multiply(model_rounding_shift(fourth, 2) + cube, 715827883);
  const int32_t tail = model_rounding_shift(third + square, 1);
  int32_t result = 1895147668 + model_high_multiply(1895147668, x + tail);
  const uint32_t bits = ((uint32_t)rest - (uint32_t)value) >> 24;
  for (uint32_t i = 0; i < 7; i++)
    if (bits >> i & 1) result = model_high_multiply(result, factors[i]);
  return result;
}

/* 1 / (1 + fraction), all in 2^-31: three Newton steps. */
static int32_t model_reciprocal(int32_t fraction)
{
  const int32_t half = (int32_t)(((uint32_t)fraction + 0x80000000u) >> 1);
  int32_t x = 1515870810 + model_high_multiply(half, -1010580540);
  for (int32_t i = 0; i < 3; i++) {
    int32_t error = ((int32_t)1 << 29) - model_high_multiply(half, x);
    x += model_high_multiply(x, error) * 4;
  }
  return x > 0x3fffffff ? 2147483647 : x * 2;
}

MODEL_LOCAL int32_t model_softmax_exp(const struct model_softmax_layer *softmax, int32_t difference)
{
  return model_exp(model_high_multiply((int32_t)((uint32_t)difference << softmax->shift), softmax->multiplier));
}

static void model_softmax(const struct model_softmax_layer *softmax, const int8_t *from, int8_t *to)
{
  const int32_t classes = softmax->classes;
  for (int32_t row = softmax->rows; row > 0; row--, from += classes, to += classes) {
    int32_t largest = -128, headroom = 0, i;
    uint32_t sum = 0;
    for (i = 0; i < classes; i++) largest = from[i] > largest ? from[i] : largest;
    for (i = 0; i < classes; i++)
      if (from[i] - largest >= softmax->least)
        sum += (uint32_t)model_rounding_shift(model_softmax_exp(softmax, from[i] - largest), 12);
    while (!(sum >> 31)) {
      sum <<= 1;
      headroom++;
    }
    const int32_t scale = model_reciprocal((int32_t)(sum - 0x80000000u));
    for (i = 0; i < classes; i++) {
      int32_t value = -128;
      if (from[i] - largest >= softmax->least) {
        int32_t share = model_high_multiply(scale, model_softmax_exp(softmax, from[i] - largest));
        value += model_rounding_shift(share, 35 - headroom);
      }
      to[i] = (int8_t)(value > 127 ? 127 : value);
    }
  }
}
