#include "cbor.h"

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#define LARGEST_ARGUMENT 26u /* four bytes */

static const uint8_t *request, *request_end;
static uint8_t wrong;
static uint8_t *answer;
static const uint8_t *answer_end;

/* What comes after the head of an item and its bytes, or null. */
static const uint8_t *read_item(const uint8_t *at, struct cbor_item *item, unsigned *type) {
  const uint8_t *const end = request_end;
  unsigned argument;
  if (at == end) return NULL;
  argument = *at & 31u;
  *type = *at++ >> 5;
  item->value = argument;
  if (argument >= 24) {
    ptrdiff_t size = 1 << (argument - 24);
    if (argument > LARGEST_ARGUMENT || size > end - at) return NULL;
    for (item->value = 0; size != 0; --size) item->value = item->value << 8 | *at++;
  }
  item->bytes = at;
  if (*type == CBOR_BYTES || *type == CBOR_TEXT) {
    if (item->value > (uint32_t)(end - at)) return NULL;
    at += item->value;
  }
  return at;
}

/* What comes after an item and all that is in it, or null. Tags are refused. */
static const uint8_t *skip(const uint8_t *at) {
  struct cbor_item item;
  unsigned type;
  for (uint32_t left = 1; left != 0; --left) {
    at = read_item(at, &item, &type);
    if (at == NULL || type == 6) return NULL;
    if (type == CBOR_ARRAY || type == CBOR_MAP) {
      /* Each takes a byte at least. */
      if (item.value > (uint32_t)(request_end - at)) return NULL;
      left += item.value << (type == CBOR_MAP);
    }
  }
  return at;
}

int cbor_read(const uint8_t *bytes, unsigned size) {
  request = bytes;
  request_end = bytes + size;
  wrong = 0;
  return size != 0 && *bytes >> 5 == CBOR_MAP && skip(bytes) == request_end;
}

struct cbor_item cbor_get(const char *name, unsigned type) {
  const uint32_t length = (uint32_t)strlen(name);
  struct cbor_item map, item;
  unsigned found;
  const uint8_t *at = read_item(request, &map, &found);
  for (; map.value != 0; --map.value) {
    const uint8_t *value = skip(at);
    (void)read_item(at, &item, &found);
    if (found == CBOR_TEXT && item.value == length && memcmp(item.bytes, name, length) == 0) {
      (void)read_item(value, &item, &found);
      if (found == type) return item;
      wrong = 1;
      break;
    }
    at = skip(value);
  }
  item.bytes = NULL;
  item.value = 0;
  return item;
}

uint32_t cbor_number(const char *name, uint32_t otherwise) {
  const struct cbor_item item = cbor_get(name, CBOR_NUMBER);
  return item.bytes != NULL ? item.value : otherwise;
}

int cbor_wrong(void) {
  return wrong;
}

void cbor_write(uint8_t *at, const uint8_t *end) {
  answer = at;
  answer_end = end;
}

static void put_byte(unsigned byte) {
  if (answer == answer_end) answer = NULL;
  if (answer != NULL) *answer++ = (uint8_t)byte;
}

void cbor_put(unsigned type, uint32_t value) {
  unsigned shift = value < 24 ? 0 : value < 0x100u ? 8 : value < 0x10000u ? 16 : 32;
  put_byte(type << 5 | (shift == 0 ? value : 24u + shift / 16));
  while (shift != 0) put_byte(value >> (shift -= 8) & 0xffu);
}

void cbor_append(const void *bytes, uint32_t size) {
  for (const uint8_t *at = bytes; size != 0; --size) put_byte(*at++);
}

void cbor_map(const IN_FLASH char *form, ...) {
  va_list values;
  unsigned members = 0;
  for (const IN_FLASH char *at = form; *at != '\0'; ++at) members += *at < '_';
  cbor_put(CBOR_MAP, members);
  va_start(values, form);
  for (; members != 0; --members) {
    unsigned length = 0, type = CBOR_NUMBER;
    uint32_t value;
    const void *bytes = NULL;
    while (form[length] >= '_') ++length;
    cbor_put(CBOR_TEXT, length);
    while (*form >= '_') put_byte((uint8_t)*form++);
    if (*form == ':') break;
    if (*form == '$' || *form == '*') {
      bytes = va_arg(values, const void *);
      type = *form == '$' ? CBOR_TEXT : CBOR_BYTES;
    }
    if (*form == '$') {
      value = (uint32_t)strlen(bytes);
    } else if (*form == '?') {
      type = CBOR_SIMPLE;
      value = CBOR_FALSE + (uint32_t)va_arg(values, int);
    } else {
      value = va_arg(values, uint32_t);
    }
    ++form;
    cbor_put(type, value);
    if (bytes != NULL) cbor_append(bytes, value);
  }
  va_end(values);
}

uint8_t *cbor_end(void) {
  return answer;
}
