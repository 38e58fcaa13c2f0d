/* SMP's group 64, the model: what the board says of itself, and rows to run. */
#include <stddef.h>
#include <string.h>

#include "cbor.h"
#include "frame.h"
#include "hal.h"
#include "slots.h"
#include "smp.h"

#ifndef FW_VERSION
#define FW_VERSION "trainerd 1"
#endif

#define PROTOCOL 1u
#define AROUND_ROWS 24u /* header of the packet, and what CBOR puts before the rows; a multiple of 4 */

/* How many rows one request can bring and take. */
static unsigned most_rows(void) {
  const unsigned row = fw_model.factory.input_bytes + fw_model.factory.output_bytes + 0u;
  return row == 0 ? 0 : (FW_BUFFER - AROUND_ROWS) / row;
}

static const char *source_name(void) {
  return slots.active == FACTORY ? "factory" : slots.active == SLOT_0 ? "slot0" : "slot1";
}

int model_info(void) {
  static uint32_t boot;
  const struct blob *const own = &fw_model.factory;
  const struct blob *blob = slots_blob(slots.active);
  if (blob == NULL) blob = own;
  while (boot == 0) boot = hal_boot();
  cbor_put(CBOR_MAP, 21);
  cbor_pair("proto", PROTOCOL);
  cbor_put_text("fw");
  cbor_put_text(FW_VERSION);
  cbor_put_text("board");
  cbor_put_text(hal_board);
  cbor_put_text("name");
  cbor_put_text(fw_model.name != NULL ? fw_model.name : "");
  cbor_pair_bytes("arch", own->architecture, sizeof own->architecture);
  cbor_pair("slots", hal_area_size(SLOT_0) != 0 ? 2 : 0);
  cbor_pair("slotsize", hal_area_size(SLOT_0));
  cbor_pair("seq", slots_sequence());
  cbor_put_text("src");
  cbor_put_text(source_name());
  cbor_put_text("confirmed");
  cbor_put(CBOR_SIMPLE, slots.active == slots.confirmed ? CBOR_TRUE : CBOR_FALSE);
  cbor_pair_bytes("hash", slots.digest, sizeof slots.digest);
  cbor_pair("project", blob->project);
  cbor_pair("learn", blob->learn);
  cbor_pair("version", blob->version);
  cbor_pair("inlen", fw_model.rows);
  cbor_pair("inbytes", own->input_bytes);
  cbor_pair("outbytes", own->output_bytes);
  cbor_pair("outwidth", fw_model.output_width);
  cbor_pair("max", most_rows());
  cbor_pair("boot", boot);
  cbor_put_text("front");
  cbor_put_text("mlperf");
  return SMP_OK;
}

int model_rows(void) {
  const struct cbor_item in = cbor_get("in", CBOR_BYTES);
  const unsigned input_bytes = fw_model.factory.input_bytes, output_bytes = fw_model.factory.output_bytes;
  uint8_t *const outputs = PACKET + AROUND_ROWS, *output = outputs;
  const uint8_t *input = PACKET + FW_BUFFER - in.value;
  unsigned rows = 0;
  if (fw_model.run == NULL) return MODEL_NONE;
  if (in.bytes == NULL || in.value == 0) return SMP_INVALID;
  while (rows * input_bytes < in.value) ++rows;
  if (rows * input_bytes != in.value) return SMP_INVALID;
  if (rows > most_rows()) return SMP_TOO_LONG;
  /* Inputs to the end of the packet, outputs to where both their bytes and their alignment fit. */
  memmove(PACKET + FW_BUFFER - in.value, in.bytes, in.value);
  for (; rows != 0; --rows) {
    if (model_run(input, output) != 0) return MODEL_SELF_TEST;
    input += input_bytes;
    output += output_bytes;
  }
  cbor_put(CBOR_MAP, 1);
  cbor_pair_bytes("out", outputs, (uint32_t)(output - outputs));
  return SMP_OK;
}
