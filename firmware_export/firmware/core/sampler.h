/* Rows of the sensor, and what the model makes of them. */
#ifndef SAMPLER_H
#define SAMPLER_H

/* Takes a row where one is due. */
void sampler_turn(void);

#endif
