#include "frame.h"
#include "hal.h"
#include "sampler.h"
#include "slots.h"

void firmware(void) {
  hal_start();
  slots_start();
  for (;;) {
    const int byte = hal_receive();
    if (byte >= 0) {
      frame_byte((uint8_t)byte);
    } else {
      sampler_turn();
    }
  }
}
