/* An ATmega328P in libsimavr, its UART on a pseudo-terminal or a TCP port of the loopback interface.
 *
 *   simavr_board IMAGE.hex... [--from ADDRESS] [--port N]
 *
 * The core starts at ADDRESS, 0 where left out. Without --port the first line printed is the terminal's name, and each
 * time that somebody opens it the core starts anew with the first byte that comes: what the reset line of an Arduino
 * does, so that the bootloader runs, and without a race between its patience and a busy machine. With it the line is "port N", 0 stands for any that is free, and the core starts at once; a client may
 * come after another has gone. The board runs until it is killed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <simavr/avr_uart.h>
#include <simavr/sim_hex.h>
#include <simavr/sim_irq.h>
#include <simavr/sim_time.h>

#define CLOCK_HZ 16000000u
#define UCSR0B 0xC1u
#define RXEN0 0x10u
#define LOOK_AFTER_STEPS 200u /* instructions, between looks for what has come */
#define BUSY_CYCLES 16000u    /* after a byte the line counts as busy for so long */

static int listener = -1, line = -1; /* a terminal has no listener, */
static int opened = -1;              /* and tells when it is opened */
static int reset_asked;
static int may_send = 1;
static avr_irq_t *input;
static avr_cycle_count_t last_byte;

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static void hang_up(void) {
  if (listener < 0) return;
  close(line);
  line = -1;
}

static void byte_out(struct avr_irq_t *irq, uint32_t value, void *avr) {
  const uint8_t byte = (uint8_t)value;
  (void)irq;
  last_byte = ((avr_t *)avr)->cycle;
  /* Where nobody reads it is lost, as on a wire. */
  if (line >= 0 && write(line, &byte, 1) != 1) hang_up();
}

static void room(struct avr_irq_t *irq, uint32_t value, void *unused) {
  (void)irq, (void)value, (void)unused;
  may_send = 1;
}

static void no_room(struct avr_irq_t *irq, uint32_t value, void *unused) {
  (void)irq, (void)value, (void)unused;
  may_send = 0;
}

/* Gives the UART what has come, as much as it takes; it receives that at its own pace. Nothing is lost before the
 * program has turned the receiver on. */
static void look(avr_t *avr) {
  struct inotify_event event;
  uint8_t byte;
  ssize_t size = 1;
  if (line < 0) {
    const int yes = 1;
    line = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    if (line < 0) return;
    setsockopt(line, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  }
  while (opened >= 0 && read(opened, &event, sizeof event) > 0) reset_asked = 1;
  while (may_send && (avr->data[UCSR0B] & RXEN0) != 0 && (size = read(line, &byte, 1)) == 1) {
    last_byte = avr->cycle;
    avr_raise_irq(input, byte);
  }
  if (size == 0) hang_up();
}

/* The core sleeps: so does this process, in real time, unless bytes travel or come. */
static void sleep_with_core(avr_t *avr, avr_cycle_count_t cycles) {
  struct pollfd wait = {line >= 0 ? line : listener, POLLIN, 0};
  const uint64_t nanoseconds = avr_cycles_to_nsec(avr, cycles);
  const struct timespec timeout = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
  if (may_send && avr->cycle - last_byte > BUSY_CYCLES) ppoll(&wait, 1, &timeout, NULL);
  look(avr);
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

static void open_port(unsigned port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  socklen_t size = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &size) != 0)
    fail("port");
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
}

static void open_terminal(void) {
  int other; /* stays open: the terminal lives on between two users */
  char name[64];
  struct termios raw;
  if (openpty(&line, &other, name, NULL, NULL) != 0) fail("terminal");
  tcgetattr(other, &raw);
  cfmakeraw(&raw);
  tcsetattr(other, TCSANOW, &raw);
  fcntl(line, F_SETFL, O_NONBLOCK);
  opened = inotify_init1(IN_NONBLOCK);
  if (inotify_add_watch(opened, name, IN_OPEN) < 0) fail("watch");
  printf("%s\n", name);
  fflush(stdout);
  reset_asked = 1;
}

/* Somebody has opened the terminal, or will: waits for the first byte of the last who does. */
static void wait_for_byte(void) {
  struct inotify_event event;
  struct pollfd either[] = {{line, POLLIN, 0}, {opened, POLLIN, 0}};
  do {
    poll(either, 2, -1);
    while (read(opened, &event, sizeof event) > 0) {
    }
  } while ((either[0].revents & POLLIN) == 0);
  reset_asked = 0;
}

static void connect_uart(avr_t *avr) {
  uint32_t flags = 0;
  avr_ioctl(avr, AVR_IOCTL_UART_GET_FLAGS('0'), &flags);
  flags &= ~(uint32_t)(AVR_UART_FLAG_STDIO | AVR_UART_FLAG_POLL_SLEEP);
  avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUTPUT), byte_out, avr);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XON), room, NULL);
  avr_irq_register_notify(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_OUT_XOFF), no_room, NULL);
  input = avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT);
}

int main(int argc, char **argv) {
  avr_t *avr = avr_make_mcu_by_name("atmega328p");
  const char *port = NULL;
  int state = cpu_Running;
  if (avr == NULL || avr_init(avr) != 0) return 2;
  avr->frequency = CLOCK_HZ;
  avr->log = LOG_ERROR;
  avr->sleep = sleep_with_core;
  for (int i = 1; i < argc; ++i) {
    if (strcmp(argv[i], "--from") == 0 && i + 1 < argc) {
      avr->reset_pc = (avr_flashaddr_t)strtoul(argv[++i], NULL, 0);
    } else if (strcmp(argv[i], "--port") == 0 && i + 1 < argc) {
      port = argv[++i];
    } else {
      load(avr, argv[i]);
    }
  }
  avr->codeend = avr->flashend;
  connect_uart(avr);
  if (port != NULL) {
    open_port((unsigned)atoi(port));
  } else {
    open_terminal();
  }
  avr_reset(avr);
  for (unsigned long step = 1; state != cpu_Done && state != cpu_Crashed; ++step) {
    if (step % LOOK_AFTER_STEPS == 0) look(avr);
    if (reset_asked) {
      wait_for_byte();
      avr_reset(avr);
    }
    state = avr_run(avr);
  }
  fprintf(stderr, "the core ended in state %d at %#x\n", state, avr->pc);
  return 1;
}
