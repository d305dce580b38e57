/* Pages that an instance wants somebody to open. */
#ifndef CAPOS_CLIENT_PAGE_H
#define CAPOS_CLIENT_PAGE_H

#include <capos/capos-client.h>

/* Whether a step's URL may be shown and opened at all: "" may, there is none. */
bool client_page_is_good(const char *url);
/* What is wrong with the page of a login by a browser that is to come back to redirect, in words;
 * NULL: nothing, and ret_state is what the browser will bring. */
const char *client_page_wrong(const struct capos_step *s, const char *redirect, char *ret_state,
                              size_t room);

#endif
