/* A model that is being written. */
#ifndef UPLOAD_H
#define UPLOAD_H

#define IMAGE 1u /* SMP's number of the model */

/* Forgets an upload that is not whole. */
void upload_drop_part(void);

#endif
