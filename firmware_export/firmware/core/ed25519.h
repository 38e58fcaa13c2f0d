/* Ed25519 (RFC 8032): signatures are checked here, never made. */
#ifndef ED25519_H
#define ED25519_H

#include <stddef.h>
#include <stdint.h>

/* Memory that a check needs beside its stack, aligned to 4. */
#define ED25519_ROOM 384

/* Whether a signature of a message is right: 1 or 0. It is refused as well where S or a point is not in its one
 * canonical form, or where the key or R is of small order. */
int ed25519_verify(const uint8_t signature[64], const uint8_t key[32], const uint8_t *message, size_t length,
                   void *room);

#endif
