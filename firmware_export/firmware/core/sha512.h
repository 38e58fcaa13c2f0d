/* SHA-512 (FIPS 180-4), of a message that comes in pieces. */
#ifndef SHA512_H
#define SHA512_H

#include <stddef.h>
#include <stdint.h>

struct sha512 {
  uint64_t state[8];
  uint64_t work[24]; /* 8 variables, then the block from its last byte to its first: words of a little-endian core */
  uint32_t length;    /* bytes so far: below 2^29 */
};

void sha512_start(struct sha512 *s);
void sha512_add(struct sha512 *s, const uint8_t *data, size_t length);
/* The digest is in s then: its byte i, of 64, is SHA512_BYTE(s, i). */
void sha512_finish(struct sha512 *s);
#define SHA512_BYTE(s, i) (((const uint8_t *)(s)->state)[(i) ^ 7u])

#endif
