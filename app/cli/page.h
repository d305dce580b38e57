/* A page that somebody is to open: in a browser of this machine, or elsewhere with a code. */
#ifndef CAPOS_CLI_PAGE_H
#define CAPOS_CLI_PAGE_H

#include "cli.h"

/* What opens pages here; NULL: nothing. */
const char *page_opener(void);
/* Says where it is and, where there is a person, opens it. */
void page_open(const struct cli *c, const char *url);
/* Says where it is, and what to enter there. */
void page_say_code(const char *url, const char *code);

#endif
