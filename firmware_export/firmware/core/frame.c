#include "frame.h"

#include "hal.h"
#include "mlperf.h"
#include "smp.h"

#define START 0x0609u
#define CONTINUE 0x0414u
#define LINE_BYTES 93u /* of a frame in one line: 124 characters */
#define OVERHEAD 2u    /* bytes of the length, and of the CRC */

union frame_buffer frame_buffer;

static enum { BETWEEN, MARK, LINE } state;
static uint8_t mark;
static uint8_t open;     /* a frame has begun */
static uint8_t sextets;  /* of a group of four, so far */
static uint8_t padding;  /* of those */
static uint16_t count;   /* bytes of the frame so far, from its length on */
static uint32_t group;

uint16_t crc16(uint16_t crc, const uint8_t *bytes, unsigned size) {
  while (size-- != 0) {
    crc = (uint16_t)(crc ^ *bytes++ << 8);
    for (unsigned bit = 0; bit < 8; ++bit) crc = (uint16_t)((crc << 1) ^ (crc >> 15) * 0x1021);
  }
  return crc;
}

int frame_is_open(void) {
  return open || state != BETWEEN;
}

static unsigned length_of_frame(void) {
  return frame_buffer.frame.length[0] * 256u + frame_buffer.frame.length[1];
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
  const unsigned value = value_of(character);
  if (character == '=') {
    ++padding;
  } else if (value > 63 || padding != 0) {
    return 0;
  }
  group = group << 6 | (value & 63u);
  if (++sextets < 4) return 1;
  sextets = 0;
  if (padding > 2) return 0;
  for (unsigned i = padding; i < 3; ++i) {
    if (count >= sizeof PACKET + 2 * OVERHEAD) return 0;
    frame_buffer.frame.length[count++] = (uint8_t)(group >> 16);
    group <<= 8;
  }
  return 1;
}

/* The end of a line, which may be the end of the frame. Whether the frame goes on. */
static int end_line(void) {
  const unsigned length = length_of_frame();
  if (sextets != 0 || count < OVERHEAD || count > length + OVERHEAD) return 0;
  if (count < length + OVERHEAD) return padding == 0;
  if (length >= OVERHEAD && crc16(0, PACKET, length) == 0) smp_packet(length - OVERHEAD);
  return 0;
}

void frame_byte(uint8_t byte) {
  if (byte == START >> 8 || byte == CONTINUE >> 8) {
    mark = byte;
    state = MARK;
  } else if (state == MARK) {
    state = LINE;
    if ((mark << 8 | byte) == START) {
      open = 1;
      count = 0;
      mlperf_forget();
    } else if ((mark << 8 | byte) != CONTINUE || !open) {
      state = BETWEEN;
      open = 0;
    }
    sextets = padding = 0;
  } else if (state != LINE) {
    mlperf_byte(byte);
  } else if (byte == '\n') {
    state = BETWEEN;
    open = (uint8_t)end_line();
  } else if (byte != '\r' && !take(byte)) {
    state = BETWEEN;
    open = 0;
  }
}

static void send_mark(unsigned which) {
  hal_send((uint8_t)(which >> 8));
  hal_send((uint8_t)which);
}

void frame_send(unsigned length) {
  uint8_t *const bytes = frame_buffer.frame.length;
  const uint16_t crc = crc16(0, PACKET, length);
  unsigned column = 0;
  PACKET[length] = (uint8_t)(crc >> 8);
  PACKET[length + 1] = (uint8_t)crc;
  length += OVERHEAD;
  bytes[0] = (uint8_t)(length >> 8);
  bytes[1] = (uint8_t)length;
  length += OVERHEAD;
  send_mark(START);
  for (unsigned i = 0; i < length; i += 3) {
    uint32_t three = 0;
    if (column == LINE_BYTES) {
      hal_send('\n');
      send_mark(CONTINUE);
      column = 0;
    }
    column += 3;
    for (unsigned j = i; j < i + 3; ++j) three = three << 8 | (j < length ? bytes[j] : 0u);
    for (unsigned j = 0; j < 4; ++j) {
      hal_send(i + j > length ? '=' : character_of(three >> 18 & 63u));
      three <<= 6;
    }
  }
  hal_send('\n');
}
