/* Runs the test vectors of networks; the exit status is 0 where every byte is right and no other byte was written.
 * check_networks.h includes their headers and names them: NETWORKS(DO) is DO(prefix, PREFIX) for each. */
#include <string.h>

#include "board.h"
#include "check_networks.h"

#define GUARD 0x5a
static uint64_t scratch[1024];
static int8_t output[2048];
static int wrong;

static int changed(const void *buffer, size_t from, size_t size) {
  int count = 0;
  for (size_t i = from; i < size; ++i) count += ((const uint8_t *)buffer)[i] != GUARD;
  return count;
}

static void expect(const char *name, int failures) {
  if (failures == 0) return;
  ++wrong;
  board_write(name);
  board_write(" is wrong\n");
}

#define CHECK(name, NAME) \
  typedef char name##_fits[NAME##_SCRATCH_BYTES < sizeof scratch && NAME##_OUTPUT_LEN < sizeof output ? 1 : -1]; \
  static void name##_check(void) { \
    for (int i = 0; i < NAME##_TEST_VECTORS; ++i) { \
      memset(scratch, GUARD, sizeof scratch); \
      memset(output, GUARD, sizeof output); \
      int failures = name##_invoke(name##_test_inputs[i], output, scratch) != 0; \
      failures += memcmp(output, name##_test_outputs[i], NAME##_OUTPUT_LEN) != 0; \
      failures += changed(scratch, NAME##_SCRATCH_BYTES, sizeof scratch); \
      failures += changed(output, NAME##_OUTPUT_LEN, sizeof output); \
      expect(#name, failures); \
    } \
  }

NETWORKS(CHECK)

#define RUN(name, NAME) name##_check();

int main(void) {
  NETWORKS(RUN)
  return wrong != 0;
}
