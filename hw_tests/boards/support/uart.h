/* The first UART of the mps2 boards (CMSDK APB UART), polled. */
#ifndef UART_H
#define UART_H

#include <stdint.h>

#define UART_BASE 0x40004000u
#define UART_DATA (*(volatile uint32_t *)(UART_BASE + 0x00u))
#define UART_STATE (*(volatile uint32_t *)(UART_BASE + 0x04u))
#define UART_CONTROL (*(volatile uint32_t *)(UART_BASE + 0x08u))
#define UART_DIVIDER (*(volatile uint32_t *)(UART_BASE + 0x10u))

static inline void uart_start(void) {
  UART_DIVIDER = 217u; /* 25 MHz / 115,200; the emulator takes any above 15 */
  UART_CONTROL = 3u;   /* receive, transmit */
  (void)UART_DATA;     /* Or QEMU looks for waiting input only when it wakes up for something else, up to 1 s. */
}

static inline void uart_put(uint8_t byte) {
  while (UART_STATE & 1u) {
  }
  UART_DATA = byte;
}

static inline uint8_t uart_get(void) {
  while (!(UART_STATE & 2u)) {
  }
  return (uint8_t)UART_DATA;
}

#endif
