/* An ATmega with one UART (ATmega328P: Arduino Uno, Nano). It has no slots: with 2 KB of memory and flash that only a
 * bootloader can write, it keeps the model that it was built with, and goes without upload.c, unpack.c and ed25519.c.
 * F_CPU is its clock in Hz. */
#include <avr/eeprom.h>
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>
#include <stddef.h>

#include "ed25519.h"
#include "hal.h"
#include "smp.h"
#include "upload.h"

#ifndef BAUD
#define BAUD 115200
#endif
#define BAUD_TOL 3 /* % : what 16 MHz make of 115,200 is 2.1 % off, as on every Arduino */
#include <util/setbaud.h>

#ifndef BOARD_NAME
#define BOARD_NAME "atmega328p"
#endif
#ifndef SPARE_BYTES
#define SPARE_BYTES 128
#endif

#define RECEIVED 64u /* a power of two */
#define TICK_HZ 1000u
#define TICK_PRESCALER 64u

const char hal_board[] = BOARD_NAME;

static volatile uint8_t received[RECEIVED], received_in, received_out;
static volatile uint32_t milliseconds;
static uint8_t has_sent;

/* A watchdog that has just reset the core goes on with its shortest time. */
__attribute__((naked, used, section(".init3"))) void stop_watchdog(void) {
  MCUSR = 0;
  wdt_disable();
}

ISR(USART_RX_vect) {
  const uint8_t byte = UDR0, next = (uint8_t)((received_in + 1u) % RECEIVED);
  if (next == received_out) return; /* lost, as on any line that is not listened to */
  received[received_in] = byte;
  received_in = next;
}

ISR(TIMER0_COMPA_vect) {
  ++milliseconds;
}

void hal_start(void) {
  UBRR0 = UBRR_VALUE;
  UCSR0A = USE_2X ? _BV(U2X0) : 0;
  UCSR0C = _BV(UCSZ01) | _BV(UCSZ00);
  UCSR0B = _BV(RXCIE0) | _BV(RXEN0) | _BV(TXEN0);
  OCR0A = F_CPU / TICK_PRESCALER / TICK_HZ - 1;
  TCCR0A = _BV(WGM01);
  TCCR0B = _BV(CS01) | _BV(CS00);
  TIMSK0 = _BV(OCIE0A);
  sei();
}

/* Sleeps until the next byte or tick where there is none. */
int hal_receive(void) {
  int byte = -1;
  cli();
  if (received_in == received_out) {
    sleep_enable();
    sei(); /* takes effect after the next instruction: no interrupt is missed */
    sleep_cpu();
    sleep_disable();
    cli();
  }
  if (received_in != received_out) {
    byte = received[received_out];
    received_out = (uint8_t)((received_out + 1u) % RECEIVED);
  }
  sei();
  return byte;
}

void hal_send(uint8_t byte) {
  loop_until_bit_is_set(UCSR0A, UDRE0);
  UCSR0A |= _BV(TXC0);
  UDR0 = byte;
  has_sent = 1;
}

uint32_t hal_milliseconds(void) {
  uint32_t now;
  cli();
  now = milliseconds;
  sei();
  return now;
}

const uint8_t *hal_area(unsigned area) {
  (void)area;
  return NULL;
}

uint32_t hal_area_size(unsigned area) {
  (void)area;
  return 0;
}

int hal_erase(unsigned area) {
  (void)area;
  return -1;
}

int hal_write(unsigned area, uint32_t offset, const void *data, uint32_t size) {
  (void)area, (void)offset, (void)data, (void)size;
  return -1;
}

uint8_t *hal_spare(uint32_t *size) {
  static uint8_t spare[SPARE_BYTES];
  *size = sizeof spare;
  return spare;
}

/* Counts starts in EEPROM. */
uint32_t hal_boot(void) {
  static uint32_t starts EEMEM;
  const uint32_t number = eeprom_read_dword(&starts) + 1;
  eeprom_update_dword(&starts, number);
  return number;
}

void hal_reset(void) {
  if (has_sent) loop_until_bit_is_set(UCSR0A, TXC0);
  wdt_enable(WDTO_15MS);
  for (;;) {
  }
}

/* What belongs to slots. */
int image_upload(void) {
  return SMP_UNSUPPORTED;
}

int image_erase(void) {
  return SMP_UNSUPPORTED;
}

void upload_drop_part(void) {}

int ed25519_verify(const uint8_t signature[64], const uint8_t key[32], const uint8_t *message, size_t length,
                   void *room) {
  (void)signature, (void)key, (void)message, (void)length, (void)room;
  return 0;
}

int main(void) {
  firmware();
}
