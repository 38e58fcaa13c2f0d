/* MLPerf Tiny's text commands, for outside runners. */
#ifndef MLPERF_H
#define MLPERF_H

#include <stdint.h>

/* Takes a byte that belongs to no SMP frame. */
void mlperf_byte(uint8_t byte);

#endif
