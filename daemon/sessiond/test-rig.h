/*
 * A session manager under test: the real program, with the test in the place of caposd, the
 * gateway, a service and the workers. Provers are the real ones, too.
 */
#ifndef SESSIOND_TEST_RIG_H
#define SESSIOND_TEST_RIG_H

#include "harness.h"

#include "admin.capnp-c.h"
#include "admission.capnp-c.h"
#include "daemon-packets.h"

#include <capos/capnp.h>

#include <sys/types.h>

#define ECHO_ID  UINT64_C(0xec40ec40ec40ec40)
#define RIG_HOME "127.0.0.1:4711"
#define RIG_AWAY "192.0.2.7:4711"

/* For whom passkeys are, and their only origin. */
#define RIG_PARTY  "capos.example"
#define RIG_ORIGIN "https://" RIG_PARTY

enum { RIG_EVENTS = 32, RIG_PROVERS = 256 };
enum { ECHO_ADD_ONE, ECHO_HANG };

struct rig_options {
        uint64_t lease_ms, max_lease_ms, admission_ms;
        uint32_t connections; /* that may have a session; 0: what is usual */
        bool no_password, no_entry, pseudonym;
        bool certificates; /* one rule: it is alice, with the profile `operator` */
        bool by_name;      /* … it is whom the certificate names */
        bool service;      /* there is a profile for service accounts, `robot` */
        bool passkeys;     /* people may have some */
        bool server_key;   /* the profile lets proofs be bound to the server's key alone */
        bool no_echo;      /* bundles have `session` alone */
        bool no_operator;  /* there is another profile in its place */
        bool audit_calls;  /* profiles have each call recorded */
        bool touched;      /* profiles want a proof for which somebody has touched a key */
        const char *facet; /* of echo in all bundles; NULL: the profile's name */
        const char *admin; /* a profile has this facet of `admin`, `boss`; "": all of it */
        bool humble;       /* … which is not elevated */
        const char *held;  /* the service holds itself, with this facet; NULL: nothing */
        const char *holds; /* … not itself, but what has this name */
        const char *dir;   /* a folder that exists already, to start again in */
};

/* A socket to the service. */
struct rig_caller {
        struct rig *g;
        capnp_conn *conn;
        capnp_cap *root;
        bool open;
        char facet[32];
        uint8_t reference[16], origin[16], pseudonym[16];
        uint32_t reference_len, pseudonym_len;
        uint64_t epoch;
        bool service; /* … has it, no session */
};

struct rig {
        capnp_vat *vat;
        char dir[64];
        pid_t pid;
        int up, gate, admission; /* admission: the socket of the last event; -1: none */
        int signer;              /* we are one; -1: there is none */
        int sign[2];             /* of the last event over TLS: the signer's end, the worker's */
        uint8_t nonce[32];       /* … and its nonce */
        capnp_watch *up_watch, *gate_watch;
        bool ready;
        capnp_cap *admin;
        uint64_t last_event;
        uint64_t killed[RIG_EVENTS], bound[RIG_EVENTS];
        unsigned nkilled, nbound, nrenewals;
        uint32_t renewal; /* the last request for a new identity */
        pid_t zygote;     /* of the provers */
        int zygote_link;
        pid_t provers[RIG_PROVERS];
        unsigned nprovers;
        bool hold_provers; /* PROVE is not answered */
        bool kill_provers; /* … is answered by one that is dead */
        bool next_read;    /* NEXT_READ has come … */
        int32_t next_result;
        struct packet held[RIG_PROVERS];
        unsigned nheld;

        /* the service */
        capnp_conn *control;
        capnp_cap *control_root;
        struct rig_caller callers[RIG_EVENTS];
        unsigned ncallers, calls, hung, opened, described;
        bool refuse_open;
        bool mute; /* the service answers nothing that the session manager asks */
        unsigned muted, mute_canceled;
        bool hold_sockets; /* the service takes a socket and does nothing with it */
        int held_socket;
        capnp_answer *hanging;
        unsigned hang_canceled;
};

struct rig_worker {
        struct rig *g;
        uint64_t event;
        capnp_conn *conn;
        admission_client ask;
        int fd; /* its socket, which is the connection's: for bytes by hand */
        bool closed;
        capnp_question *notice; /* of rig_attend() */
        bool told;              /* it has been told that its session is over … */
        char ended[64];         /* … and why */
        bool bereft;            /* … or that a capability is revoked … */
        char revoked[64];       /* … and which */
};

/* Starts a session manager and waits until it is ready. */
void rig_start(struct rig *g, const struct rig_options *o);
/* The same, but it is expected to refuse. Returns its exit code. */
int rig_start_fails(struct rig *g, const struct rig_options *o);
/* Ends everything, by its link or by SIGKILL; the folder stays. */
void rig_stop(struct rig *g, bool kill);
void rig_remove(const char *dir);
struct rig_worker;
/* SIGKILL for the session manager, with a worker connected; ends the rest, too. */
void rig_kill(struct rig *g, struct rig_worker *w);

void rig_start_service(struct rig *g);
void rig_stop_service(struct rig *g);

/* Answers what was held, and holds no more. */
void rig_release_provers(struct rig *g);

/* Lets things happen until *flag; if that never comes, fails the test. */
void rig_until(struct rig *g, const bool *flag);
void rig_until_count(struct rig *g, const unsigned *n, unsigned least);
/* … until so many sessions are left, and so many sockets to services. */
void rig_until_left(struct rig *g, unsigned sessions, unsigned descriptors);
/* … until the session manager has seen what it was sent by now, over whichever socket. */
void rig_until_seen(struct rig *g);
/* Lets things happen for a while. Whatever is to have come then may come later, too: wait for it.
 */
void rig_pause(struct rig *g, unsigned ms);

/* Rules for client certificates: as records. */
void rig_rules(struct rig *g, capnp_data records);
/* Another manifest is to be looked at, or bytes that are none. What NEXT_READ says of it. */
int rig_next(struct rig *g, const struct rig_options *o);
int rig_next_bytes(struct rig *g, const void *bytes, size_t len);
/* … and counts; it is a good one. */
void rig_change(struct rig *g, const struct rig_options *o);
/* There is a signer from now on, and connections come in over TLS. */
void rig_start_signer(struct rig *g);
/* It has signed for the last event. */
void rig_signed(struct rig *g, uint64_t event, const uint8_t hash[32], const uint8_t key_hash[32]);
/* A connection comes in. */
void rig_worker(struct rig *g, const char *address, struct rig_worker *w);
void rig_worker_end(struct rig_worker *w);
/* It has a session, and acknowledges from now on what it is told, whatever the test waits for: on a
 * busy machine a test gets nowhere within the second that a worker has. */
void rig_attend(struct rig_worker *w);
/* The socket alone, for those who write bytes by hand. */
int rig_worker_fd(struct rig *g, const char *address, uint64_t *ret_event);

/* Asks for an anonymous session; checks that it came. Returns the question: free it. */
capnp_question *rig_enter(struct rig_worker *w);
/* Opens `echo` and returns the service's object; *ret_c is its connection. */
capnp_cap *rig_open(struct rig_worker *w, capnp_conn **ret_c);
/* Asks to open `echo`, no more. */
capnp_question *rig_ask_open(struct rig_worker *w);
/* Calls ECHO_ADD_ONE. 0 or what the call ended with. */
int rig_echo(struct rig *g, capnp_cap *echo, uint64_t n);
capnp_question *rig_call(struct rig *g, capnp_cap *echo, uint16_t method, uint64_t n);

/* Waits for a question and checks that it was refused with this beginning of a text. Takes q. */
void rig_refused(capnp_question *q, const char *text);
/* Waits for a question that must succeed. Returns it. */
capnp_question *rig_good(capnp_question *q);

/* Admin. */
void rig_account(struct rig *g, const char *name, const char *password);
admin_client rig_admin(struct rig *g);
/* Flow: start and one response. Takes nothing; returns the question of next, not waited for. */
capnp_question *rig_password(struct rig_worker *w, const char *account, const char *profile,
                             const char *password);

/* The content of a file in the folder, NUL-terminated; to be freed. */
char *rig_file(struct rig *g, const char *name, size_t *ret_len);
/* How often a text is in the audit log. */
unsigned rig_audited(struct rig *g, const char *text);
void rig_status(struct rig *g, unsigned *ret_sessions, unsigned *ret_descriptors);

/* What is told of the profiles of a method: their names, with spaces between. */
void rig_hints(remote_auth_method_reader m, const char *names);

#endif
