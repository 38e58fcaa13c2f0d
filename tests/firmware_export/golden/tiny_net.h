/* tiny_net: an int8 network. Operators: FULLY_CONNECTED, RELU.
 * Input 1 x 4, output 1 x 2.
 *
 * Use:
 *   static int8_t input[TINY_NET_INPUT_LEN], output[TINY_NET_OUTPUT_LEN];
 *   static uint64_t scratch[(TINY_NET_SCRATCH_BYTES + 7) / 8];
 *   tiny_net_quantize(values, input);
 *   tiny_net_invoke(input, output, scratch);
 *
 * Equal, bit for bit, to TensorFlow Lite Micro on the same int8 input, on every core, with every compiler.
 * No heap, no files, no written globals. Threads may call at once, each with its own scratch. */
#ifndef TINY_NET_H
#define TINY_NET_H

#include <stddef.h>
#include <stdint.h>

/* Numbers in and out, in the order of the model's own tensors. */
#define TINY_NET_INPUT_LEN 4
#define TINY_NET_OUTPUT_LEN 2

/* Bytes of working memory that invoke needs, exactly; aligned to 8. */
#define TINY_NET_SCRATCH_BYTES 34

/* value = (number - zero point) * scale; half steps: input steps per unit of a value, doubled. */
#define TINY_NET_INPUT_SCALE 0.5f
#define TINY_NET_INPUT_ZERO_POINT (-1)
#define TINY_NET_OUTPUT_SCALE 0.25f
#define TINY_NET_OUTPUT_ZERO_POINT 3
#define TINY_NET_HALF_STEPS 4.0f

#ifdef __cplusplus
extern "C" {
#endif

/* Runs the network. 0, or -1 where a pointer is NULL, or -2 where scratch is not aligned. Buffers must not
 * overlap. */
int tiny_net_invoke(const int8_t *input, int8_t *output, void *scratch);

/* TINY_NET_INPUT_LEN values to inputs: to the nearest step, halves away from zero, saturated. */
void tiny_net_quantize(const float *values, int8_t *input);

/* TINY_NET_OUTPUT_LEN outputs to real values. */
void tiny_net_dequantize(const int8_t *output, float *scores);

/* What output i stands for; NULL past the end, and where the model has no labels. */
const char *tiny_net_label(size_t i);

#ifdef __cplusplus
}
#endif

#endif
