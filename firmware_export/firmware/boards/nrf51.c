/* Nordic's nRF51822, as on the BBC micro:bit: UART, flash by its controller, clock and random numbers by their own
 * peripherals. */
#include "hal.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define UART 0x40002000u
#define UART_START_RECEIVING REGISTER(UART + 0x000u)
#define UART_START_SENDING REGISTER(UART + 0x008u)
#define UART_HAS_RECEIVED REGISTER(UART + 0x108u)
#define UART_HAS_SENT REGISTER(UART + 0x11Cu)
#define UART_ENABLE REGISTER(UART + 0x500u)
#define UART_PIN_SEND REGISTER(UART + 0x50Cu)
#define UART_PIN_RECEIVE REGISTER(UART + 0x514u)
#define UART_RECEIVED REGISTER(UART + 0x518u)
#define UART_SEND REGISTER(UART + 0x51Cu)
#define UART_BAUD REGISTER(UART + 0x524u)
#define UART_115200 0x01D7E000u
#define PIN_SET REGISTER(0x50000508u)
#define PIN_SET_OUTPUT REGISTER(0x50000518u)

#define TIMER 0x40008000u
#define TIMER_START REGISTER(TIMER + 0x000u)
#define TIMER_CAPTURE REGISTER(TIMER + 0x040u)
#define TIMER_BITS REGISTER(TIMER + 0x508u)
#define TIMER_PRESCALER REGISTER(TIMER + 0x510u)
#define TIMER_CAPTURED REGISTER(TIMER + 0x540u)
#define TIMER_32_BITS 3u
#define TIMER_MICROSECONDS 4u /* 16 MHz / 2^4 */

#define RANDOM 0x4000D000u
#define RANDOM_START REGISTER(RANDOM + 0x000u)
#define RANDOM_READY REGISTER(RANDOM + 0x100u)
#define RANDOM_VALUE REGISTER(RANDOM + 0x508u)

#define FLASH 0x4001E000u
#define FLASH_READY REGISTER(FLASH + 0x400u)
#define FLASH_MODE REGISTER(FLASH + 0x504u)
#define FLASH_ERASE_PAGE REGISTER(FLASH + 0x508u)
#define FLASH_READS 0u
#define FLASH_WRITES 1u
#define FLASH_ERASES 2u
#define PAGE 1024u

/* The micro:bit's pins to its USB bridge. */
#ifndef PIN_SENDING
#define PIN_SENDING 24u
#define PIN_RECEIVING 25u
#endif
#ifndef BOARD_NAME
#define BOARD_NAME "microbit"
#endif

const char hal_board[] = BOARD_NAME;

void hal_start(void) {
  PIN_SET = 1u << PIN_SENDING;
  PIN_SET_OUTPUT = 1u << PIN_SENDING;
  UART_PIN_SEND = PIN_SENDING;
  UART_PIN_RECEIVE = PIN_RECEIVING;
  UART_BAUD = UART_115200;
  UART_ENABLE = 4;
  UART_START_RECEIVING = 1;
  UART_START_SENDING = 1;
  TIMER_BITS = TIMER_32_BITS;
  TIMER_PRESCALER = TIMER_MICROSECONDS;
  TIMER_START = 1;
}

int hal_receive(void) {
  if (UART_HAS_RECEIVED == 0) return -1;
  UART_HAS_RECEIVED = 0;
  return (int)(UART_RECEIVED & 0xffu);
}

void hal_send(uint8_t byte) {
  UART_HAS_SENT = 0;
  UART_SEND = byte;
  while (UART_HAS_SENT == 0) {
  }
}

/* The timer runs over after 71 minutes: it is asked at least each second or so. */
uint32_t hal_milliseconds(void) {
  static uint32_t milliseconds, microseconds;
  TIMER_CAPTURE = 1;
  for (; TIMER_CAPTURED - microseconds >= 1000; microseconds += 1000) ++milliseconds;
  return milliseconds;
}

static void wait_for_flash(uint32_t mode) {
  while (FLASH_READY == 0) {
  }
  FLASH_MODE = mode;
}

int hal_erase(unsigned area) {
  const uint32_t start = (uint32_t)(uintptr_t)hal_area(area);
  for (uint32_t offset = 0; offset < hal_area_size(area); offset += PAGE) {
    wait_for_flash(FLASH_ERASES);
    FLASH_ERASE_PAGE = start + offset;
  }
  wait_for_flash(FLASH_READS);
  return 0;
}

int hal_write(unsigned area, uint32_t offset, const void *data, uint32_t size) {
  volatile uint32_t *to = (volatile uint32_t *)(uintptr_t)(hal_area(area) + offset);
  const uint8_t *from = data;
  for (; size != 0; size -= 4, from += 4) {
    wait_for_flash(FLASH_WRITES);
    *to++ = (uint32_t)(from[0] | from[1] << 8 | from[2] << 16) | (uint32_t)from[3] << 24;
  }
  wait_for_flash(FLASH_READS);
  return 0;
}

uint32_t hal_boot(void) {
  uint32_t number = 0;
  RANDOM_START = 1;
  for (unsigned i = 0; i < 4; ++i) {
    RANDOM_READY = 0;
    while (RANDOM_READY == 0) {
    }
    number = number << 8 | (RANDOM_VALUE & 0xffu);
  }
  return number;
}
