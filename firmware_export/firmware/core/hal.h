/* What a board offers. A port to another board is one C file that defines these, and calls firmware(). */
#ifndef HAL_H
#define HAL_H

#include <stddef.h>
#include <stdint.h>

/* Flash is written in aligned units of so many bytes, at most 32 and a power of two. */
#ifndef HAL_FLASH_UNIT
#define HAL_FLASH_UNIT 4
#endif

#ifndef FW_SENSOR
#define FW_SENSOR 1
#endif

/* Whether the board answers the text commands of MLPerf Tiny beside SMP. */
#ifndef FW_MLPERF
#define FW_MLPERF 1
#endif

/* Areas of flash, each of whole pages and within the address space. A board without room for them has slots of size 0,
 * and keeps the model that it was built with. */
enum { SLOT_0, SLOT_1, JOURNAL_0, JOURNAL_1 };

extern const char hal_board[]; /* the board's name */

void hal_start(void);

/* A byte that came in, or -1 where there is none. May wait for a moment. */
int hal_receive(void);
void hal_send(uint8_t byte);

/* Of a clock that runs on from any number, and over. */
uint32_t hal_milliseconds(void);

const uint8_t *hal_area(unsigned area);
uint32_t hal_area_size(unsigned area);

/* To bytes of 0xff. 0, or -1 where it failed. */
int hal_erase(unsigned area);
/* Into what was erased; offset and size are multiples of HAL_FLASH_UNIT. 0, or -1 where it failed. */
int hal_write(unsigned area, uint32_t offset, const void *data, uint32_t size);

/* The sensor's next row, of so many values; 0 where there is no sensor for it. Without one of these there is none; with
 * -DFW_SENSOR=0 nothing is there that would ask. */
int hal_sample(float *row, unsigned values);

/* Memory that nobody else needs, aligned to 4: rows of the sensor are kept in it. */
uint8_t *hal_spare(uint32_t *size);

/* A number that is another after each start. */
uint32_t hal_boot(void);

/* Starts anew, when the last byte has been sent. Does not return. */
void hal_reset(void);

/* The firmware itself. Does not return. */
void firmware(void);

#endif
