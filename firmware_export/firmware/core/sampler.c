#include "sampler.h"

#include <stddef.h>
#include <string.h>

#include "cbor.h"
#include "frame.h"
#include "hal.h"
#include "mlperf.h"
#include "slots.h"
#include "smp.h"

#if FW_SENSOR
#define AROUND_ROWS 48u /* header of the packet, and what CBOR puts around the rows */

/* The rows that were taken last, in a ring: features and outputs of each. */
static struct {
  uint32_t period, last; /* milliseconds; period 0: nothing is sampled */
  uint32_t taken;        /* rows since the start */
  uint32_t held;         /* of those, in the ring */
  uint32_t room;         /* most that it holds */
  uint32_t next;         /* place of the next row */
} ring;

__attribute__((weak)) int hal_sample(float *row, unsigned values) {
  (void)row;
  (void)values;
  return 0;
}

static unsigned features_bytes(void) {
  return fw_model.rows * (unsigned)sizeof(float);
}

/* Multiple of 4. */
static unsigned row_bytes(void) {
  return (features_bytes() + fw_model.factory.output_bytes + 3u) & ~3u;
}

static uint8_t *row_at(uint32_t place) {
  uint32_t size;
  return hal_spare(&size) + place * row_bytes();
}

void sampler_turn(void) {
  const uint32_t now = hal_milliseconds();
  const struct blob *const blob = &fw_model.factory;
  uint8_t *const row = row_at(ring.next), *const output = PACKET + ((blob->input_bytes + 3u) & ~3u);
  float *const features = (float *)(void *)row;
  if (ring.period == 0 || frame_is_open() || now - ring.last < ring.period) return;
  ring.last = now;
  mlperf_forget(); /* what it keeps in PACKET is about to go */
  if (hal_sample(features, fw_model.rows) == 0) return;
  if (fw_model.score(slots_params(slots.active), features, PACKET, output) != 0) return;
  memcpy(row + features_bytes(), output, blob->output_bytes);
  ++ring.taken;
  if (ring.held != ring.room) ++ring.held;
  if (++ring.next == ring.room) ring.next = 0;
}

int sampler_set(void) {
  const uint32_t period = cbor_number("everyms", UINT32_MAX);
  const unsigned working = fw_model.factory.input_bytes + fw_model.factory.output_bytes + 4u;
  uint32_t size;
  float *const place = (float *)(void *)hal_spare(&size);
  if (period == UINT32_MAX) return SMP_INVALID;
  if (fw_model.score == NULL) return MODEL_NONE;
  ring.held = ring.next = 0;
  for (ring.room = 0; (ring.room + 1) * row_bytes() <= size;) ++ring.room;
  if (ring.room == 0 || working > FW_BUFFER || hal_sample(place, fw_model.rows) == 0) return MODEL_NO_SENSOR;
  ring.period = period;
  ring.last = hal_milliseconds();
  return SMP_OK;
}

/* The bytes of a member of rows: so many bytes of each, from an offset in the row on. */
static void write_rows(uint32_t place, uint32_t count, unsigned offset, unsigned size) {
  cbor_put(CBOR_BYTES, count * size);
  for (; count != 0; --count) {
    cbor_append(row_at(place) + offset, size);
    if (++place == ring.room) place = 0;
  }
}

int sampler_rows(void) {
  const uint32_t from = cbor_number("from", 0), most = cbor_number("max", UINT32_MAX);
  const uint32_t oldest = ring.taken - ring.held;
  const uint32_t first = from < oldest ? oldest : from < ring.taken ? from : ring.taken;
  uint32_t count = ring.taken - first, place = ring.next;
  if (cbor_wrong()) return SMP_INVALID;
  if (fw_model.score == NULL) return MODEL_NONE;
  if (count > most) count = most;
  while (count * row_bytes() > FW_BUFFER - AROUND_ROWS) --count;
  if (place < ring.taken - first) place += ring.room;
  place -= ring.taken - first;
  cbor_map(TEXT("first#dropped#in:out:"), first, (uint32_t)(from < oldest ? oldest - from : 0));
  write_rows(place, count, 0, features_bytes());
  cbor_put(CBOR_TEXT, 3);
  cbor_append("out", 3);
  write_rows(place, count, features_bytes(), fw_model.factory.output_bytes);
  return SMP_OK;
}
#else
void sampler_turn(void) {}

int sampler_set(void) {
  return MODEL_NO_SENSOR;
}

int sampler_rows(void) {
  return MODEL_NO_SENSOR;
}
#endif
