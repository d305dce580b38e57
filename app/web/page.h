/* The files of the page, as they are embedded in the program. */
#ifndef CAPOS_WEB_PAGE_H
#define CAPOS_WEB_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct page_file {
        const char *path; /* of the request: "/", "/app.0123abcd.js" */
        const char *type; /* for Content-Type */
        const unsigned char *bytes;
        size_t len;
        bool packed; /* by gzip, which every browser takes that the page runs in */
};

/* What the page may do (Content-Security-Policy); connect: what it may speak to. */
#define PAGE_POLICY(connect)                                                                 \
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src " connect "; " \
        "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "      \
        "require-trusted-types-for 'script'; trusted-types 'none'"

/* The files; the last one has no path. */
extern const struct page_file page_files[];

#endif
