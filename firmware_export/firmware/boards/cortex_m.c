/* What boards with a Cortex-M have in common: start, reset, areas of flash and spare memory as the linker placed them,
 * and a clock of milliseconds where -DCLOCK_HZ tells what SysTick counts. */
#include "hal.h"

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))
#define AIRCR REGISTER(0xE000ED0Cu)
#define AIRCR_RESET 0x05FA0004u
#define CPACR REGISTER(0xE000ED88u)
#define CPACR_COPROCESSORS_10_AND_11 (0xFu << 20) /* the FPU, and MVE */
#define SYSTICK_CONTROL REGISTER(0xE000E010u)
#define SYSTICK_RELOAD REGISTER(0xE000E014u)
#define SYSTICK_VALUE REGISTER(0xE000E018u)
#define SYSTICK_RUN 7u /* from the core's clock, with its exception */

extern uint32_t stack_top, stack_limit, end, data_start, data_end, data_load, bss_start, bss_end;
/* Their addresses are what the command line says. */
extern const uint8_t SLOTS_ORIGIN[], SLOT_LENGTH[], JOURNAL_LENGTH[];

void reset_handler(void);

uint32_t hal_area_size(unsigned area) {
  return (uint32_t)(uintptr_t)(area < JOURNAL_0 ? SLOT_LENGTH : JOURNAL_LENGTH);
}

const uint8_t *hal_area(unsigned area) {
  const uint8_t *at = SLOTS_ORIGIN;
  while (area-- != 0) at += hal_area_size(area);
  return at;
}

uint8_t *hal_spare(uint32_t *size) {
  *size = (uint32_t)((uintptr_t)&stack_limit - (uintptr_t)&end);
  return (uint8_t *)&end;
}

void hal_reset(void) {
  AIRCR = AIRCR_RESET;
  for (;;) {
  }
}

#ifdef CLOCK_HZ
static volatile uint32_t milliseconds;

static void tick_handler(void) {
  ++milliseconds;
}

uint32_t hal_milliseconds(void) {
  return milliseconds;
}

static void start_clock(void) {
  SYSTICK_RELOAD = CLOCK_HZ / 1000u - 1u;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = SYSTICK_RUN;
}
#else
static void start_clock(void) {}
#endif

__attribute__((used, noreturn)) void reset_handler(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  CPACR |= CPACR_COPROCESSORS_10_AND_11;
  __asm__ volatile("dsb\n isb");
#endif
  for (uint32_t *to = &data_start, *from = &data_load; to < &data_end;) *to++ = *from++;
  for (uint32_t *to = &bss_start; to < &bss_end;) *to++ = 0u;
  start_clock();
  firmware();
  for (;;) {
  }
}

/* Stack, reset, then the exceptions of the architecture. After a fault the board starts anew: a model that was taken
 * into use and caused it is out of use then. Without a clock's exception the table ends with the hard fault, which all
 * others become. */
__attribute__((section(".vectors"), used)) static void (*const vectors[])(void) = {
    (void (*)(void))(uintptr_t)&stack_top,
    reset_handler,
    hal_reset,
    hal_reset,
#ifdef CLOCK_HZ
    hal_reset, hal_reset, hal_reset, 0, 0, 0, 0, hal_reset, hal_reset, 0, hal_reset, tick_handler,
#endif
};
