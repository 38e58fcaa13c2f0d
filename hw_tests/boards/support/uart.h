/* The first UART of an emulated board, polled: the CMSDK's of the mps2 boards, or a 16550 of QEMU's RISC-V board. */
#ifndef UART_H
#define UART_H

#include <stdint.h>

#ifdef __riscv

#define UART_BASE 0x10000000u
#define UART_DATA (*(volatile uint8_t *)(UART_BASE + 0u))
#define UART_STATE (*(volatile uint8_t *)(UART_BASE + 5u))
#define UART_HAS_RECEIVED 0x01u
#define UART_CAN_SEND 0x20u

static inline void uart_start(void) {}

static inline void uart_put(uint8_t byte) {
  while (!(UART_STATE & UART_CAN_SEND)) {
  }
  UART_DATA = byte;
}

#else

#define UART_BASE 0x40004000u
#define UART_DATA (*(volatile uint32_t *)(UART_BASE + 0x00u))
#define UART_STATE (*(volatile uint32_t *)(UART_BASE + 0x04u))
#define UART_CONTROL (*(volatile uint32_t *)(UART_BASE + 0x08u))
#define UART_DIVIDER (*(volatile uint32_t *)(UART_BASE + 0x10u))
#define UART_CANNOT_SEND 1u
#define UART_HAS_RECEIVED 2u
#define UART_BOTH_WAYS 3u

static inline void uart_start(void) {
  UART_DIVIDER = 217u; /* 25 MHz / 115,200; the emulator takes any above 15 */
  UART_CONTROL = UART_BOTH_WAYS;
  (void)UART_DATA; /* Or QEMU looks for waiting input only when it wakes up for something else, up to 1 s. */
}

static inline void uart_put(uint8_t byte) {
  while (UART_STATE & UART_CANNOT_SEND) {
  }
  UART_DATA = byte;
}

#endif

static inline uint8_t uart_get(void) {
  while (!(UART_STATE & UART_HAS_RECEIVED)) {
  }
  return (uint8_t)UART_DATA;
}

#endif
