/* Constants that need not be in memory. On an AVR all others are: its flash is another address space. */
#ifndef IN_FLASH_H
#define IN_FLASH_H

#ifdef __AVR__
#include <avr/pgmspace.h>
#define IN_FLASH __flash
#define TEXT(literal) ((const IN_FLASH char *)PSTR(literal))
#else
#define IN_FLASH
#define TEXT(literal) (literal)
#endif

#endif
