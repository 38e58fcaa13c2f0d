/* Numbers as text. */
#ifndef DECIMAL_H
#define DECIMAL_H

#include <stdint.h>

#define DECIMAL_DIGITS 10

/* Writes a number's digits, at most DECIMAL_DIGITS, and gives where they end. */
char *decimal(uint32_t number, char *at);

#endif
