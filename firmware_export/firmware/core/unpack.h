/* Takes packed bytes as they come and gives the bytes that they stand for. Any bytes will do: what is not packed
 * well gives other bytes, never more of them. */
#ifndef UNPACK_H
#define UNPACK_H

#include <stdint.h>

struct unpack {
  uint32_t left; /* bytes still to give */
  uint32_t range, code;
  uint16_t node; /* a 1, and the bits of the next byte so far */
  uint16_t probability[256];
};

/* A stream begins that stands for so many bytes. */
void unpack_start(struct unpack *u, uint32_t length);

/* The next byte; -1 where it takes more than the bytes from *at to end, or where all have been given. Moves *at over
 * what it has used. */
int unpack_next(struct unpack *u, const uint8_t **at, const uint8_t *end);

#endif
