/* What a process with secrets does first. */
#ifndef CAPOS_WEB_PROTECT_H
#define CAPOS_WEB_PROTECT_H

/* No dump, no tracer of the same user's, and what is freed is overwritten. */
void protect(void);

#endif
