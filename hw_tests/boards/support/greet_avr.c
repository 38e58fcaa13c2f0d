/* The same as greet.c on an ATmega328P: after each line that comes it says GREETING, at 57,600 baud. */
#include <avr/io.h>
#include <avr/pgmspace.h>

#ifdef FILLER
static const volatile char filler[FILLER] PROGMEM = {1};
#endif

static const char greeting[] PROGMEM = GREETING "\n";

int main(void) {
#ifdef FILLER
  (void)pgm_read_byte((const void *)(filler + FILLER - 1));
#endif
  UBRR0 = 16; /* 16 MHz / 8 / 57,600 - 1 */
  UCSR0A = _BV(U2X0);
  UCSR0B = _BV(RXEN0) | _BV(TXEN0);
  for (;;) {
    do {
      while (!(UCSR0A & _BV(RXC0))) {
      }
    } while (UDR0 != '\n');
    for (const char *at = greeting; pgm_read_byte(at); ++at) {
      while (!(UCSR0A & _BV(UDRE0))) {
      }
      UDR0 = pgm_read_byte(at);
    }
  }
}
