/* The C library's functions that the firmware needs, in a fifth of the bytes. Aligned copies go word by word. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Or the compiler finds out that these are what they are, and calls them. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#define LIBRARY __attribute__((used))
typedef uint32_t __attribute__((may_alias)) word;

LIBRARY void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  uint8_t *at = to;
  const uint8_t *bytes = from;
  if ((((uintptr_t)to | (uintptr_t)from) & 3u) == 0) {
    for (; size >= 4; size -= 4, at += 4, bytes += 4) *(word *)(void *)at = *(const word *)(const void *)bytes;
  }
  while (size-- != 0) *at++ = *bytes++;
  return to;
}

LIBRARY void *memmove(void *to, const void *from, size_t size) {
  uint8_t *const at = to;
  const uint8_t *const bytes = from;
  if (at < bytes) {
    for (size_t i = 0; i < size; ++i) at[i] = bytes[i];
  } else {
    while (size-- != 0) at[size] = bytes[size];
  }
  return to;
}

LIBRARY void *memset(void *to, int value, size_t size) {
  uint8_t *at = to;
  while (size-- != 0) *at++ = (uint8_t)value;
  return to;
}

LIBRARY int memcmp(const void *one, const void *other, size_t size) {
  const uint8_t *a = one, *b = other;
  for (; size != 0; --size, ++a, ++b) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

LIBRARY size_t strlen(const char *text) {
  const char *at = text;
  while (*at != '\0') ++at;
  return (size_t)(at - text);
}
