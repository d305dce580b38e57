/*
 * The parent of every process of an instance. See caposd.c for the plot.
 */
#ifndef CAPOS_CAPOSD_H
#define CAPOS_CAPOSD_H

#include "base-list.h"
#include "daemon-capacity.h"
#include "daemon-link.h"
#include "daemon-manifest.h"
#include "daemon-spawn.h"
#include "io-child.h"
#include "io-socket.h"
#include "session-address.h"

#include <sys/types.h>

struct caposd;
struct program;

/* ---- options.c: what was asked for ---------------------------------------------------------- */

enum { LISTENS_MAX = 7 };

struct options {
        const char *state;               /* NULL: the default */
        const char *listen[LISTENS_MAX]; /* none: the default */
        unsigned nlisten;
        const char *manifest; /* NULL: the built-in one */
        bool check;           /* start, look, and end again */
        bool show;            /* print the built-in manifest */
        const char *explain;  /* a field to explain, empty for the manifest as a whole; or NULL */
};

enum { EXIT_USAGE = 2, OPTIONS_HELP = 1 };

/* 0; OPTIONS_HELP: help was asked for and given; -EINVAL: wrong, and said so. */
int options_parse(struct options *o, int argc, char **argv) CAPNP_MUST_USE;

/* ---- manifest-explain.c --------------------------------------------------------------------- */

/* Prints what a field is: `profiles.leaseMs`; empty: all there are. 0; -EINVAL: there is none, and
 * said so. */
int manifest_explain_field(const char *path) CAPNP_MUST_USE;
/* Prints what a manifest grants to whom. */
void manifest_explain(manifest_reader m);

/* ---- manifest-load.c, manifest-check.c ------------------------------------------------------ */

/* The text of the built-in manifest. */
extern const char manifest_built_in_text[];

/* Reads and checks a manifest; path NULL: the built-in one. What is wrong goes to the log, a line
 * each. 0; -EINVAL: it is wrong; -errno: it cannot be read. */
int manifest_load(struct daemon_manifest *ret_m, const char *path) CAPNP_MUST_USE;
/* Whether what the schema allows makes sense. complain: told once for each fault. The number of
 * faults. */
unsigned manifest_check(manifest_reader m,
                        void (*complain)(void *arg, const char *path, const char *what), void *arg);

/* ---- place.c: the state directory; listen.c: the listeners --------------------------------- */

struct listening {
        int fd;
        enum capos_transport transport;
        struct capos_io_address address;
        dev_t dev; /* of a Unix socket's file: what we remove must be ours */
        ino_t ino;
        bool unasked; /* the Unix socket beside a port */
};

struct place {
        char path[4096]; /* of the state directory */
        int dir;         /* the directory */
        int lock;        /* its lock, as long as we live */
        int admin;       /* the listener of admin.sock */
        struct listening listeners[LISTENS_MAX + 1];
        unsigned nlisteners;
        int diag; /* socket diagnostics; -1: there are none */
};

/* Opens what was asked for. What goes wrong is said in the log. 0, or -errno. */
int listen_open(struct place *p, const struct options *o) CAPNP_MUST_USE;
/* Closes it, and removes the files of Unix sockets. */
void listen_close(struct place *p);
/* A line on standard output for each that was asked for: where clients connect. 0, or -errno. */
int listen_print(const struct place *p) CAPNP_MUST_USE;
/* The address of one as clients write it: `plain:127.0.0.1:2327`. */
enum { LISTENING_TEXT = CAPOS_IO_ADDRESS_TEXT + 8 };
void listening_format(const struct listening *l, char text[static LISTENING_TEXT]);

/* All of it. What goes wrong is said in the log. 0, or -errno. */
int place_open(struct place *p, const struct options *o) CAPNP_MUST_USE;
/* Closes it, and removes admin.sock. */
void place_close(struct place *p);
/* A service's own directory, made when it is not there. 0, or -errno. */
int place_service(const struct place *p, const char *name, int *ret_fd) CAPNP_MUST_USE;

/* ---- program.c: a process that has to be there ---------------------------------------------- */

struct program_ops {
        /* Adds descriptors to what it is started with; each is closed after that. */
        int (*prepare)(struct program *p, struct daemon_spawn *s);
        /* It runs; its link is open. */
        void (*started)(struct program *p);
        void (*got)(struct program *p, const struct packet *packet);
        /* It has ended, and its link is closed. */
        void (*ended)(struct program *p);
};

struct program {
        struct caposd *c;
        const char *name;  /* for the log; borrowed */
        char *path;        /* owned */
        const char **argv; /* owned, what it points to borrowed */
        const struct program_ops *ops;
        struct capos_io_child child;
        struct daemon_link link;
        struct capos_io_timer timer; /* starts it again; or, while it runs, ends it by force */
        pid_t pid;
        bool running, ready;
        bool wanted_dead; /* we have killed it to have a new one at once */
        uint64_t started_ms, delay_ms;
        uint64_t first_death_ms;
        unsigned deaths; /* since first_death_ms */
};

/* The path of a program by a bare name, beside us or where CAPOS_LIBEXEC says, or by its path; the
 * caller frees it. NULL: there is none. */
char *program_find(const char *file);
/* file: a bare name, looked up beside us, or a path. 0; -ENOENT; -errno: said in the log. */
int program_init(struct program *p, struct caposd *c, const char *name, const char *file,
                 const struct program_ops *ops) CAPNP_MUST_USE;
void program_deinit(struct program *p);
/* Whether the program of every service of a manifest is there and can be executed. complain: told
 * once for each fault. The number of faults. */
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

/* ---- core.c: session manager, gateway, services --------------------------------------------- */

struct service {
        struct program program;
        uint32_t index; /* in the manifest */
        bool state;
        bool checked; /* the session manager has looked at it */
};

int core_init(struct caposd *c) CAPNP_MUST_USE;
void core_deinit(struct caposd *c);

/* ---- workers.c: zygote and workers ---------------------------------------------------------- */

enum worker_state {
        WORKER_FORKING, /* the zygote has been told */
        WORKER_IDLE,    /* waits for a connection */
        WORKER_USED,    /* has one */
        WORKER_VOID,    /* idle, and its gateway is gone: it ends by itself */
};

struct worker {
        struct capnp_i_list link; /* workers.list */
        struct caposd *c;
        struct capos_io_child child;
        enum worker_state state;
        uint32_t id;
        int handoff; /* the gateway's end, until it is sent; -1 */
        uint64_t event;
        struct packet about; /* what the gateway has said of its connection */
        bool killed;
};

enum { LATE_KILLS = 64, RETIRED = 16 };

struct workers {
        struct capnp_i_list list; /* struct worker */
        uint32_t last_id, used, wanted_idle;
        unsigned forks; /* of this zygote */
        bool tired;     /* the zygote has to be replaced */
        bool offered;   /* a worker has been idle: the instance can serve */
        struct capos_io_timer again;
        uint64_t pause_ms;
        unsigned young_deaths;     /* of idle workers, in a row */
        uint64_t late[LATE_KILLS]; /* events to be killed that no worker has yet */
        unsigned nlate;
        pid_t retired[RETIRED]; /* groups of dead zygotes that may have a child we do not know */
};

int workers_init(struct caposd *c) CAPNP_MUST_USE;
void workers_deinit(struct caposd *c);
/* Forks idle ones until there are enough. */
void workers_fill(struct caposd *c);
/* Tells a new gateway what there is. */
void workers_offer_all(struct caposd *c);
/* The gateway has died. */
void workers_gateway_gone(struct caposd *c);
/* Kills those that have a connection. */
void workers_kill_all(struct caposd *c);
/* The instance ends: those that have none go at once. */
void workers_end(struct caposd *c);
void workers_kill_event(struct caposd *c, uint64_t event);
/* A packet of the gateway's about a worker. */
void workers_got(struct caposd *c, const struct packet *p);
/* After SIGCHLD: children that only a dead zygote knew. */
void workers_reap(struct caposd *c);
/* Whether none is left. */
bool workers_none(const struct caposd *c);

/* A zygote has died whose forks may have been nobody's yet. */
void workers_retire(struct caposd *c, pid_t group);
/* A zygote says that it has made this child of ours: watches it. 0; -errno: it is none. */
int child_adopt(struct caposd *c, struct capos_io_child *child, pid_t pid,
                void (*ended)(struct capos_io_child *child, int code, int status)) CAPNP_MUST_USE;

/* ---- provers.c: zygote and provers ---------------------------------------------------------- */

enum { PROVERS = 32 };

struct provers {
        struct program zygote;
        struct capnp_i_list list; /* struct prover */
        unsigned n, forks;        /* forks: of this zygote */
        uint32_t last_id;
        bool tired; /* the zygote has to be replaced */
};

int provers_init(struct caposd *c) CAPNP_MUST_USE;
void provers_deinit(struct caposd *c);
/* Has one made, and sends sessiond its socket. */
void provers_start(struct caposd *c, uint32_t request);
void provers_kill_all(struct caposd *c);
bool provers_none(const struct caposd *c);

/* ---- caposd.c ------------------------------------------------------------------------------- */

struct caposd {
        struct capos_io_loop loop;
        struct options options;
        struct daemon_manifest manifest;
        struct place place;
        int manifest_fd;
        int signal_fd;
        struct capos_io_watch signals;
        struct capos_io_timer deadline;   /* of ending */
        struct capos_io_timer look_again; /* at services that never say that they are ready */
        struct program sessiond, gateway, zygote;
        struct service *services;
        uint32_t nservices;
        char *motd;                       /* CAPOS_MOTD=..., for the environment of services */
        struct capos_io_timer meet_again; /* gateway and session manager, whose link has broken */
        uint32_t introductions;           /* of the two */
        struct daemon_capacity capacity;
        struct workers workers;
        struct provers provers;
        bool up;     /* the endpoint line has been printed */
        bool ending; /* nothing is started any more */
        int exit_code;
};

/* Takes the manifest when it returns 0. 0, or -errno: said in the log. */
int caposd_init(struct caposd *c, const struct options *o,
                struct daemon_manifest *m) CAPNP_MUST_USE;
/* The process's exit code. */
int caposd_run(struct caposd *c);
void caposd_deinit(struct caposd *c);
/* Prints the endpoint line when all is ready for the first time. */
void caposd_check_up(struct caposd *c);
/* Ends the instance: orderly, within two seconds. Of several exit codes the first counts. */
void caposd_end(struct caposd *c, int exit_code);

#endif
