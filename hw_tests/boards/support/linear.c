/* A firmware's model as small as can be, for tests of the firmware itself: output = bias + sum(weight * input). With a
 * bias of -DFATAL it crashes. */
#include "model.h"

#include <stddef.h>
#include <string.h>

#define INPUTS 4

struct linear_params {
  int32_t weight[INPUTS];
  int32_t bias;
};

#ifndef BIAS
#define BIAS 5
#endif
#ifndef PUBLIC_KEY
#define PUBLIC_KEY 0
#endif

static const struct linear_params params = {{1, 2, 3, 4}, BIAS};

/* Two test vectors: inputs, then the output's four bytes. */
static const uint8_t vectors[] = {1, 1, 1, 1, 10 + BIAS, 0, 0, 0, 0, 0, 0, 0, BIAS, 0, 0, 0};

static int run(const void *in_use, const void *input, void *output) {
  const struct linear_params *const linear = in_use;
  const int8_t *const inputs = input;
  int32_t sum = linear->bias;
#ifdef FATAL
  if (sum == FATAL) __builtin_trap();
#endif
  for (size_t i = 0; i < INPUTS; ++i) sum += linear->weight[i] * inputs[i];
  memcpy(output, &sum, sizeof sum);
  return 0;
}

static int score(const void *in_use, const float *features, void *input, void *output) {
  int8_t *const inputs = input;
  for (size_t i = 0; i < INPUTS; ++i) inputs[i] = (int8_t)(features[i] * 8.0f);
  return run(in_use, input, output);
}

const struct fw_model fw_model = {
    .name = "linear",
    .rows = INPUTS,
    .factory = {.magic = {'T', 'R', 'D', 'M'},
                .format = BLOB_FORMAT,
                .architecture = "linear, 4 inputs",
                .project = 1,
                .learn = 7,
                .version = 3,
                .params_size = sizeof(struct linear_params),
                .vector_count = sizeof vectors / (INPUTS + sizeof(int32_t)),
                .input_bytes = INPUTS,
                .output_bytes = sizeof(int32_t)},
    .params = &params,
    .vectors = vectors,
    .run = run,
    .score = score,
    .public_key = {PUBLIC_KEY},
    .output_width = sizeof(int32_t),
};
