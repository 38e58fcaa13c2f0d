#include "frame.h"

#include "hal.h"
#include "mlperf.h"
#include "smp.h"

#define START 0x0609u
#define CONTINUE 0x0414u
#define LINE_BYTES 93u /* of a frame in one line: 124 characters */
#define OVERHEAD 2u    /* bytes of the length, and of the CRC */
#define LENGTH (PACKET - OVERHEAD)

union frame_buffer frame_buffer;

static struct {
  enum { BETWEEN, MARK, LINE } state;
  uint8_t mark;
  uint8_t open;    /* a frame has begun */
  uint8_t padding; /* characters of it in this line */
  uint16_t count;  /* bytes of the frame so far, from its length on */
  uint32_t group;  /* bits of up to four characters, after a 1 */
} in;

uint16_t crc16(uint16_t crc, const uint8_t *bytes, unsigned size) {
  while (size-- != 0) {
    crc = (uint16_t)(crc ^ *bytes++ << 8);
    for (unsigned bit = 0; bit < 8; ++bit) crc = (uint16_t)((crc << 1) ^ (crc >> 15) * 0x1021);
  }
  return crc;
}

int frame_is_open(void) {
  return in.open || in.state != BETWEEN;
}

/* The 64 characters, as rows of neighbours. */
static const struct {
  uint8_t first, last, value;
} rows[] = {{'A', 'Z', 0}, {'a', 'z', 26}, {'0', '9', 52}, {'+', '+', 62}, {'/', '/', 63}};

/* 0 to 63, or 64 of what is no such character. */
static unsigned value_of(uint8_t character) {
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; ++i) {
    if (character >= rows[i].first && character <= rows[i].last)
      return rows[i].value + (unsigned)(character - rows[i].first);
  }
  return 64;
}

static uint8_t character_of(unsigned value) {
  unsigned i = sizeof rows / sizeof *rows - 1;
  while (value < rows[i].value) --i;
  return (uint8_t)(rows[i].first + value - rows[i].value);
}

/* A character of a line. Whether the frame is still good. */
static int take(uint8_t character) {
  unsigned value = value_of(character);
  if (character == '=') {
    ++in.padding;
    value = 0;
  } else if (in.padding != 0) {
    return 0;
  }
  if (value > 63) return 0;
  in.group = in.group << 6 | value;
  if (in.group < UINT32_C(1) << 24) return 1;
  for (unsigned i = in.padding; i < 3; ++i) {
    if (in.count >= 2 * OVERHEAD + FW_BUFFER) return 0;
    LENGTH[in.count++] = (uint8_t)(in.group >> 16);
    in.group <<= 8;
  }
  in.group = 1;
  return in.padding < 3;
}

/* The end of a line, which may be the end of the frame. Whether the frame goes on. */
static int end_line(void) {
  const unsigned length = LENGTH[0] * 256u + LENGTH[1], left = length + OVERHEAD - in.count;
  if (in.group != 1 || in.count < OVERHEAD) return 0;
  if (left == 0 && length >= OVERHEAD && crc16(0, PACKET, length) == 0) smp_packet(length - OVERHEAD);
  return left - 1 < FW_BUFFER + OVERHEAD && in.padding == 0;
}

void frame_byte(uint8_t byte) {
  const unsigned state = in.state;
  in.state = BETWEEN;
  if (byte == START >> 8 || byte == CONTINUE >> 8) {
    in.mark = byte;
    in.state = MARK;
  } else if (state == MARK) {
    if ((in.mark << 8 | byte) == START) {
      mlperf_forget(); /* what it keeps in PACKET is about to go */
      in.open = 1;
      in.count = 0;
    } else if ((in.mark << 8 | byte) != CONTINUE) {
      in.open = 0;
    }
    if (in.open) in.state = LINE;
    in.padding = 0;
    in.group = 1;
  } else if (state == BETWEEN) {
    mlperf_byte(byte);
  } else if (byte == '\n') {
    in.open = (uint8_t)end_line();
  } else if (byte == '\r' || take(byte)) {
    in.state = LINE;
  } else {
    in.open = 0;
  }
}

static void send_mark(unsigned which) {
  hal_send((uint8_t)(which >> 8));
  hal_send((uint8_t)which);
}

void frame_send(unsigned length) {
  const uint16_t crc = crc16(0, PACKET, length);
  unsigned mark = START, column = 0;
  PACKET[length] = (uint8_t)(crc >> 8);
  PACKET[length + 1] = (uint8_t)crc;
  length += OVERHEAD;
  LENGTH[0] = (uint8_t)(length >> 8);
  LENGTH[1] = (uint8_t)length;
  length += OVERHEAD;
  for (unsigned i = 0; i < length; column -= 3) {
    uint32_t group = 0;
    if (column == 0) {
      if (i != 0) hal_send('\n');
      send_mark(mark);
      mark = CONTINUE;
      column = LINE_BYTES;
    }
    for (unsigned j = 0; j < 3; ++j, ++i) group = group << 8 | (i < length ? LENGTH[i] : 0u);
    for (unsigned j = 0; j < 4; ++j, group <<= 6)
      hal_send(j + i > length + 3 ? '=' : character_of(group >> 18 & 63u));
  }
  hal_send('\n');
}
