/* The bridge's address, opened in a browser. */
#ifndef CAPOS_WEB_LINK_H
#define CAPOS_WEB_LINK_H

/* Has a program open it, without anybody else seeing it. Not waited for; what goes wrong is said.
 */
void link_open(const char *opener, const char *url);

#endif
