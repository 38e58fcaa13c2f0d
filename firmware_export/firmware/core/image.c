/* SMP's image group, whose image 1 is the model: which models there are, and which one runs. */
#include <stddef.h>
#include <string.h>

#include "cbor.h"
#include "decimal.h"
#include "slots.h"
#include "smp.h"
#include "upload.h"

static void write_source(unsigned source, const struct blob *blob) {
  const int is_active = source == slots.active, is_confirmed = source == slots.confirmed;
  uint8_t digest[DIGEST_SIZE];
  char version[3 * (DECIMAL_DIGITS + 1)], *at = decimal(blob->project, version);
  *at++ = '.';
  at = decimal(blob->learn, at);
  *at++ = '.';
  *decimal(blob->version, at) = '\0';
  slots_digest(source, digest);
  cbor_map(TEXT("image#slot#version$hash*bootable?active?confirmed?permanent?"), (uint32_t)IMAGE, (uint32_t)source,
           version, digest, (uint32_t)sizeof digest, is_active || slots_accepted(source, digest), is_active,
           is_confirmed, is_confirmed);
}

static int write_sources(unsigned first, unsigned end) {
  unsigned count = 0;
  for (unsigned source = first; source < end; ++source) count += slots_blob(source) != NULL;
  cbor_map(TEXT("images:"));
  cbor_put(CBOR_ARRAY, count);
  for (unsigned source = first; source < end; ++source) {
    const struct blob *const blob = slots_blob(source);
    if (blob != NULL) write_source(source, blob);
  }
  return SMP_OK;
}

int image_state(void) {
  return write_sources(0, SOURCES);
}

/* The source of that digest, or SOURCES. */
static unsigned find_source(const uint8_t *hash) {
  uint8_t digest[DIGEST_SIZE];
  unsigned source = 0;
  for (; source < SOURCES; ++source) {
    if (slots_blob(source) == NULL) continue;
    slots_digest(source, digest);
    if (memcmp(digest, hash, sizeof digest) == 0) break;
  }
  return source;
}

int image_set_state(void) {
  const struct cbor_item hash = cbor_get("hash", CBOR_BYTES), confirm = cbor_get("confirm", CBOR_SIMPLE);
  unsigned source = slots.active;
  int code;
  if (cbor_wrong()) return SMP_INVALID;
  if (hash.bytes != NULL) {
    if (hash.value != DIGEST_SIZE) return SMP_INVALID;
    source = find_source(hash.bytes);
    if (source == SOURCES) return SMP_NO_ENTRY;
  } else if (confirm.value != CBOR_TRUE) {
    return SMP_INVALID;
  }
  /* What is still being written may not run. */
  upload_drop_part();
  if (source != slots.active) {
    code = slots_activate(source);
    if (code != SMP_OK) return code;
  }
  if (confirm.value == CBOR_TRUE) {
    code = slots_confirm();
    if (code != SMP_OK) return code;
  }
  /* The others are as they were: time on the line is scarce. */
  return write_sources(slots.active, slots.active + 1u);
}
