/* Counts the instructions of <name>_score() for each row of its test vectors, after one empty region.
 * With -DEMPTY the same program without the model: what it is compared with in size. */
#include <string.h>

#include "board.h"
#include "vectors.h"

volatile uint32_t result;

int main(void) {
  board_count_begin();
  board_count_end();
  for (int i = 0; i < ROWS; ++i) {
    float score;
    uint32_t bits;
    board_count_begin();
#ifdef EMPTY
    score = rows[i][0];
#else
    score = SCORE(rows[i]);
#endif
    board_count_end();
    memcpy(&bits, &score, sizeof bits);
    result = bits;
  }
  return 0;
}
