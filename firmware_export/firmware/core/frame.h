/* SMP over a serial console: lines of base64 with a length and a CRC. */
#ifndef FRAME_H
#define FRAME_H

#include <stdint.h>

/* The longest packet, a multiple of 4. */
#ifndef FW_BUFFER
#define FW_BUFFER 512
#endif

/* A packet comes in here and its answer goes out from here, aligned to 4; between packets it is free for any use. Its
 * length comes before it and its CRC after it, as they travel. */
extern union frame_buffer {
  uint8_t bytes[4 + FW_BUFFER + 2];
  uint32_t aligned;
} frame_buffer;

#define PACKET (frame_buffer.bytes + 4)
/* Free for any use by what answers a packet and has read its members; aligned to 8. */
#define PACKET_AFTER_HEADER (PACKET + 8)

/* Takes a byte from the line. */
void frame_byte(uint8_t byte);

/* Whether a frame has begun and is not over. */
int frame_is_open(void);

/* Sends a packet of so many bytes. */
void frame_send(unsigned length);

/* CRC16-XMODEM of bytes, continued. */
uint16_t crc16(uint16_t crc, const uint8_t *bytes, unsigned size);

#endif
