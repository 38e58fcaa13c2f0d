/* Activations as pairs of int16 in 32-bit words, and weights as words of two channels by two inputs.
 *
 * Four input bytes k, k+1, k+2, k+3 become the words (k, k+2) and (k+1, k+3); weights lie in the same order. A word
 * of weights holds, in each half, one weight of channel c in its lower byte and one of channel c + 1 above. "Split"
 * words hold 256 * upper + lower as a number, so that a product with the whole half gives 256 times the upper sum
 * plus the lower one: the exporter has proved that the upper sums of such a layer fit 24 bits. */

/* The weights of a layer: [pairs of channels][words], both even in number. */
struct model_matrix {
  uint16_t channels;
  uint16_t words;
  int32_t split;
};
#define MODEL_IS_SPLIT(matrix) (MODEL_SPLIT && MODEL_PLAIN ? (matrix)->split : MODEL_SPLIT)

#if MODEL_DSP
typedef uint64_t __attribute__((may_alias)) model_two_words;
typedef uint32_t __attribute__((may_alias)) model_word;
#define MODEL_FIRST(two) ((uint32_t)(two))
#define MODEL_SECOND(two) ((uint32_t)((two) >> 32))

/* Two words, and on to the next two: one instruction, which compilers do not find. */
MODEL_LOCAL model_two_words model_next(const model_two_words **from)
{
  model_two_words two;
  __asm__("ldrd %Q0, %R0, [%1], #8" : "=r"(two), "+r"(*from) : "m"(**from));
  return two;
}

/* Bytes 0 and 2 of a word, as int16 lanes. */
MODEL_LOCAL uint32_t model_even(uint32_t word)
{
  return (uint32_t)__sxtb16((int8x4_t)word);
}

/* Bytes 1 and 3. */
MODEL_LOCAL uint32_t model_odd(uint32_t word)
{
  uint32_t lanes;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(lanes) : "r"(word));
  return lanes;
}

/* The lower halves of two words beside each other, the first one lowest; and the upper halves. */
MODEL_LOCAL uint32_t model_lower_halves(uint32_t first, uint32_t second)
{
  uint32_t halves;
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(halves) : "r"(first), "r"(second));
  return halves;
}

MODEL_LOCAL uint32_t model_upper_halves(uint32_t first, uint32_t second)
{
  uint32_t halves;
  __asm__("pkhtb %0, %2, %1, asr #16" : "=r"(halves) : "r"(first), "r"(second));
  return halves;
}

MODEL_LOCAL int32_t model_dot(uint32_t a, uint32_t b, int32_t sum)
{
  return __smlad((int16x2_t)a, (int16x2_t)b, sum);
}
#endif

/* Any four bytes as a word, the first one lowest. */
MODEL_LOCAL uint32_t model_load(const int8_t *from)
{
#if MODEL_DSP
  uint32_t word;
  memcpy(&word, from, 4);
  return word;
#else
  return (uint8_t)from[0] | (uint32_t)(uint8_t)from[1] << 8 | (uint32_t)(uint8_t)from[2] << 16 |
         (uint32_t)(uint8_t)from[3] << 24;
#endif
}

/* Four bytes to two words, `stride` words apart. */
MODEL_LOCAL void model_widen_word(uint32_t word, int16_t *to, size_t stride)
{
#if MODEL_DSP
  *(model_word *)to = model_even(word);
  *(model_word *)(to + 2 * stride) = model_odd(word);
#else
  to[0] = (int8_t)word;
  to[1] = (int8_t)(word >> 16);
  to[2 * stride] = (int8_t)(word >> 8);
  to[2 * stride + 1] = (int8_t)(word >> 24);
#endif
}
