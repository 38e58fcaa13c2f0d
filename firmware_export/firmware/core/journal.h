/* The record of which model was confirmed last: the newest of those in two areas of flash. */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdint.h>

#define SHORT_DIGEST 8
#define RECORD_FORMAT 1

struct record {
  uint16_t crc; /* CRC16-XMODEM of the 30 bytes after it */
  uint8_t format;
  uint8_t source;      /* what was confirmed */
  uint32_t generation; /* one more with each record */
  uint32_t sequence;   /* the highest that was confirmed so far */
  uint8_t digest[2][SHORT_DIGEST]; /* of what was confirmed in each slot; only that may come back */
  uint8_t factory[4];  /* of the model built in: with another firmware, its own model runs */
};

/* The newest; where there is none, one of generation 0 that says FACTORY. */
const struct record *journal_newest(void);

/* Appends a record, whose crc, format and generation are filled in. 0, or another number: what was newest is so still. */
int journal_append(struct record *record);

#endif
