/* An application that proves that it runs: after each line that comes it says GREETING, which the build defines.
 * FILLER bytes of constants make the image as large as a test needs it. */
#include "board.h"
#include "uart.h"

#ifdef FILLER
static const volatile uint8_t filler[FILLER] = {1};
#endif

int main(void) {
  uart_start();
  for (;;) {
    while (uart_get() != '\n') {
    }
#ifdef FILLER
    (void)filler[FILLER - 1];
#endif
    for (const char *at = GREETING "\n"; *at; ++at) uart_put((uint8_t)*at);
  }
}
