/* The model that a firmware is built with, and the form of those that come after it. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define BLOB_FORMAT 1
#define KEY_SIZE 32
#define SIGNATURE_SIZE 64

/* The first 64 bytes of a blob, little-endian. Parameters follow, then test vectors (a row of inputs and the row of
 * outputs that belongs to it, each), both padded to 4 bytes, then the signature. */
struct blob {
  char magic[4]; /* TRDM */
  uint16_t format;
  uint16_t reserved;
  uint8_t architecture[16]; /* digest of all that the code depends on */
  uint32_t sequence;        /* 0: of the model that the firmware is built with */
  uint32_t project, learn, version;
  uint32_t params_size;
  uint16_t vector_count;
  uint16_t input_bytes; /* of a row */
  uint16_t output_bytes;
  uint8_t zero[14];
};

struct fw_model {
  const char *name;
  uint16_t rows; /* inputs in a row, and values of a row of the sensor */
  struct blob factory;
  const void *params;  /* of the model built in */
  const void *vectors; /* its test vectors, as in a blob */
  /* Any alignment of input and output that their types have. 0, or another number where it failed. */
  int (*run)(const void *params, const void *input, void *output);
  /* The same from features; input is room for the row of inputs. Null where there are no features. */
  int (*score)(const void *params, const float *features, void *input, void *output);
  uint8_t public_key[KEY_SIZE]; /* Ed25519; zeros: signatures are not looked at */
  uint8_t output_width;         /* bytes of a value in a row of outputs: 1, or 4 of a score */
};

/* Written for each firmware; without, it is a firmware that knows no model. */
extern const struct fw_model fw_model;

#endif
