/* SHA-512 (FIPS 180-4), of a message that comes in pieces. */
#ifndef SHA512_H
#define SHA512_H

#include <stddef.h>
#include <stdint.h>

struct sha512 {
  uint64_t state[8];
  uint64_t work[24]; /* 8 variables, then the block: its last word first, the bytes of each shifted in */
  uint32_t length;    /* bytes so far: below 2^29 */
};

void sha512_start(struct sha512 *s);
void sha512_add(struct sha512 *s, const uint8_t *data, size_t length);
/* Gives the 64 bytes of the digest, which lie in s. */
const uint8_t *sha512_finish(struct sha512 *s);

#endif
