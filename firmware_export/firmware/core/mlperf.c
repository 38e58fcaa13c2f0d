#include "mlperf.h"

#include <string.h>

#include "frame.h"
#include "hal.h"
#include "in_flash.h"
#include "slots.h"

static const IN_FLASH char words[] = "name\nprofile\ntimestamp\ndb\ninfer\nresults\nhelp\n";
enum { NAME, PROFILE, TIMESTAMP, DB, INFER, RESULTS, HELP, UNKNOWN };

/* What PACKET holds: the row of inputs as far as it has come, then the row of outputs. */
enum { NOTHING, PART, ROW, BOTH };

static struct {
  uint32_t digits; /* of the row so far */
  uint8_t *outputs;
  uint8_t state;
  uint8_t length;
  char line[24]; /* a command without its '%', and a 0; the digits of `db` are not kept */
} text;

/* Text, with a number where it says '#'. By subtraction: a Cortex-M0 cannot divide, and the routine that does is longer
 * than all of this. */
static void print(const IN_FLASH char *at, uint32_t number) {
  for (; *at != '\0'; ++at) {
    unsigned place = 10;
    int begun = 0;
    if (*at == '\n') hal_send('\r');
    if (*at != '#') {
      hal_send((uint8_t)*at);
      continue;
    }
    while (place-- != 0) {
      uint32_t power = 1;
      uint8_t digit = '0';
      for (unsigned i = place; i != 0; --i) power *= 10u;
      for (; number >= power; number -= power) ++digit;
      begun |= digit != '0' || place == 0;
      if (begun) hal_send(digit);
    }
  }
}

static void print_name(const IN_FLASH char *at, const char *name) {
  print(at, 0);
  while (name != NULL && *name != '\0') hal_send((uint8_t)*name++);
  print(TEXT("]\n"), 0);
}

static void timestamp(void) {
  print(TEXT("m-lap-us-#\n"), hal_milliseconds() * 1000u);
}

static void results(void) {
  if (text.state != BOTH) {
    print(TEXT("e-[No results]\n"), 0);
    return;
  }
  print(TEXT("m-results-["), 0);
  for (uint32_t at = 0; at < fw_model.factory.output_bytes; at += fw_model.output_width) {
    int32_t value = (int8_t)text.outputs[at];
    if (fw_model.output_width == sizeof value) memcpy(&value, text.outputs + at, sizeof value);
    if (at != 0) hal_send(',');
    if (value < 0) hal_send('-');
    print(TEXT("#"), value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
  }
  print(TEXT("]\n"), 0);
}

/* So many inferences; there are results where the last went well. */
static void run(uint32_t count) {
  text.state = ROW;
  while (count-- != 0) text.state = model_run(PACKET, text.outputs) == 0 ? BOTH : ROW;
}

static void infer(uint32_t count, uint32_t warm_up) {
  print(TEXT("m-warmup-start-#\n"), warm_up);
  run(warm_up);
  print(TEXT("m-warmup-done\nm-infer-start-#\n"), count);
  timestamp();
  run(count);
  timestamp();
  print(TEXT("m-infer-done\n"), 0);
}

static void load(uint32_t bytes) {
  const uint32_t row = fw_model.factory.input_bytes;
  mlperf_forget();
  text.outputs = PACKET + ((row + 3u) & ~3u);
  if (row != 0 && bytes == row && text.outputs + fw_model.factory.output_bytes <= PACKET + FW_BUFFER) text.state = PART;
  print(text.state == PART ? TEXT("m") : TEXT("e"), 0);
  print(TEXT("-[Expecting # bytes]\n"), row);
}

static void command(void) {
  const IN_FLASH char *word = words;
  const char *rest = text.line;
  uint32_t numbers[2] = {1, 10};
  unsigned which = NAME;
  text.line[text.length] = '\0';
  for (; *word != '\0'; ++which) {
    for (rest = text.line; *word == *rest; ++rest) ++word;
    if (*word == '\n' && (uint8_t)*rest <= ' ') break;
    while (*word++ != '\n') {
    }
  }
  for (uint32_t *number = numbers; which != UNKNOWN && number < numbers + 2; ++number) {
    while ((unsigned)*rest - '0' > 9u && *rest != '\0') ++rest;
    if (*rest == '\0') break;
    for (*number = 0; (unsigned)*rest - '0' <= 9u; ++rest)
      *number = *number < 400000000u ? 10u * *number + ((unsigned)*rest - '0') : UINT32_MAX;
  }
  if (which == NAME) print_name(TEXT("m-name-dut-["), hal_board);
  if (which == PROFILE) {
    /* Runners know these commands by this name. */
    print(TEXT("m-profile-[ULPMark for tinyML Firmware V0.0.1]\n"), 0);
    print_name(TEXT("m-model-["), fw_model.name);
  }
  if (which == TIMESTAMP) timestamp();
  if (which == DB && text.length > 3) load(numbers[0]);
  if (which == DB && text.length <= 3 && text.state == ROW) print(TEXT("m-load-done\n"), 0);
  if (which == INFER && text.state >= ROW) infer(numbers[0], numbers[1]);
  if (which == INFER || which == RESULTS) results();
  if (which == HELP) print(words, 0);
  if (which == UNKNOWN) print_name(TEXT("e-[Unknown command: "), text.line);
  print(TEXT("m-ready\n"), 0);
}

/* 0 to 15, or more where it is no digit. */
static uint8_t hex(uint8_t byte) {
  if (byte <= '9') return (uint8_t)(byte - '0');
  byte = (uint8_t)((byte | 0x20) - 'a');
  return byte < 6 ? (uint8_t)(byte + 10) : UINT8_MAX;
}

void mlperf_byte(uint8_t byte) {
  const uint8_t digit = hex(byte);
  if (byte == '%') {
    command();
    text.length = 0;
  } else if (byte == '\n') {
    text.length = 0; /* so what is left of a broken frame harms no command */
  } else if (text.length == 3 && digit < 16 && memcmp(text.line, "db ", 3) == 0) {
    uint8_t *to = &PACKET[text.digits / 2];
    if (text.state != PART) return; /* more than was asked for */
    *to = (uint8_t)(*to << 4 | digit);
    if (++text.digits == 2u * fw_model.factory.input_bytes) text.state = ROW;
  } else if (byte >= ' ' && byte <= '~' && text.length < sizeof text.line - 1) {
    text.line[text.length++] = (char)byte;
  }
}

void mlperf_forget(void) {
  text.state = NOTHING;
  text.digits = 0;
}

void mlperf_start(void) {
  print(TEXT("m-init-done\nm-ready\n"), 0);
}
