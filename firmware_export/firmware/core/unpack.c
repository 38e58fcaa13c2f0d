/* An adaptive binary range coder. A byte is eight decisions, its highest bit first; each node of the tree that they
 * make has its own probability of a 0. */
#include "unpack.h"

#include <stddef.h>

#define PROBABILITY_BITS 11
#define ADAPTATION 4
#define LEAST_RANGE 0x1000000u

void unpack_start(struct unpack *u, uint32_t length) {
  u->left = length;
  u->range = 1;
  u->code = 0;
  u->node = 1;
  for (size_t i = 0; i < 256; ++i) u->probability[i] = 1u << (PROBABILITY_BITS - 1);
}

int unpack_next(struct unpack *u, const uint8_t **at, const uint8_t *end) {
  int byte;
  if (u->left == 0) return -1;
  while (u->node < 256) {
    uint16_t *probability = &u->probability[u->node];
    uint32_t bound, bit;
    while (u->range < LEAST_RANGE) {
      if (*at == end) return -1;
      u->code = u->code << 8 | *(*at)++;
      u->range <<= 8;
    }
    bound = (u->range >> PROBABILITY_BITS) * *probability;
    bit = u->code >= bound;
    if (bit) {
      u->code -= bound;
      u->range -= bound;
      *probability = (uint16_t)(*probability - (*probability >> ADAPTATION));
    } else {
      u->range = bound;
      *probability = (uint16_t)(*probability + (((1u << PROBABILITY_BITS) - *probability) >> ADAPTATION));
    }
    u->node = (uint16_t)(2u * u->node + bit);
  }
  byte = u->node & 255;
  u->node = 1;
  --u->left;
  return byte;
}
