/* Answers requests about the core's parts until there are no more. What it lends them has the exact size, on the heap:
 * a sanitizer sees every byte beyond. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ed25519.h"
#include "sha512.h"
#include "unpack.h"

struct request {
  uint32_t what, length, piece, unpacked; /* bytes of the data that follow, and at most so many are given at once */
};

static uint8_t *copy(const uint8_t *data, size_t length) {
  uint8_t *own = malloc(length);
  if (length != 0) memcpy(own, data, length);
  return own;
}

static uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

/* The data are signature, key and message. */
static void verify(const struct request *r, const uint8_t *data) {
  uint8_t *signature = copy(data, 64), *key = copy(data + 64, 32), *message = copy(data + 96, r->length - 96);
  void *room = malloc(ED25519_ROOM);
  putchar(ed25519_verify(signature, key, message, r->length - 96, room));
  free(signature);
  free(key);
  free(message);
  free(room);
}

static void hash(const struct request *r, const uint8_t *data) {
  struct sha512 s;
  sha512_start(&s);
  for (uint32_t at = 0, length; at < r->length; at += length) {
    uint8_t *piece = copy(data + at, length = least(r->piece, r->length - at));
    sha512_add(&s, piece, length);
    free(piece);
  }
  sha512_finish(&s);
  for (unsigned i = 0; i < 64; ++i) putchar(SHA512_BYTE(&s, i));
}

/* Answers how many bytes it took, how many it gave, and these. */
static void unpack(const struct request *r, const uint8_t *data) {
  struct unpack u;
  uint8_t *out = malloc(r->unpacked);
  uint32_t counts[2] = {0, 0};
  unpack_start(&u, r->unpacked);
  for (uint32_t at = 0, length; at < r->length; at += length) {
    uint8_t *piece = copy(data + at, length = least(r->piece, r->length - at));
    const uint8_t *next = piece;
    for (int byte; (byte = unpack_next(&u, &next, piece + length)) >= 0;) out[counts[1]++] = (uint8_t)byte;
    counts[0] += (uint32_t)(next - piece);
    free(piece);
  }
  fwrite(counts, sizeof counts, 1, stdout);
  fwrite(out, 1, counts[1], stdout);
  free(out);
}

int main(void) {
  for (struct request r; fread(&r, sizeof r, 1, stdin) == 1;) {
    uint8_t *data = malloc(r.length);
    if (r.length != 0 && fread(data, r.length, 1, stdin) != 1) return 1;
    if (r.what == 'v') verify(&r, data);
    if (r.what == 'h') hash(&r, data);
    if (r.what == 'u') unpack(&r, data);
    free(data);
    fflush(stdout);
  }
  return 0;
}
