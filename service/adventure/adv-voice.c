/*
 * What is said in rooms, told to Chat: the one place where rooms speak to a capability. A room
 * speaks in a channel of its own, `#adv-` and its key, without a place there. It says what people
 * of the story say, and never a player's words: those are his, and so is what he says in Chat.
 *
 * A Chat is taken when there is something to say, and again when the one that was there has gone.
 * After a refusal nobody asks for ADV_VOICE_SILENT_MS: another manifest may grant it, and of that
 * nobody is told. Nothing here waits: what is said while ADV_VOICE_WORDS of them are on their way
 * is lost, and so is what Chat finds too fast.
 */
#include "adv-voice.h"

#include "adv-scene.h"
#include "chat.capnp-c.h"

#include <stdio.h>
#include <string.h>

static void word_said(capnp_question *q, int r, void *arg)
{
        struct adv_voice_word *w = arg;
        capnp_exception why = {CAPNP_FAILED, ""};
        bool denied;

        if (r)
                why = capnp_question_exception(q);
        denied = !strncmp(why.reason, "denied.", 7);
        if (denied)
                w->voice->silent_until_ms = w->said_ms + ADV_VOICE_SILENT_MS;
        if (r &&
            (denied || why.kind == CAPNP_DISCONNECTED || capnp_cap_is_broken(w->voice->chat, NULL)))
                w->voice->chat = capnp_cap_unref(w->voice->chat);
        w->q = capnp_question_free(w->q);
}

void adv_voice_speak(struct adv_voice *v, const struct adv_room *room, const char *who,
                     const char *text, uint64_t now_ms)
{
        char channel[32], line[1200];
        struct adv_voice_word *w = v->words;

        while (w < v->words + ADV_VOICE_WORDS && w->q)
                w++;
        if (w == v->words + ADV_VOICE_WORDS)
                return;
        if (!v->chat && (!v->take || now_ms < v->silent_until_ms || v->take(v->arg, &v->chat)))
                return;
        w->voice = v;
        w->said_ms = now_ms;
        w->q = chat_say((chat_client){v->chat});
        if (!w->q)
                return;
        adv_channel_name(room, channel);
        (void)snprintf(line, sizeof(line), "%s: %s", who, text);
        chat_say_set_channel(w->q, channel);
        chat_say_set_text(w->q, line);
        capnp_question_send(w->q, word_said, w);
}

void adv_voice_deinit(struct adv_voice *v)
{
        for (unsigned i = 0; i < ADV_VOICE_WORDS; i++)
                v->words[i].q = capnp_question_free(v->words[i].q);
        v->chat = capnp_cap_unref(v->chat);
        v->take = NULL;
}
