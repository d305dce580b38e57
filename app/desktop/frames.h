/*
 * What goes between a window's page and its session (web.capnp), looked at on its way: what the
 * window keeps for itself, what it asks a person before, and what its frame has to show.
 */
#ifndef CAPOS_DESKTOP_FRAMES_H
#define CAPOS_DESKTOP_FRAMES_H

#include "web.capnp-c.h"

enum { STANDING_TEXT = 256, STANDING_NAME = 96 };

/* Whose session this is, where, and until when; as the frame shows it. */
struct standing {
        bool is_in;                  /* there is a session, or the last one's end is shown */
        bool is_over, is_down;       /* … it has ended; its line is made again */
        char account[STANDING_TEXT]; /* or "guest", "anonymous" */
        char profile[STANDING_NAME];
        char instance[STANDING_TEXT]; /* its name, else its address; "": nothing is connected to */
        char fingerprint[STANDING_NAME];
        uint64_t ends_ms; /* since 1970 */
};

/* What a page wants that a person says first, or that the window does. */
enum frames_act { FRAMES_LOGOUT, FRAMES_RESET, FRAMES_BROWSER };

/* What may be asked, each once at a time; who matters more comes first. */
enum frames_question { FRAMES_KEY, FRAMES_SECRET, FRAMES_ACT, FRAMES_PROMPT, FRAMES_QUESTIONS };

struct frames_ops {
        void (*to_page)(void *arg, const char *text, size_t len);
        void (*to_session)(void *arg, const char *text, size_t len);
        /* It is another, perhaps. */
        void (*standing)(void *arg, const struct standing *s);
        /* The host asks, for a service; answered by frames_confirm(). */
        void (*prompt)(void *arg, web_down_prompt_reader p);
        /* Is this the instance? Answered by frames_trust(). */
        void (*key)(void *arg, web_down_key_reader k);
        /* A password, a passphrase, what an instance asks; answered by frames_secret(). */
        void (*secret)(void *arg, web_down_step_reader s);
        /* Answered by frames_grant(). */
        void (*asked)(void *arg, enum frames_act act);
        /* Nobody asks that any more. */
        void (*gone)(void *arg, enum frames_question q);
        /* To be saved where the person says. */
        void (*file)(void *arg, web_down_file_reader f);
        /* What came is nothing that a page, or a session, says: the line is to end. */
        void (*fault)(void *arg);
};

struct frames;

struct frames *frames_new(const struct frames_ops *ops, void *arg); /* NULL: there is no memory */
struct frames *frames_free(struct frames *f);
/* Another line, or none: nothing of the last one counts. */
void frames_begin(struct frames *f);
/* What the page says, and what the session does: each goes on, is kept, or is a fault. */
void frames_up(struct frames *f, const char *text, size_t len);
void frames_down(struct frames *f, const char *text, size_t len);

/* What a person has said natively. */
void frames_confirm(struct frames *f, bool yes);
void frames_trust(struct frames *f, bool yes);
/* NULL: it was given up. */
void frames_secret(struct frames *f, const char *text);
void frames_grant(struct frames *f, bool yes);
/* A person wants that by the frame: it is asked as if the page did. */
void frames_ask(struct frames *f, enum frames_act act);

#endif
