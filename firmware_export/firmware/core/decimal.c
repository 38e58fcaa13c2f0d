/* By subtraction: a Cortex-M0 cannot divide, and the routine that does is longer than this. */
#include "decimal.h"

/* Not inlined: whoever optimises the whole program would have it twice. */
__attribute__((noinline)) char *decimal(uint32_t number, char *at) {
  char *const start = at;
  for (unsigned place = DECIMAL_DIGITS; place-- != 0;) {
    uint32_t power = 1;
    for (unsigned i = place; i != 0; --i) power *= 10u;
    *at = '0';
    for (; number >= power; number -= power) ++*at;
    if (at != start || *at != '0' || place == 0) ++at;
  }
  return at;
}
