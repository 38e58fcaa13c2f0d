#include "slots.h"

#include <stddef.h>
#include <string.h>

#include "ed25519.h"
#include "frame.h"
#include "hal.h"
#include "journal.h"
#include "sha512.h"
#include "smp.h"

#define LONGEST_ROW 0xffffu /* inputs and outputs together */

__attribute__((weak)) const struct fw_model fw_model;

struct slots slots;

static uint32_t padded(uint32_t size) {
  return (size + 3u) & ~3u;
}

static uint32_t row_bytes(const struct blob *blob) {
  return (uint32_t)blob->input_bytes + blob->output_bytes;
}

uint32_t slots_size(const struct blob *blob, uint32_t limit) {
  const uint32_t vectors = blob->vector_count * row_bytes(blob);
  uint32_t size;
  if (row_bytes(blob) > LONGEST_ROW || blob->params_size > limit || vectors > limit) return 0;
  size = sizeof *blob + padded(padded(blob->params_size) + vectors) + SIGNATURE_SIZE;
  return size <= limit ? size : 0;
}

const struct blob *slots_blob(unsigned source) {
  const struct blob *const blob = (const struct blob *)(const void *)hal_area(source);
  if (source == FACTORY) return fw_model.run != NULL ? &fw_model.factory : NULL;
  if (hal_area_size(source) == 0 || memcmp(blob->magic, "TRDM", 4) != 0) return NULL;
  return slots_size(blob, hal_area_size(source)) != 0 ? blob : NULL;
}

const uint8_t *slots_params(unsigned source) {
  return source == FACTORY ? fw_model.params : hal_area(source) + sizeof(struct blob);
}

static const uint8_t *vectors_of(unsigned source) {
  return source == FACTORY ? fw_model.vectors : slots_params(source) + padded(slots_blob(source)->params_size);
}

static void add_padded(struct sha512 *hash, const uint8_t *bytes, uint32_t size) {
  static const uint8_t zeros[3];
  sha512_add(hash, bytes, size);
  sha512_add(hash, zeros, padded(size) - size);
}

void slots_digest(unsigned source, uint8_t digest[DIGEST_SIZE]) {
  const struct blob *const blob = slots_blob(source);
  struct sha512 hash;
  if (source == slots.active) {
    memcpy(digest, slots.digest, DIGEST_SIZE);
    return;
  }
  memset(digest, 0, DIGEST_SIZE);
  if (blob == NULL) return;
  sha512_start(&hash);
  sha512_add(&hash, (const uint8_t *)blob, sizeof *blob);
  add_padded(&hash, slots_params(source), blob->params_size);
  add_padded(&hash, vectors_of(source), blob->vector_count * row_bytes(blob));
  sha512_finish(&hash);
  for (unsigned i = 0; i < DIGEST_SIZE; ++i) digest[i] = SHA512_BYTE(&hash, i);
}

int slots_accepted(unsigned source, const uint8_t digest[DIGEST_SIZE]) {
  const struct record *const record = journal_newest();
  return source == FACTORY || memcmp(record->digest[source], digest, SHORT_DIGEST) == 0;
}

int slots_fits(const struct blob *blob) {
  const struct blob *const own = &fw_model.factory;
  if (memcmp(blob->magic, "TRDM", 4) != 0 || blob->format == 0 || blob->vector_count == 0) return MODEL_FORMAT;
  if (blob->format > BLOB_FORMAT) return MODEL_TOO_NEW;
  /* The sizes follow from the architecture, and what runs relies on them. */
  if (memcmp(blob->architecture, own->architecture, sizeof own->architecture) != 0 ||
      blob->params_size != own->params_size || blob->input_bytes != own->input_bytes ||
      blob->output_bytes != own->output_bytes)
    return MODEL_ARCHITECTURE;
  return SMP_OK;
}

static int is_signed(const struct blob *blob) {
  const uint8_t *const bytes = (const uint8_t *)blob;
  const uint32_t size = slots_size(blob, UINT32_MAX) - SIGNATURE_SIZE;
  uint8_t bits = 0;
  for (unsigned i = 0; i < KEY_SIZE; ++i) bits |= fw_model.public_key[i];
  return bits == 0 || ed25519_verify(bytes + size, fw_model.public_key, bytes, size, PACKET_AFTER_HEADER);
}

static int passes_self_test(unsigned source) {
  const struct blob *const blob = slots_blob(source);
  const uint8_t *vector = vectors_of(source);
  uint8_t *const output = PACKET_AFTER_HEADER;
  if (blob->output_bytes > PACKET + FW_BUFFER - output) return 0;
  for (unsigned left = blob->vector_count; left != 0; --left) {
    if (fw_model.run(slots_params(source), vector, output) != 0) return 0;
    vector += blob->input_bytes;
    if (memcmp(output, vector, blob->output_bytes) != 0) return 0;
    vector += blob->output_bytes;
  }
  return 1;
}

static void use(unsigned source) {
  if (source == slots.active) return;
  slots_digest(source, slots.digest);
  slots.active = (uint8_t)source;
}

void slots_start(void) {
  const struct record *const record = journal_newest();
  use(FACTORY);
  if (record->source < FACTORY && memcmp(record->factory, slots.digest, sizeof record->factory) == 0) {
    const struct blob *const blob = slots_blob(record->source);
    if (blob != NULL && slots_fits(blob) == SMP_OK) {
      use(record->source);
      if (!slots_accepted(record->source, slots.digest)) use(FACTORY);
    }
  }
  slots.confirmed = slots.active;
}

int slots_activate(unsigned source) {
  const struct blob *const blob = slots_blob(source);
  uint8_t digest[DIGEST_SIZE];
  if (blob == NULL) return MODEL_NONE;
  if (source != FACTORY) {
    const int code = slots_fits(blob);
    if (code != SMP_OK) return code;
    if (!is_signed(blob)) return MODEL_SIGNATURE;
    slots_digest(source, digest);
    if (blob->sequence <= journal_newest()->sequence && !slots_accepted(source, digest)) return MODEL_SEQUENCE;
  }
  if (!passes_self_test(source)) return MODEL_SELF_TEST;
  use(source);
  return SMP_OK;
}

int slots_confirm(void) {
  const struct record *const newest = journal_newest();
  const struct blob *const blob = slots_blob(slots.active);
  struct record record;
  uint8_t factory[DIGEST_SIZE];
  if (blob == NULL) return MODEL_NONE;
  if (slots.active == slots.confirmed) return SMP_OK;
  record = *newest;
  record.source = slots.active;
  if (blob->sequence > record.sequence) record.sequence = blob->sequence;
  if (slots.active != FACTORY) memcpy(record.digest[slots.active], slots.digest, SHORT_DIGEST);
  slots_digest(FACTORY, factory);
  memcpy(record.factory, factory, sizeof record.factory);
  if (journal_append(&record) != 0) return MODEL_FLASH;
  slots.confirmed = slots.active;
  return SMP_OK;
}

int model_run(const void *input, void *output) {
  return fw_model.run != NULL ? fw_model.run(slots_params(slots.active), input, output) : -1;
}
