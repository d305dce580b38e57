/* What is said in rooms, told to Chat. */
#ifndef CAPOS_ADV_VOICE_H
#define CAPOS_ADV_VOICE_H

#include "adv-world.h"

#include <capos/capnp-vat.h>

enum {
        ADV_VOICE_WORDS = 16,        /* that are on their way at once */
        ADV_VOICE_SILENT_MS = 10000, /* after a refusal */
};

/* All zeroes: nobody listens. */
struct adv_voice {
        /* Asked for a Chat when there is something to say and none is there. 0, with a reference
         * that is taken; anything else: none for now. NULL: there never is. */
        int (*take)(void *arg, capnp_cap **ret_chat);
        void *arg;
        capnp_cap *chat; /* … and what came of it */
        uint64_t silent_until_ms;
        struct adv_voice_word {
                struct adv_voice *voice;
                capnp_question *q;
                uint64_t said_ms;
        } words[ADV_VOICE_WORDS];
};

/* Says something in the room's channel, as `who: text`. Where it cannot be said, it is not. now_ms:
 * by a clock that never goes back. */
void adv_voice_speak(struct adv_voice *v, const struct adv_room *room, const char *who,
                     const char *text, uint64_t now_ms);
/* Lets go of everything. */
void adv_voice_deinit(struct adv_voice *v);

#endif
