#include "journal.h"

#include <stddef.h>
#include <string.h>

#include "frame.h"
#include "hal.h"
#include "slots.h"

static uint16_t crc_of(const struct record *record) {
  return crc16(0, &record->format, sizeof *record - sizeof record->crc);
}

static const struct record *records_of(unsigned area) {
  return (const struct record *)(const void *)hal_area(area);
}

static unsigned room_of(unsigned area) {
  return hal_area_size(area) / sizeof(struct record);
}

const struct record *journal_newest(void) {
  static const struct record none = {.source = FACTORY};
  const struct record *newest = &none;
  for (unsigned area = JOURNAL_0; area <= JOURNAL_1; ++area) {
    const struct record *record = records_of(area);
    for (unsigned left = room_of(area); left != 0; --left, ++record) {
      if (record->format != RECORD_FORMAT || record->crc != crc_of(record)) continue;
      if (record->generation > newest->generation) newest = record;
    }
  }
  return newest;
}

static int is_erased(const struct record *record) {
  const uint8_t *const bytes = (const uint8_t *)record;
  for (unsigned i = 0; i < sizeof *record; ++i) {
    if (bytes[i] != 0xff) return 0;
  }
  return 1;
}

/* How many places from the first on are used, a record that was cut off among them. */
static unsigned used_of(unsigned area) {
  unsigned used = room_of(area);
  while (used != 0 && is_erased(records_of(area) + used - 1)) --used;
  return used;
}

int journal_append(struct record *record) {
  const struct record *const newest = journal_newest();
  unsigned area = (uint32_t)((const uint8_t *)newest - hal_area(JOURNAL_1)) < hal_area_size(JOURNAL_1) ? JOURNAL_1
                                                                                                       : JOURNAL_0;
  unsigned used = used_of(area);
  record->format = RECORD_FORMAT;
  record->generation = newest->generation + 1;
  record->crc = crc_of(record);
  if (used == room_of(area)) {
    /* The newest is not in the area that is erased. */
    area ^= JOURNAL_0 ^ JOURNAL_1;
    used = 0;
    if (hal_erase(area) != 0) return -1;
  }
  if (hal_write(area, used * (uint32_t)sizeof *record, record, sizeof *record) != 0) return -1;
  return memcmp(records_of(area) + used, record, sizeof *record) == 0 ? 0 : -1;
}
