/* Listeners of `capos call --watch`: objects served by their schema, whose calls are printed. */
#ifndef CAPOS_CLI_CALL_WATCH_H
#define CAPOS_CLI_CALL_WATCH_H

#include "back.h"

enum { WATCH_MAX = 16 };

struct watch;

/* One listener. */
struct watch_listener {
        struct watch *w;
        char param[64]; /* the parameter it is for */
        capnp_cap *cap; /* until the call has been sent */
};

struct watch {
        struct cli *c; /* NULL: the command is through, and only listeners hold this */
        struct watch_listener l[WATCH_MAX];
        unsigned n, living;
        struct back *back; /* the line to the instance … */
        unsigned drops;    /* … and what it was when this began */
        bool closed;       /* the connection is */
        bool over;         /* the command has seen enough */
};

/* No exit code: the line has dropped, and with it the call and its listeners. */
enum { WATCH_DROPPED = -1 };

/* Makes a listener for each parameter of a method that is a reference and not among the params,
 * which are JSON, and adds them to it. *ret_w is to be freed, also after an error; back lives as
 * long. An exit code. */
int watch_new(struct back *back, const struct capnp_method_info *m, char **params,
              struct watch **ret_w) CAPNP_MUST_USE;
struct watch *watch_free(struct watch *w);
static inline void watch_freep(struct watch **w)
{
        *w = watch_free(*w);
}
/* The listener with a number, for the parser of the parameters (capnp_dynamic_opts). */
capnp_cap *watch_find(void *arg, uint32_t n);
/* After a question of it has failed: whether that was the line. */
bool watch_has_dropped(const struct watch *w, const capnp_question *q);
/* Prints what comes until nobody holds a listener any more, or the session ends. An exit code, or
 * WATCH_DROPPED. */
int watch_run(struct watch *w, const char *cap) CAPNP_MUST_USE;
#endif
