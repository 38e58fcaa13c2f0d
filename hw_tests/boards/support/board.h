/* What a test program may ask of an emulated board. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void board_write(const char *text);       /* to the emulator's console, by semihosting */
void board_write_number(int32_t number);  /* decimal */

/* The counting plugin counts the instructions between the two. */
void board_count_begin(void);
void board_count_end(void);

int main(void);  /* its result is the emulator's exit status */

#endif
