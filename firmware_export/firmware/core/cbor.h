/* CBOR (RFC 8949), as much as SMP needs: a request is one map with names as keys, of items of definite length and
 * numbers below 2^32. */
#ifndef CBOR_H
#define CBOR_H

#include <stdint.h>

#include "in_flash.h"

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
/* Bytes of a string whose head stands already. They may lie further up in the answer's own room. */
void cbor_append(const void *bytes, uint32_t size);

/* A map: each member a name of lower case letters and _, and a mark that says what follows in the arguments:
 *   #  a number (uint32_t)             $  text (const char *)
 *   *  bytes (const void *, uint32_t)  ?  0 or 1 (int), for false or true
 *   :  nothing: the value is put next, and what stands after it in the form, which is only counted
 * The form is TEXT(). */
void cbor_map(const IN_FLASH char *form, ...);

/* Where the answer ends; null where it did not fit. */
uint8_t *cbor_end(void);

#endif
