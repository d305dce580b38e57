/* A process that has to be there: started, watched, and started again. */
#ifndef CAPOS_CAPOSD_PROGRAM_H
#define CAPOS_CAPOSD_PROGRAM_H

#include "confine.h"
#include "daemon-link.h"
#include "daemon-manifest.h"
#include "daemon-spawn.h"
#include "io-child.h"

#include <sys/types.h>

struct program;

/* The one who keeps them all, as far as they know it. */
struct keeper {
        struct capos_io_loop loop;
        bool up;     /* everything has been there once: nobody is given up any more */
        bool ending; /* nothing is started any more */
        struct confine confinement;
        /* Something has come that the start of the instance waits for. May end the instance, and
         * with it this program's link; it frees nothing. */
        void (*changed)(struct keeper *k);
        /* The instance cannot be started, which has been said in the log. The like. */
        void (*hopeless)(struct keeper *k);
};

struct program_ops {
        /* Adds descriptors to what it is started with; each is closed after that. */
        int (*prepare)(struct program *p, struct daemon_spawn *s);
        /* It runs; its link is open. */
        void (*started)(struct program *p);
        void (*got)(struct program *p, const struct packet *packet);
        /* It has ended, and its link is closed. */
        void (*ended)(struct program *p);
        /* It has said READY, and in the packet what else; may be NULL. */
        void (*ready)(struct program *p, const struct packet *packet);
};

struct program {
        struct keeper *keeper;
        const char *name;  /* for the log; borrowed */
        char *path;        /* owned */
        const char **argv; /* owned, one block; what it points to in it, or borrowed */
        const struct program_ops *ops;
        struct capos_io_child child;
        struct daemon_link link;
        struct capos_io_timer timer; /* starts it again; or, while it runs, ends it by force */
        pid_t pid;
        bool running, ready;
        bool wanted_dead; /* we have killed it to have a new one at once */
        bool once;        /* it is not started again … */
        bool failed;      /* … and has ended, or could not be started */
        bool dismissed;   /* it is not wanted any more */
        uint64_t started_ms, delay_ms;
        uint64_t first_death_ms;
        unsigned deaths; /* since first_death_ms */
};

/* The path of a program by a bare name, beside us or where CAPOS_LIBEXEC says, or by its path; the
 * caller frees it. NULL: there is none. */
char *program_find(const char *file);
/* file: a bare name, looked up beside us, or a path. 0; CAPOSD_E_SAID: there is none;
 * -errno. */
int program_init(struct program *p, struct keeper *k, const char *name, const char *file,
                 const struct program_ops *ops) CAPNP_MUST_USE;
void program_deinit(struct program *p);
/* What a program is started with, as one block that the caller frees: its path, which is borrowed,
 * arguments of a manifest, and, if named, the name. NULL: no memory. */
const char **program_argv(const char *path, capnp_list args, const char *name, bool named);
/* How a process has ended, as "ended with exit code 1". code, status: as a child is told of. */
void program_describe(int code, int status, char *text, size_t size);
/* Whether the files of every service of a manifest are there, and its program can be executed.
 * complain: told once for each fault. The number of faults. */
unsigned programs_check(manifest_reader m,
                        void (*complain)(void *arg, const char *path, const char *what), void *arg);
/* Starts it; tries again later when that fails. */
void program_start(struct program *p);
/* Kills it, and starts it anew without a delay. */
void program_renew(struct program *p);
/* It has broken the rules: nothing more is heard from it, and it is killed, and started anew like
 * one that has died by itself. */
void program_refuse(struct program *p);
/* Has it end in an orderly way: closes its link. */
void program_end(struct program *p);
/* The same for one that is not started again, and gets a second. It can be freed when it does not
 * run any more, but not from within what it calls. */
void program_dismiss(struct program *p);

/* Adds a copy of a descriptor to what a program is started with. 0, or -errno. */
int program_give(struct daemon_spawn *s, int fd, int at) CAPNP_MUST_USE;

#endif
