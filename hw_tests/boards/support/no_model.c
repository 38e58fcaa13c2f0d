/* In place of a model, for what the firmware takes without one. That it has none must not be known where the firmware
 * is compiled: link-time optimisation would leave out all that a model needs. */
#include "model.h"

const struct fw_model fw_model = {.public_key = {1}};
