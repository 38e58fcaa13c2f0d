/* Runs a network's test vectors, and counts the instructions of each inference after one empty region.
 * With -DEMPTY the same program without the network: what it is compared with in size. */
#include "board.h"
#include "net_test_vectors.h"

static uint64_t scratch[(NET_SCRATCH_BYTES + 7) / 8];
static int8_t output[NET_OUTPUT_LEN];
volatile int32_t result;
/* Keeps the vectors whole in both programs, so that only the network is the difference. */
const void *volatile vectors[2];

int main(void) {
  int failures = 0;
  vectors[0] = net_test_inputs;
  vectors[1] = net_test_outputs;
  board_count_begin();
  board_count_end();
  for (int row = 0; row < NET_TEST_VECTORS; ++row) {
    board_count_begin();
#ifdef EMPTY
    output[0] = net_test_inputs[row][0];
    scratch[0] = 0;
#else
    failures += net_invoke(net_test_inputs[row], output, scratch) != 0;
#endif
    board_count_end();
#ifndef EMPTY
    for (int i = 0; i < NET_OUTPUT_LEN; ++i) {
      failures += output[i] != net_test_outputs[row][i];
    }
#endif
    result = output[0] + net_test_outputs[row][0] + (int32_t)scratch[0];
  }
  return failures != 0;
}
