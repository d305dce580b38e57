/*
 * The page of a build that has no other: it says what it is, and shows nothing of a session. A
 * client that is no browser needs no more.
 */
#include "page.h"

static const char html[] =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>capOS</title>"
        "<h1>capOS</h1><p>This bridge was built without its page.</p></html>\n";

const struct page_file page_files[] = {
        {"/", "text/html; charset=utf-8", (const unsigned char *)html, sizeof(html) - 1},
        {NULL, NULL, NULL, 0},
};
