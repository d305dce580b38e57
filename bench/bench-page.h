/* A browser whose owner says yes to everything, so that what is measured is the login. */
#ifndef BENCH_PAGE_H
#define BENCH_PAGE_H

/* Opens a page, at an address of this machine, that sends its visitor on at once, and asks for the
 * page where it is sent. The connection to that one, whose answer nobody has waited for, for
 * close(); -1: it cannot. */
int bench_page_visit(const char *url);

#endif
