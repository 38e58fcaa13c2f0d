/* SMP's image group, whose image 1 is the model: which models there are, and which one runs. */
#include <stddef.h>
#include <string.h>

#include "cbor.h"
#include "slots.h"
#include "smp.h"
#include "upload.h"

/* Three numbers with points between; gives back how many characters. */
static unsigned version_text(const struct blob *blob, char *text) {
  const uint32_t numbers[3] = {blob->project, blob->learn, blob->version};
  char *at = text;
  for (unsigned i = 0; i < 3; ++i) {
    uint32_t unit = 1;
    if (i != 0) *at++ = '.';
    while (numbers[i] / unit >= 10) unit *= 10;
    for (uint32_t rest = numbers[i]; unit != 0; unit /= 10) {
      *at++ = (char)('0' + rest / unit);
      rest %= unit;
    }
  }
  return (unsigned)(at - text);
}

static void write_source(unsigned source, const struct blob *blob) {
  const int is_active = source == slots.active, is_confirmed = source == slots.confirmed;
  uint8_t digest[DIGEST_SIZE];
  char version[3 * 10 + 2];
  slots_digest(source, digest);
  const int is_bootable = is_active || slots_accepted(source, digest);
  cbor_put(CBOR_MAP, 4u + (unsigned)(is_bootable + is_active + 2 * is_confirmed));
  cbor_pair("image", IMAGE);
  cbor_pair("slot", source);
  cbor_put_text("version");
  cbor_put_bytes(CBOR_TEXT, version, version_text(blob, version));
  cbor_pair_bytes("hash", digest, sizeof digest);
  if (is_bootable) cbor_pair_true("bootable");
  if (is_active) cbor_pair_true("active");
  if (is_confirmed) {
    cbor_pair_true("confirmed");
    cbor_pair_true("permanent");
  }
}

int image_state(void) {
  unsigned count = 0;
  for (unsigned source = 0; source < SOURCES; ++source) count += slots_blob(source) != NULL;
  cbor_put(CBOR_MAP, 1);
  cbor_put_text("images");
  cbor_put(CBOR_ARRAY, count);
  for (unsigned source = 0; source < SOURCES; ++source) {
    const struct blob *const blob = slots_blob(source);
    if (blob != NULL) write_source(source, blob);
  }
  return SMP_OK;
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
  return image_state();
}
