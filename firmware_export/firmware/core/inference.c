/* SMP's group 64, the model: what the board says of itself, and rows to run. */
#include <stddef.h>
#include <string.h>

#include "cbor.h"
#include "frame.h"
#include "hal.h"
#include "journal.h"
#include "slots.h"
#include "smp.h"

#ifndef FW_VERSION
#define FW_VERSION "trainerd 1"
#endif

#ifndef FW_PROTOCOL
#define FW_PROTOCOL 1u
#endif
/* By source. */
static const char source_names[SOURCES][8] = {"slot0", "slot1", "factory"};

#define AROUND_ROWS 24u /* header of the packet, and what CBOR puts before the rows; a multiple of 4 */

/* How many rows one request can bring and take. */
static uint32_t most_rows(void) {
  const unsigned row = fw_model.factory.input_bytes + fw_model.factory.output_bytes + 0u;
  uint32_t rows = 0;
  while (row != 0 && (rows + 1) * row <= FW_BUFFER - AROUND_ROWS) ++rows;
  return rows;
}

int model_info(void) {
  static uint32_t boot;
  const struct blob *const own = &fw_model.factory;
  const struct blob *blob = slots_blob(slots.active);
  const uint32_t slot_size = hal_area_size(SLOT_0);
  if (blob == NULL) blob = own;
  while (boot == 0) boot = hal_boot();
  cbor_map(TEXT("proto#fw$board$name$arch*slots#slotsize#seq#src$confirmed?hash*project#learn#version#inlen#inbytes#"
                "outbytes#outwidth#max#boot#front$"),
           (uint32_t)FW_PROTOCOL, FW_VERSION, hal_board, fw_model.name != NULL ? fw_model.name : "", own->architecture,
           (uint32_t)sizeof own->architecture, (uint32_t)(slot_size != 0 ? 2 : 0), slot_size,
           journal_newest()->sequence, source_names[slots.active], slots.active == slots.confirmed, slots.digest,
           (uint32_t)sizeof slots.digest, blob->project, blob->learn, blob->version, (uint32_t)fw_model.rows,
           (uint32_t)own->input_bytes, (uint32_t)own->output_bytes, (uint32_t)fw_model.output_width, most_rows(), boot,
           FW_MLPERF ? "mlperf" : "");
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
  cbor_map(TEXT("out*"), outputs, (uint32_t)(output - outputs));
  return SMP_OK;
}
