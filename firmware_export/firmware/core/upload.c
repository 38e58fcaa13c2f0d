/* SMP's image group, whose image 1 is the model: a new one comes in, into the slot that is idle. */
#include "upload.h"

#include <stddef.h>
#include <string.h>

#include "cbor.h"
#include "hal.h"
#include "slots.h"
#include "smp.h"
#include "unpack.h"

#define NAME_SIZE 4u
#define PACKED_HEADER 8u /* TRDP, and the length of the blob */

/* An upload, from its first piece to a reset or to the next one. */
static struct {
  uint32_t length, offset; /* as it travels; both 0: there is none */
  uint32_t size, written;  /* of the blob */
  uint8_t name[NAME_SIZE]; /* the first bytes of the client's digest of it */
  uint8_t slot;
  uint8_t is_packed;
  uint8_t unit[HAL_FLASH_UNIT];
  struct unpack unpack;
} upload;

static const uint32_t no_name;

/* The slot that does not run after a reset. */
static unsigned idle_slot(void) {
  return slots.confirmed == SLOT_0 ? SLOT_1 : SLOT_0;
}

/* The next byte of the blob. */
static int store(uint8_t byte) {
  const unsigned at = upload.written % sizeof upload.unit;
  upload.unit[at] = byte;
  ++upload.written;
  if (upload.written == upload.size)
    memset(upload.unit + at + 1, 0xff, sizeof upload.unit - at - 1);
  else if (at + 1 != sizeof upload.unit)
    return SMP_OK;
  if (hal_write(upload.slot, upload.written - at - 1, upload.unit, sizeof upload.unit) != 0) return MODEL_FLASH;
  if (upload.written != sizeof(struct blob)) return SMP_OK;
  return slots_fits((const struct blob *)(const void *)hal_area(upload.slot));
}

static int take(const uint8_t *at, uint32_t size) {
  const uint8_t *const end = at + size;
  int code = SMP_OK;
  upload.offset += size;
  if (upload.is_packed) {
    for (int byte; code == SMP_OK && (byte = unpack_next(&upload.unpack, &at, end)) >= 0;)
      code = store((uint8_t)byte);
  } else {
    while (code == SMP_OK && at != end) code = store(*at++);
  }
  if (code == SMP_OK && upload.offset == upload.length) {
    const struct blob *const blob = slots_blob(upload.slot);
    if (upload.written != upload.size || blob == NULL || slots_size(blob, upload.size) != upload.size)
      code = MODEL_FORMAT;
  }
  return code;
}

/* Makes room for an upload that begins with these bytes; *data is moved over what is no part of the blob. */
static int begin(struct cbor_item *data, uint32_t length, const uint8_t *name) {
  upload.length = upload.offset = upload.written = 0;
  upload.size = length;
  upload.is_packed = data->value >= PACKED_HEADER && memcmp(data->bytes, "TRDP", 4) == 0;
  if (upload.is_packed) {
    memcpy(&upload.size, data->bytes + 4, sizeof upload.size);
    unpack_start(&upload.unpack, upload.size);
    upload.offset = PACKED_HEADER;
    data->bytes += PACKED_HEADER;
    data->value -= PACKED_HEADER;
  }
  /* A model that was taken into use and not confirmed gives way. */
  slots_start();
  upload.slot = (uint8_t)idle_slot();
  if (upload.size > hal_area_size(upload.slot)) return MODEL_TOO_LARGE;
  if (hal_erase(upload.slot) != 0) return MODEL_FLASH;
  memcpy(upload.name, name, NAME_SIZE);
  upload.length = length;
  return SMP_OK;
}

static int answer_offset(void) {
  cbor_map(TEXT("off#"), upload.offset);
  return SMP_OK;
}

int image_upload(void) {
  const uint32_t offset = cbor_number("off", UINT32_MAX), length = cbor_number("len", 0);
  const uint32_t image = cbor_number("image", 0);
  struct cbor_item data = cbor_get("data", CBOR_BYTES), sha = cbor_get("sha", CBOR_BYTES);
  int code = SMP_OK;
  if (cbor_wrong() || data.bytes == NULL) return SMP_INVALID;
  if (offset == 0) {
    if (image != IMAGE || length == 0 || data.value > length) return SMP_INVALID;
    /* Without a name it gets that of nobody. */
    if (sha.value < NAME_SIZE) sha.bytes = (const uint8_t *)&no_name;
    if (sha.value >= NAME_SIZE && upload.length == length && memcmp(upload.name, sha.bytes, NAME_SIZE) == 0)
      return answer_offset();
    code = begin(&data, length, sha.bytes);
  } else if (offset != upload.offset) {
    return offset == UINT32_MAX ? SMP_INVALID : answer_offset();
  } else if (data.value > upload.length - offset) {
    return SMP_INVALID;
  }
  if (code == SMP_OK) code = take(data.bytes, data.value);
  if (code == SMP_OK) return answer_offset();
  upload.length = upload.offset = 0;
  return code;
}

int image_erase(void) {
  if (cbor_number("slot", idle_slot()) != idle_slot()) return SMP_BAD_STATE;
  if (cbor_wrong()) return SMP_INVALID;
  slots_start();
  upload.length = upload.offset = 0;
  return hal_erase(idle_slot()) == 0 ? SMP_OK : MODEL_FLASH;
}

void upload_drop_part(void) {
  if (upload.offset != upload.length) upload.length = upload.offset = 0;
}
