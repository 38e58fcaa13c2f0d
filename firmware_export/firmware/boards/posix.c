/* A board that is a process: its line a TCP port, its flash a file, so that a kill is a loss of power.
 *
 *   peer [--port N] [--flash FILE] [--fail N]
 *
 * Prints "port N" when it listens; port 0 or none: any. A client may come after another has gone. Without a file flash
 * is lost with the process. At the N-th operation on flash power fails, in the middle of it: the process ends. */
#define _DEFAULT_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hal.h"

#ifndef SLOT_SIZE
#define SLOT_SIZE 0x8000u
#endif
#define JOURNAL_SIZE 0x400u
#define FLASH_SIZE (2 * (SLOT_SIZE + JOURNAL_SIZE))
#define POWER_LOST 86 /* exit status */
#define KEPT "%d,%d,%d,%u" /* over a reset: listener, client, flash_file, operations_left */

const char hal_board[] = "posix";

static int listener = -1, client = -1, flash_file = -1;
static uint8_t *flash;
static unsigned operations_left; /* until power fails; 0: it does not */
static char **arguments;
static uint8_t output[4096];
static size_t output_size;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* Gives back whether to end in the middle of the operation. */
static int power_fails(void) {
  return operations_left != 0 && --operations_left == 0;
}

const uint8_t *hal_area(unsigned area) {
  return flash + (area < JOURNAL_0 ? area * SLOT_SIZE : 2 * SLOT_SIZE + (area - JOURNAL_0) * JOURNAL_SIZE);
}

uint32_t hal_area_size(unsigned area) {
  return area < JOURNAL_0 ? SLOT_SIZE : JOURNAL_SIZE;
}

int hal_erase(unsigned area) {
  const size_t size = hal_area_size(area);
  uint8_t *const at = flash + (hal_area(area) - flash);
  if (power_fails()) {
    memset(at, 0xff, size / 2);
    _exit(POWER_LOST);
  }
  memset(at, 0xff, size);
  return 0;
}

int hal_write(unsigned area, uint32_t offset, const void *data, uint32_t size) {
  const uint8_t *const bytes = data;
  uint8_t *const at = flash + (hal_area(area) - flash) + offset;
  if (offset % HAL_FLASH_UNIT != 0 || size % HAL_FLASH_UNIT != 0 || offset + size > hal_area_size(area)) abort();
  for (uint32_t unit = 0; unit < size; unit += HAL_FLASH_UNIT) {
    const int fails = power_fails();
    /* Writing clears bits and sets none. */
    for (uint32_t i = unit; i < unit + (fails ? HAL_FLASH_UNIT / 2 : HAL_FLASH_UNIT); ++i) at[i] &= bytes[i];
    if (fails) _exit(POWER_LOST);
  }
  return 0;
}

static void send_output(void) {
  for (size_t sent = 0; sent < output_size && client >= 0;) {
    const ssize_t size = send(client, output + sent, output_size - sent, MSG_NOSIGNAL);
    if (size <= 0) {
      close(client);
      client = -1;
    } else {
      sent += (size_t)size;
    }
  }
  output_size = 0;
}

void hal_send(uint8_t byte) {
  output[output_size++] = byte;
  if (output_size == sizeof output) send_output();
}

/* Waits for a millisecond at most. */
int hal_receive(void) {
  static uint8_t input[4096];
  static ssize_t size, at;
  struct pollfd wait;
  if (at < size) return input[at++];
  send_output();
  wait.fd = client >= 0 ? client : listener;
  wait.events = POLLIN;
  if (poll(&wait, 1, 1) <= 0) return -1;
  if (client < 0) {
    const int yes = 1;
    client = accept(listener, NULL, NULL);
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return -1;
  }
  size = recv(client, input, sizeof input, 0);
  at = 0;
  if (size > 0) return input[at++];
  size = 0;
  close(client);
  client = -1;
  return -1;
}

uint32_t hal_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

uint8_t *hal_spare(uint32_t *size) {
  static uint32_t spare[1024];
  *size = sizeof spare;
  return (uint8_t *)spare;
}

uint32_t hal_boot(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint32_t)now.tv_nsec ^ (uint32_t)getpid() << 16;
}

/* The process begins anew, with nothing in memory, and keeps its line as a serial port would, and its flash. */
void hal_reset(void) {
  char kept[48];
  send_output();
  snprintf(kept, sizeof kept, KEPT, listener, client, flash_file, operations_left);
  setenv("PEER_KEEPS", kept, 1);
  execv("/proc/self/exe", arguments);
  fail("reset");
}

void hal_start(void) {}

static void open_flash(const char *name) {
  flash_file = name != NULL ? open(name, O_RDWR | O_CREAT, 0600) : fileno(tmpfile());
  if (flash_file < 0) fail(name != NULL ? name : "flash");
}

static void map_flash(void) {
  struct stat status;
  if (fstat(flash_file, &status) != 0 || ftruncate(flash_file, FLASH_SIZE) != 0) fail("flash");
  flash = mmap(NULL, FLASH_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, flash_file, 0);
  if (flash == MAP_FAILED) fail("flash");
  if (status.st_size < FLASH_SIZE) memset(flash, 0xff, FLASH_SIZE);
}

static void listen_at(unsigned port) {
  struct sockaddr_in address = {0};
  socklen_t size = sizeof address;
  const int yes = 1;
  listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)port);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, (struct sockaddr *)&address, &size) != 0)
    fail("listen");
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
}

int main(int argc, char **argv) {
  const char *const kept = getenv("PEER_KEEPS");
  const char *file = NULL;
  unsigned port = 0;
  arguments = argv;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--port") == 0) {
      port = (unsigned)atoi(argv[i + 1]);
    } else if (strcmp(argv[i], "--flash") == 0) {
      file = argv[i + 1];
    } else if (strcmp(argv[i], "--fail") == 0) {
      operations_left = (unsigned)atoi(argv[i + 1]);
    } else {
      fputs("usage: peer [--port N] [--flash FILE] [--fail N]\n", stderr);
      return 2;
    }
  }
  if (kept == NULL || sscanf(kept, KEPT, &listener, &client, &flash_file, &operations_left) != 4) {
    open_flash(file);
    listen_at(port);
  }
  map_flash();
  firmware();
  return 0;
}
