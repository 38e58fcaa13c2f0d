/* Which model runs: the one built in, or the one of a slot; and which one runs after a reset. */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdint.h>

#include "model.h"

#define DIGEST_SIZE 32

/* Where a model may be: SLOT_0, SLOT_1, or FACTORY, built into the firmware. */
enum { FACTORY = 2, SOURCES };

extern struct slots {
  uint8_t active;    /* runs now */
  uint8_t confirmed; /* runs after a reset */
  uint8_t digest[DIGEST_SIZE]; /* of the active one */
} slots;

/* Takes the confirmed model into use. */
void slots_start(void);

/* The header of a source's model; null where there is none. */
const struct blob *slots_blob(unsigned source);
const uint8_t *slots_params(unsigned source);
void slots_digest(unsigned source, uint8_t digest[DIGEST_SIZE]);

/* Whether a slot's model is the one that was confirmed there. */
int slots_accepted(unsigned source, const uint8_t digest[DIGEST_SIZE]);

/* Whether this firmware can take a model of such a header: SMP_OK, or a code of models. */
int slots_fits(const struct blob *blob);
/* Bytes of a blob with its signature, of at most so many; else 0. */
uint32_t slots_size(const struct blob *blob, uint32_t limit);

/* Checks a source's model and takes it into use: a reset brings the confirmed one back. SMP_OK, or a code of models. */
int slots_activate(unsigned source);
/* Has the active model run after a reset, too. SMP_OK, or a code of models. */
int slots_confirm(void);

/* Runs the active model. 0, or another number where it failed. */
int model_run(const void *input, void *output);

#endif
