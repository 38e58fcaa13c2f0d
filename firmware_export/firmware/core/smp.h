/* SMP: one packet comes in, one goes out. */
#ifndef SMP_H
#define SMP_H

#include <stdint.h>

/* Codes of SMP itself, and what went wrong with a model (group 64). */
enum {
  SMP_OK = 0,
  SMP_INVALID = 3,
  SMP_NO_ENTRY = 5,
  SMP_BAD_STATE = 6,
  SMP_TOO_LONG = 7,
  SMP_UNSUPPORTED = 8,
  SMP_TOO_NEW = 13,
  MODEL_ERROR = 0x100,
  MODEL_FORMAT = MODEL_ERROR + 1,
  MODEL_SIGNATURE,
  MODEL_SEQUENCE,
  MODEL_ARCHITECTURE,
  MODEL_SELF_TEST,
  MODEL_TOO_LARGE,
  MODEL_FLASH,
  MODEL_NONE,
  MODEL_NO_SENSOR,
  MODEL_TOO_NEW
};

/* Takes the packet in PACKET, and answers it. */
void smp_packet(unsigned length);

/* Commands: each reads the request's members, then writes the answer, a map; none stands for an empty one. They give
 * one of the codes above. */
int image_state(void);
int image_set_state(void);
int image_upload(void);
int image_erase(void);
int model_info(void);
int model_rows(void);
int sampler_rows(void);
int sampler_set(void);

#endif
