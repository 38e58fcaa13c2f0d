/* Arm's MPS2 and MPS3 boards (mps2-an385, -an386, -an500, mps3-an547): the CMSDK's UART at -DUART, and code memory that
 * is RAM, used as if it were flash. -DCLOCK_HZ is what SysTick and the UART count. */
#include <string.h>

#include "hal.h"

#define UART_REGISTER(offset) (*(volatile uint32_t *)(uintptr_t)(UART + (offset)))
#define UART_DATA UART_REGISTER(0x00u)
#define UART_STATE UART_REGISTER(0x04u)
#define UART_CONTROL UART_REGISTER(0x08u)
#define UART_DIVISOR UART_REGISTER(0x10u)
#define UART_CANNOT_SEND 1u
#define UART_HAS_RECEIVED 2u
#define UART_BOTH_WAYS 3u
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018u)

#ifndef BAUD
#define BAUD 115200u
#endif
#ifndef BOARD_NAME
#define BOARD_NAME "mps2"
#endif

const char hal_board[] = BOARD_NAME;

void hal_start(void) {
  UART_DIVISOR = CLOCK_HZ / BAUD;
  UART_CONTROL = UART_BOTH_WAYS;
}

int hal_receive(void) {
  return (UART_STATE & UART_HAS_RECEIVED) != 0 ? (int)(UART_DATA & 0xffu) : -1;
}

void hal_send(uint8_t byte) {
  while ((UART_STATE & UART_CANNOT_SEND) != 0) {
  }
  UART_DATA = byte;
}

int hal_erase(unsigned area) {
  memset((void *)(uintptr_t)hal_area(area), 0xff, hal_area_size(area));
  return 0;
}

/* Flash clears bits and sets none. */
int hal_write(unsigned area, uint32_t offset, const void *data, uint32_t size) {
  uint8_t *to = (uint8_t *)(uintptr_t)hal_area(area) + offset;
  for (const uint8_t *from = data; size != 0; --size) *to++ &= *from++;
  return 0;
}

/* How the clocks stand when the first client asks. */
uint32_t hal_boot(void) {
  return hal_milliseconds() << 16 ^ SYSTICK_VALUE;
}
