/* A sensor for boards that have none: value i of row n is ((7 n + 13 i) mod 64) / 8 - 4, a saw on each axis. */
#include "hal.h"

int hal_sample(float *row, unsigned values) {
  static unsigned step;
  for (unsigned i = 0; i < values; ++i) row[i] = (float)((step + i * 13) % 64) / 8.0f - 4.0f;
  step = (step + 7) % 64;
  return 1;
}
