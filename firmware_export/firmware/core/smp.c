#include "smp.h"

#include <stddef.h>

#include "cbor.h"
#include "frame.h"
#include "hal.h"

#define HEADER 8u
#define VERSION 1u /* of SMP, the second; 0 is the first */
#define GROUP_OS 0
#define GROUP_IMAGE 1
#define GROUP_MODEL 64

enum { READ, READ_ANSWER, WRITE };

static uint8_t reset_is_due;

static int os_echo(void) {
  const struct cbor_item text = cbor_get("d", CBOR_TEXT);
  if (text.bytes == NULL) return SMP_INVALID;
  cbor_map(TEXT("r:"));
  cbor_put(CBOR_TEXT, text.value);
  cbor_append(text.bytes, text.value);
  return SMP_OK;
}

static int os_reset(void) {
  reset_is_due = 1;
  return SMP_OK;
}

static int os_parameters(void) {
  const uint32_t size = FW_BUFFER + 4; /* with length and CRC */
  cbor_map(TEXT("buf_size#buf_count#"), size, (uint32_t)1);
  return SMP_OK;
}

#define KEY(group, command, operation) ((uint32_t)(group) << 16 | (uint32_t)(command) << 8 | (operation))

static const struct command {
  uint32_t key;
  int (*run)(void);
} commands[] = {
    {KEY(GROUP_OS, 0, WRITE), os_echo},
    {KEY(GROUP_OS, 0, READ), os_echo},
    {KEY(GROUP_OS, 5, WRITE), os_reset},
    {KEY(GROUP_OS, 6, READ), os_parameters},
    {KEY(GROUP_IMAGE, 0, READ), image_state},
    {KEY(GROUP_IMAGE, 0, WRITE), image_set_state},
    {KEY(GROUP_IMAGE, 1, WRITE), image_upload},
    {KEY(GROUP_IMAGE, 5, WRITE), image_erase},
    {KEY(GROUP_MODEL, 0, READ), model_info},
    {KEY(GROUP_MODEL, 1, WRITE), model_rows},
    {KEY(GROUP_MODEL, 2, READ), sampler_rows},
    {KEY(GROUP_MODEL, 3, WRITE), sampler_set},
};

/* Writes an answer, of which it gives the code. */
static int answer(const uint8_t *header, unsigned length) {
  const unsigned size = header[2] * 256u + header[3];
  const uint32_t key = (uint32_t)header[4] << 24 | KEY(header[5], header[7], header[0] & 7u);
  if ((header[0] >> 3 & 3u) > VERSION) return SMP_TOO_NEW;
  if (size != length - HEADER || !cbor_read(header + HEADER, size)) return SMP_INVALID;
  for (unsigned i = 0; i < sizeof commands / sizeof *commands; ++i) {
    if (commands[i].key == key) return commands[i].run();
  }
  return SMP_UNSUPPORTED;
}

/* The second version of SMP tells apart whose codes they are; the first has no room for more than its own. */
static void write_error(int code, unsigned version) {
  const int is_models = code > MODEL_ERROR;
  if (is_models && version != 0) {
    cbor_map(TEXT("err:"));
    cbor_map(TEXT("group#rc#"), (uint32_t)GROUP_MODEL, (uint32_t)(code - MODEL_ERROR));
  } else {
    cbor_map(TEXT("rc#"), (uint32_t)(is_models ? 1 : code));
  }
}

void smp_packet(unsigned length) {
  uint8_t *const header = PACKET, *const body = PACKET + HEADER;
  int code;
  if (length < HEADER || (header[0] & 1u) != 0) return;
  cbor_write(body, PACKET + FW_BUFFER);
  code = answer(header, length);
  if (code == SMP_OK && cbor_end() == body) cbor_put(CBOR_MAP, 0);
  if (code == SMP_OK && cbor_end() == NULL) code = SMP_TOO_LONG;
  if (code != SMP_OK) {
    cbor_write(body, PACKET + FW_BUFFER);
    write_error(code, header[0] >> 3 & 3u);
  }
  length = (unsigned)(cbor_end() - body);
  header[0] = (header[0] & 0x1fu) | 1u;
  header[1] = 0;
  header[2] = (uint8_t)(length >> 8);
  header[3] = (uint8_t)length;
  frame_send(HEADER + length);
  if (reset_is_due) hal_reset();
}
