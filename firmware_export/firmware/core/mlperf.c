#include "mlperf.h"

#include <stddef.h>
#include <string.h>

#include "decimal.h"
#include "frame.h"
#include "hal.h"
#include "in_flash.h"
#include "slots.h"

#if FW_MLPERF
/* What PACKET holds: the row of inputs as far as it has come, then the row of outputs. */
enum { NOTHING, PART, ROW, BOTH };

static struct {
  uint32_t numbers[2]; /* of the command: inferences, and those to warm up; or bytes to load */
  uint32_t digits;     /* of the row so far */
  uint8_t *outputs;
  uint8_t state;
  uint8_t length;
  char line[24]; /* a command without its '%', and a 0; the digits of `db` are not kept */
} text;

/* In a reply, something else than itself. */
#define BOARD "\1"
#define MODEL "\2"
#define FIRST "\3"
#define SECOND "\4"
#define LAP "\5"
#define RUN "\6"
#define WARM_UP "\7"
#define RESULTS "\x0e"
#define DATA "\x0f"
#define LINE "\x10"

/* Commands, each with its reply; after the last what is said to all others. */
static const IN_FLASH char replies[] =
    "name\nm-name-dut-[" BOARD "]\n\0"
    /* Runners know these commands by the name of this profile. */
    "profile\nm-profile-[ULPMark for tinyML Firmware V0.0.1]\nm-model-[" MODEL "]\n\0"
    "timestamp\n" LAP "\0"
    "db\n" DATA "\0"
    "infer\nm-warmup-start-" SECOND "\n" WARM_UP "m-warmup-done\nm-infer-start-" FIRST "\n" LAP RUN LAP
    "m-infer-done\n" RESULTS "\0"
    "results\n" RESULTS "\0"
    "help\nname profile timestamp db infer results\n\0"
    "\0e-[Unknown command: " LINE "]\n";

static void say(const IN_FLASH char *reply);

static void say_name(const char *name) {
  while (name != NULL && *name != '\0') hal_send((uint8_t)*name++);
}

static void say_number(uint32_t number) {
  char digits[DECIMAL_DIGITS + 1];
  *decimal(number, digits) = '\0';
  say_name(digits);
}

static void say_results(void) {
  if (text.state != BOTH) {
    say(TEXT("e-[No results]\n"));
    return;
  }
  say(TEXT("m-results-["));
  for (unsigned at = 0; at < fw_model.factory.output_bytes; at += fw_model.output_width) {
    int32_t value = (int8_t)text.outputs[at];
    if (fw_model.output_width == sizeof value) memcpy(&value, text.outputs + at, sizeof value);
    if (at != 0) hal_send(',');
    if (value < 0) hal_send('-');
    say_number(value < 0 ? 0u - (uint32_t)value : (uint32_t)value);
  }
  say(TEXT("]\n"));
}

/* There are results where the last inference went well. */
static void run(uint32_t count) {
  if (text.state < ROW) return;
  for (text.state = ROW; count != 0; --count) text.state = model_run(PACKET, text.outputs) == 0 ? BOTH : ROW;
}

/* `db load N`, or `db` and digits that have been taken. */
static void say_data(void) {
  const unsigned row = fw_model.factory.input_bytes;
  if (text.length <= 3) {
    if (text.state == ROW) say(TEXT("m-load-done\n"));
    return;
  }
  mlperf_forget();
  text.outputs = PACKET + ((row + 3u) & ~3u);
  if (row != 0 && text.numbers[0] == row && text.outputs + fw_model.factory.output_bytes <= PACKET + FW_BUFFER)
    text.state = PART;
  hal_send(text.state == PART ? 'm' : 'e');
  say(TEXT("-[Expecting "));
  say_number(row);
  say(TEXT(" bytes]\n"));
}

static void say(const IN_FLASH char *reply) {
  for (; *reply != '\0'; ++reply) {
    const char mark = *reply;
    if (mark == *BOARD) {
      say_name(hal_board);
    } else if (mark == *MODEL) {
      say_name(fw_model.name);
    } else if (mark == *LINE) {
      say_name(text.line);
    } else if (mark == *FIRST || mark == *SECOND) {
      say_number(text.numbers[mark - *FIRST]);
    } else if (mark == *LAP) {
      say(TEXT("m-lap-us-"));
      say_number(hal_milliseconds() * 1000u);
      say(TEXT("\n"));
    } else if (mark == *RUN || mark == *WARM_UP) {
      run(text.numbers[mark - *RUN]);
    } else if (mark == *RESULTS) {
      say_results();
    } else if (mark == *DATA) {
      say_data();
    } else {
      if (mark == '\n') hal_send('\r');
      hal_send((uint8_t)mark);
    }
  }
}

/* The numbers that come after a command's name; those left out are as the runners have it. */
static void take_numbers(const char *at) {
  text.numbers[0] = 1;
  text.numbers[1] = 10;
  for (uint32_t *number = text.numbers; number < text.numbers + 2; ++number) {
    while ((unsigned)*at - '0' > 9u) {
      if (*at++ == '\0') return;
    }
    for (*number = 0; (unsigned)*at - '0' <= 9u; ++at)
      *number = *number < 400000000u ? 10u * *number + ((unsigned)*at - '0') : UINT32_MAX;
  }
}

static void command(void) {
  const IN_FLASH char *word = replies;
  text.line[text.length] = '\0';
  while (*word != '\0') {
    const char *rest = text.line;
    for (; *word == *rest; ++rest) ++word;
    take_numbers(rest);
    if (*word == '\n' && (uint8_t)*rest <= ' ') break;
    while (*word++ != '\0') {
    }
  }
  say(word + 1);
  say(TEXT("m-ready\n"));
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
  } else if (text.length == 3 && digit < 16 && text.line[0] == 'd' && text.line[2] == ' ') {
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
#endif
