/* From an instance that is chosen to a session: connecting, logging in, renewing, and the ends. */
#ifndef CAPOS_WEB_ENTRY_H
#define CAPOS_WEB_ENTRY_H

#include "bridge.h"

/* What entry tells who stands above it. */
struct entry_ops {
        /* There is a session; or, renewed, it goes on. a: who has asked. */
        void (*in)(struct bridge *b, struct asker a, bool renewed);
        /* It is over, by whoever's doing. e code 0: it was logged out. */
        void (*out)(struct bridge *b, const struct capos_error *e);
        /* All references are about to go, and the client's schemas perhaps. dropped: the line has,
         * and the session goes on when that is there again. */
        void (*leave)(struct bridge *b, bool dropped);
};

int entry_new(struct bridge *b, const struct entry_ops *ops) CAPNP_MUST_USE;
void entry_free(struct bridge *b);

struct place;
/* Connects to an instance. 0, or as capos_client_connect(). */
int entry_dial(struct bridge *b, const struct place *p, capos_client **ret_c) CAPNP_MUST_USE;
/* By what one can log in to what is connected to, or renew; to a tab that is new. */
void entry_tell(struct bridge *b, const struct bridge_tab *t);
void entry_connect(struct bridge *b, struct asker a, uint16_t place);
void entry_trust(struct bridge *b, struct asker a, bool yes);
void entry_disconnect(struct bridge *b, struct asker a);
void entry_login(struct bridge *b, struct asker a, web_up_login_reader l, bool renews);
void entry_answer(struct bridge *b, struct asker a, capnp_text text);
void entry_passkey(struct bridge *b, struct asker a, capnp_text text);
void entry_give_up(struct bridge *b, struct asker a);
/* Whether a login or a renewal is under way. */
bool entry_runs(const struct bridge *b);
void entry_logout(struct bridge *b, struct asker a);
/* While the line is down: does not wait for the next try. */
void entry_again(struct bridge *b, struct asker a);
/* A browser has come back from an identity provider, with this query. */
void entry_back(struct bridge *b, const char *query, size_t len);

#endif
