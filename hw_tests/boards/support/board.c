/* Start-up, console and exit of a bare-metal program on an emulated Cortex-M. */
#include "board.h"

#define SYS_WRITE0 0x04
#define SYS_EXIT_EXTENDED 0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026u
#define STATUS_FAULT 99

extern uint32_t stack_top, data_start, data_end, data_load, bss_start, bss_end;

static int semihost(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void board_write(const char *text) {
  (void)semihost(SYS_WRITE0, text);
}

void board_write_number(int32_t number) {
  char digits[12];
  char *at = digits + sizeof digits;
  uint32_t rest = number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
  *--at = '\0';
  do {
    *--at = (char)('0' + (char)(rest % 10u));
    rest /= 10u;
  } while (rest != 0u);
  if (number < 0) *--at = '-';
  board_write(at);
}

/* Neither inlined nor merged: the plugin looks for their first instructions. */
__attribute__((noinline)) void board_count_begin(void) { __asm__ volatile(""); }
__attribute__((noinline)) void board_count_end(void) { __asm__ volatile("nop"); }

__attribute__((noreturn)) static void finish(int status) {
  const uint32_t reason[2] = {ADP_STOPPED_APPLICATION_EXIT, (uint32_t)status};
  (void)semihost(SYS_EXIT_EXTENDED, reason);
  for (;;) {
  }
}

__attribute__((noreturn)) static void fault_handler(void) {
  board_write("fault\n");
  finish(STATUS_FAULT);
}

__attribute__((used, noreturn)) void reset_handler(void) {
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
  *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* CPACR: coprocessors 10 and 11 are the FPU and MVE */
  __asm__ volatile("dsb\n isb");
#endif
  for (uint32_t *to = &data_start, *from = &data_load; to < &data_end;) *to++ = *from++;
  for (uint32_t *to = &bss_start; to < &bss_end;) *to++ = 0u;
  finish(main());
}

typedef void (*vector)(void);

/* Stack, reset, then every fault of the architecture; the reserved entries are empty. */
__attribute__((section(".vectors"), used)) static const vector vectors[16] = {
    (vector)(uintptr_t)&stack_top,
    reset_handler,
    fault_handler, fault_handler, fault_handler, fault_handler, fault_handler, fault_handler,
    0, 0, 0,
    fault_handler, fault_handler,
    0,
    fault_handler, fault_handler,
};
