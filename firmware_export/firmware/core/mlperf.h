/* MLPerf Tiny's text commands, for outside runners: docs/device-protocol.md. */
#ifndef MLPERF_H
#define MLPERF_H

#include <stdint.h>

#include "hal.h"

#if FW_MLPERF
/* Takes a byte that belongs to no SMP frame. */
void mlperf_byte(uint8_t byte);

/* PACKET is used for something else: what was loaded, and its results, are gone. */
void mlperf_forget(void);
#else
#define mlperf_byte(byte) ((void)(byte))
#define mlperf_forget() ((void)0)
#endif

#endif
