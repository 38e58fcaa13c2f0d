/* An ATmega328P in libsimavr, its UART on a pseudo-terminal whose name is the first line printed.
 * usage: simavr_board IMAGE.hex... [--from ADDRESS]
 * The core starts at ADDRESS, 0 where left out, and only when the first byte comes: what the reset line of an
 * Arduino does on a real board, where opening the port starts the bootloader. It runs until it is killed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <simavr/avr_uart.h>
#include <simavr/sim_hex.h>
#include <simavr/sim_irq.h>

#define CLOCK_HZ 16000000u
#define STEPS_PER_BYTE 200 /* The UART takes a byte in 160 cycles and more at 1 Mbaud. */

static int terminal;
static int may_send = 1;

static void byte_out(struct avr_irq_t *irq, uint32_t value, void *unused) {
  (void)irq, (void)unused;
  const uint8_t byte = (uint8_t)value;
  if (write(terminal, &byte, 1) != 1) perror("uart"); /* Nobody reads: it is lost, as on a wire. */
}

static void room(struct avr_irq_t *irq, uint32_t value, void *unused) {
  (void)irq, (void)value, (void)unused;
  may_send = 1;
}

static void no_room(struct avr_irq_t *irq, uint32_t value, void *unused) {
  (void)irq, (void)value, (void)unused;
  may_send = 0;
}

static void load(avr_t *avr, char *path) {
  ihex_chunk_p chunks = NULL;
  const int count = read_ihex_chunks(path, &chunks);
  if (count <= 0) exit(2);
  for (int i = 0; i < count; ++i) {
    if (chunks[i].baseaddr + chunks[i].size > avr->flashend + 1u) {
      fprintf(stderr, "%s does not fit\n", path);
      exit(2);
    }
    memcpy(avr->flash + chunks[i].baseaddr, chunks[i].data, chunks[i].size);
  }
  free_ihex_chunks(chunks);
}

int main(int argc, char **argv) {
  avr_t *avr = avr_make_mcu_by_name("atmega328p");
  if (avr == NULL || avr_init(avr) != 0) return 2;
  avr->frequency = CLOCK_HZ;
  avr->log = LOG_ERROR;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--from") == 0 && i + 1 < argc) {
      avr->reset_pc = (avr_flashaddr_t)strtoul(argv[++i], NULL, 0);
    } else {
      load(avr, argv[i]);
    }
  }
  avr->codeend = avr->flashend;

  int other;
  char name[64];
  struct termios raw;
  if (openpty(&terminal, &other, name, NULL, NULL) != 0) return 2;
  tcgetattr(other, &raw);
  cfmakeraw(&raw);
  tcsetattr(other, TCSANOW, &raw);
  fcntl(terminal, F_SETFL, O_NONBLOCK); /* `other` stays open: the name lives on between two users. */

  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
  flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), byte_out, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), room, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), no_room, NULL);
  avr_irq_t *input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);

  printf("%s\n", name);
  fflush(stdout);
  struct pollfd first = {terminal, POLLIN, 0};
  poll(&first, 1, -1);
  avr_reset(avr);
  int state = cpu_Running;
  for (unsigned long step = 1; state != cpu_Done && state != cpu_Crashed; ++step) {
    uint8_t byte;
    if (step % STEPS_PER_BYTE == 0 && may_send && read(terminal, &byte, 1) == 1) avr_raise_irq(input, byte);
    state = avr_run(avr);
  }
  fprintf(stderr, "the core ended in state %d at %#x\n", state, avr->pc);
  return 1;
}
