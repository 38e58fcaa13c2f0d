/* Checks signatures and unpacks streams; the exit status is 0 where every answer is right. Writes how many bytes of
 * stack the deepest verification takes, and counts the instructions of each, then of each unpacking. core_cases.h
 * defines the cases. With -DNO_ED25519 or -DNO_UNPACK the same program without them: what it is compared with in
 * size. */
#include "board.h"
#include "core_cases.h"

#ifdef NO_ED25519
#define ed25519_verify(signature, key, message, length, room) ((room) == 0 || (signature) == (key) || (length) == 1 || *(message) != 0)
#endif
#ifdef NO_UNPACK
#define unpack_start(u, length) ((u)->left = (length))
#define unpack_next(u, at, end) (*(at) == (end) ? -1 : *(*(at))++)
#endif

#define PAINT 0xA5u
#define PAINTED 4096u

static int wrong;
/* Keeps the cases whole in each program. */
const void *volatile cases[2];

/* The stack that what is called from here will use. */
static volatile uint8_t *below(const void *here) {
  return (volatile uint8_t *)(uintptr_t)((const uint8_t *)here - PAINTED);
}

static void check_signature(const struct signature_case *c) {
  uint32_t used = PAINTED;
  volatile uint8_t *stack = below(__builtin_frame_address(0));
  static uint32_t room[ED25519_ROOM / 4];
  int right;
  for (uint32_t i = 0; i < PAINTED - 128u; ++i) stack[i] = PAINT;
  board_count_begin();
  right = ed25519_verify(c->signature, c->key, c->message, c->length, room);
  board_count_end();
  while (used > 0 && stack[PAINTED - used] == PAINT) --used;
  wrong += right != c->right;
  board_write_number((int32_t)used);
  board_write("\n");
}

static void check_stream(const struct stream_case *c) {
  static struct unpack u;
  const uint8_t *at = c->packed, *end = c->packed + c->packed_length;
  uint32_t given = 0;
  board_count_begin();
  unpack_start(&u, c->length);
  for (int byte; (byte = unpack_next(&u, &at, end)) >= 0; ++given) wrong += byte != c->bytes[given];
  board_count_end();
  wrong += given != c->length;
}

int main(void) {
  cases[0] = signature_cases;
  cases[1] = stream_cases;
  for (size_t i = 0; i < sizeof signature_cases / sizeof *signature_cases; ++i) check_signature(&signature_cases[i]);
  for (size_t i = 0; i < sizeof stream_cases / sizeof *stream_cases; ++i) check_stream(&stream_cases[i]);
  return wrong != 0;
}
