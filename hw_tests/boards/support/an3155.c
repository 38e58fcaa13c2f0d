/* A serial bootloader as in the ROM of an STM32F40x, by ST's application note AN3155: get, version, id, read,
 * write, extended erase, go. Of our own writing; it runs on an emulated mps2-an386, whose PSRAM is the flash that
 * the client sees at 0x08000000: erased it is ones, and writing only clears bits.
 *
 * To see failures: -DPROTECTED refuses erasing and writing, -DWORN_BYTE=n leaves the byte at offset n as zero
 * whatever is written, -DSILENT_AFTER=n says nothing any more after n writes. */
#include "board.h"
#include "uart.h"

#define ACK 0x79u
#define NACK 0x1Fu
#define HELLO 0x7Fu
#define CLIENT_FLASH 0x08000000u
#define FLASH ((uint8_t *)0x21000000u)
#define FLASH_SIZE 0x00100000u
#define PRODUCT 0x0413u /* STM32F40x and F41x */
#define VECTOR_TABLE (*(volatile uint32_t *)0xE000ED08u)

#ifndef PROTECTED
#define PROTECTED 0
#endif
#ifndef SILENT_AFTER
#define SILENT_AFTER 0
#endif

enum { GET = 0x00, VERSION = 0x01, ID = 0x02, READ = 0x11, GO = 0x21, WRITE = 0x31, EXTENDED_ERASE = 0x44 };

/* 16 KB four times, 64 KB, then 128 KB. */
static const uint32_t sectors[] = {0x00000, 0x04000, 0x08000, 0x0C000, 0x10000, 0x20000, 0x40000,
                                   0x60000, 0x80000, 0xA0000, 0xC0000, 0xE0000, 0x100000};
#define SECTORS (sizeof sectors / sizeof sectors[0] - 1u)

static int writes;

/* Commands and counts come with their complement. */
static int confirmed(uint8_t byte) {
  return (byte ^ uart_get()) == 0xFF;
}

/* Receives bytes and the XOR of all that follows them; whether it is right. */
static int receive(uint8_t *bytes, uint32_t count, uint8_t sum) {
  for (uint32_t i = 0; i < count; ++i) sum ^= bytes[i] = uart_get();
  return sum == uart_get();
}

/* The address that comes next, as memory of this board; NULL, and refused, where `size` bytes do not fit. */
static uint8_t *receive_address(uint32_t size) {
  uint8_t b[4];
  const int right = receive(b, sizeof b, 0u);
  const uint32_t at = ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]) - CLIENT_FLASH;
  const int fits = right && at <= FLASH_SIZE - size;
  uart_put(fits ? ACK : NACK);
  return fits ? FLASH + at : 0;
}

static void erase(uint32_t from, uint32_t to) {
  for (uint32_t *word = (uint32_t *)(FLASH + from); word < (uint32_t *)(FLASH + to);) *word++ = ~0u;
}

static void answer(const uint8_t *bytes, uint32_t count) {
  uart_put(ACK);
  uart_put((uint8_t)(count - 1u));
  for (uint32_t i = 0; i < count; ++i) uart_put(bytes[i]);
  uart_put(ACK);
}

static void read_memory(void) {
  uart_put(ACK);
  const uint8_t *from = receive_address(1u);
  if (!from) return;
  const uint8_t last = uart_get();
  if (!confirmed(last) || from + last >= FLASH + FLASH_SIZE) {
    uart_put(NACK);
    return;
  }
  uart_put(ACK);
  for (uint32_t i = 0; i <= last; ++i) uart_put(from[i]);
}

static void write_memory(void) {
  static uint8_t bytes[256];
  uart_put(ACK);
  uint8_t *to = receive_address(1u);
  if (!to) return;
  const uint8_t last = uart_get();
  if (!receive(bytes, last + 1u, last) || to + last >= FLASH + FLASH_SIZE) {
    uart_put(NACK);
    return;
  }
  for (uint32_t i = 0; i <= last; ++i) to[i] &= bytes[i];
#ifdef WORN_BYTE
  FLASH[WORN_BYTE] = 0u;
#endif
  if (++writes == SILENT_AFTER) {
    for (;;) {
    }
  }
  uart_put(ACK);
}

static void extended_erase(void) {
  uint8_t b[2 * SECTORS];
  uart_put(ACK);
  b[0] = uart_get();
  b[1] = uart_get();
  const uint32_t count = ((uint32_t)b[0] << 8 | b[1]) + 1u;
  const uint8_t sum = b[0] ^ b[1];
  if (count > 0xFFFCu) { /* bank or mass erase */
    const int right = receive(b, 0u, sum);
    if (right) erase(0u, FLASH_SIZE);
    uart_put(right ? ACK : NACK);
    return;
  }
  if (count > SECTORS || !receive(b, 2u * count, sum)) {
    uart_put(NACK);
    return;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t sector = (uint32_t)b[2u * i] << 8 | b[2u * i + 1u];
    if (sector < SECTORS) erase(sectors[sector], sectors[sector + 1u]);
  }
  uart_put(ACK);
}

static void go(void) {
  uart_put(ACK);
  const uint32_t *vectors = (const uint32_t *)receive_address(8u);
  if (!vectors) return;
  VECTOR_TABLE = (uint32_t)vectors;
  __asm__ volatile("msr msp, %0\n dsb\n isb\n bx %1" : : "r"(vectors[0]), "r"(vectors[1]));
}

int main(void) {
  static const uint8_t commands[] = {0x31, GET, VERSION, ID, READ, GO, WRITE, EXTENDED_ERASE};
  static const uint8_t product[] = {PRODUCT >> 8, PRODUCT & 0xFFu};
  erase(0u, FLASH_SIZE);
  uart_start();
  board_write("ready\n"); /* to the emulator's console: a client that comes earlier would wait in vain */
  while (uart_get() != HELLO) {
  }
  uart_put(ACK);
  for (;;) {
    const uint8_t command = uart_get();
    if (command == HELLO || !confirmed(command)) {
      uart_put(NACK);
      continue;
    }
    if (PROTECTED && (command == WRITE || command == EXTENDED_ERASE)) {
      uart_put(NACK);
      continue;
    }
    switch (command) {
      case GET: answer(commands, sizeof commands); break;
      case VERSION:
        uart_put(ACK);
        uart_put(commands[0]);
        uart_put(0u); /* option bytes, of old */
        uart_put(0u);
        uart_put(ACK);
        break;
      case ID: answer(product, sizeof product); break;
      case READ: read_memory(); break;
      case GO: go(); break;
      case WRITE: write_memory(); break;
      case EXTENDED_ERASE: extended_erase(); break;
      default: uart_put(NACK);
    }
  }
}
