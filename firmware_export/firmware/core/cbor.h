/* CBOR (RFC 8949), as much as SMP needs: a request is one map with names as keys, of items of definite length and
 * numbers below 2^32. */
#ifndef CBOR_H
#define CBOR_H

#include <stdint.h>

enum { CBOR_NUMBER = 0, CBOR_BYTES = 2, CBOR_TEXT = 3, CBOR_ARRAY = 4, CBOR_MAP = 5, CBOR_SIMPLE = 7 };
#define CBOR_FALSE 20
#define CBOR_TRUE 21

struct cbor_item {
  const uint8_t *bytes; /* null: there is no such member */
  uint32_t value;       /* the number, or how many bytes */
};

/* Takes a request. Whether it is one map, well formed to its last byte. */
int cbor_read(const uint8_t *bytes, unsigned size);

/* A member of the request; one of another type makes cbor_wrong true. The first of a name counts. */
struct cbor_item cbor_get(const char *name, unsigned type);
uint32_t cbor_number(const char *name, uint32_t otherwise);
int cbor_wrong(void);

/* Begins an answer, in room up to an end. It may lie over the request where that has been read. */
void cbor_write(uint8_t *at, const uint8_t *end);
void cbor_put(unsigned type, uint32_t value);
void cbor_put_text(const char *text);
/* Moves, so the bytes may lie further up in the answer's own room. */
void cbor_put_bytes(unsigned type, const void *bytes, uint32_t size);

/* More bytes of a string whose head stands already. */
void cbor_append(const void *bytes, uint32_t size);

/* Members: a name and what belongs to it. */
void cbor_pair(const char *name, uint32_t value);
void cbor_pair_bytes(const char *name, const void *bytes, uint32_t size);
void cbor_pair_true(const char *name);

/* Where the answer ends; null where it did not fit. */
uint8_t *cbor_end(void);

#endif
