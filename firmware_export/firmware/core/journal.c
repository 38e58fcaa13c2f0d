#include "journal.h"

#include <stddef.h>
#include <string.h>

#include "frame.h"
#include "hal.h"
#include "slots.h"

static uint16_t crc_of(const struct record *record) {
  return crc16(0, &record->format, sizeof *record - sizeof record->crc);
}

const struct record *journal_newest(void) {
  static const struct record none = {.source = FACTORY};
  const struct record *newest = &none;
  for (unsigned area = JOURNAL_0; area <= JOURNAL_1; ++area) {
    for (uint32_t at = 0; at < hal_area_size(area); at += sizeof *newest) {
      const struct record *const record = (const struct record *)(const void *)(hal_area(area) + at);
      if (record->format != RECORD_FORMAT || record->crc != crc_of(record)) continue;
      if (record->generation > newest->generation) newest = record;
    }
  }
  return newest;
}

/* Whether a record's place is. */
static int is_erased(const uint8_t *at) {
  uint8_t bits = 0xff;
  for (unsigned i = 0; i < sizeof(struct record); ++i) bits &= at[i];
  return bits == 0xff;
}

int journal_append(struct record *record) {
  const struct record *const newest = journal_newest();
  unsigned area = (uint32_t)((const uint8_t *)newest - hal_area(JOURNAL_1)) < hal_area_size(JOURNAL_1) ? JOURNAL_1
                                                                                                       : JOURNAL_0;
  uint32_t used = 0;
  record->format = RECORD_FORMAT;
  record->generation = newest->generation + 1;
  record->crc = crc_of(record);
  /* A record that was cut off is passed over. */
  while (used < hal_area_size(area) && !is_erased(hal_area(area) + used)) used += sizeof *record;
  if (used == hal_area_size(area)) {
    /* The newest is not in the area that is erased. */
    area ^= JOURNAL_0 ^ JOURNAL_1;
    used = 0;
    if (hal_erase(area) != 0) return -1;
  }
  if (hal_write(area, used, record, sizeof *record) != 0) return -1;
  return memcmp(hal_area(area) + used, record, sizeof *record);
}
