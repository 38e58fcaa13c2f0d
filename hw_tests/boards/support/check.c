/* Runs the test vectors of models; the exit status is 0 where every number is right. check_vectors.h includes
 * their headers and names them: MODELS(DO) is DO(prefix, PREFIX) for each. */
#include "board.h"
#include "check_vectors.h"

static int wrong;

static void expect(int32_t got, int32_t wanted) {
  if (got == wanted) return;
  ++wrong;
  board_write_number(got);
  board_write(" instead of ");
  board_write_number(wanted);
  board_write("\n");
}

#define CHECK(name, NAME) \
  static void name##_check(void) { \
    for (int i = 0; i < NAME##_TEST_VECTORS; ++i) { \
      name##_in_t q[NAME##_INPUT_LEN]; \
      name##_quantize(name##_test_features[i], q); \
      for (int j = 0; j < NAME##_INPUT_LEN; ++j) expect(q[j], name##_test_inputs[i][j]); \
      expect(name##_score_q(name##_test_inputs[i]), name##_test_score_q[i]); \
      expect(name##_is_anomaly(name##_test_features[i]), name##_test_anomaly[i]); \
      /* The scale is a power of two: the score is exact, and so is this. */ \
      expect((int32_t)(name##_score(name##_test_features[i]) / NAME##_SCORE_SCALE), name##_test_score_q[i]); \
    } \
  }

MODELS(CHECK)

#define RUN(name, NAME) name##_check();

int main(void) {
  MODELS(RUN)
  board_write(wrong ? "wrong\n" : "right\n");
  return wrong != 0;
}
