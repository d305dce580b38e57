/**
 * @file
 * What a service is made of besides its own methods: everything between being started by an
 * instance and serving a caller. doc/service-authors.md shows a whole service.
 *
 * A service is one process with one loop that serves many callers. Each caller comes with a socket
 * of its own; when that is gone, the caller is. The session manager decides who gets one, so a
 * service never asks who somebody is: it is told a reference that means something to it alone, and
 * nothing in a request says more.
 */
#ifndef CAPOS_KIT_H
#define CAPOS_KIT_H

#include <capos/capnp-schema.h>
#include <capos/capnp-vat.h>

enum {
        KIT_REFERENCE_BYTES = 16, /**< of a caller's reference, and of its pseudonym */
        KIT_CALLERS = 4096,       /**< at once, unless the service says otherwise */
};

/** What calls (service_control.capnp, CallerContext.Kind, same values). */
enum kit_kind {
        KIT_SESSION, /**< a remote session */
        KIT_SERVICE, /**< another service of the instance: one reference, whoever it acts for */
};

/** A service that runs, as far as it need know: what it asks by. */
struct kit;

/** A caller: one socket. Stays at its address until it has been closed. */
struct kit_caller {
        uint8_t reference[KIT_REFERENCE_BYTES]; /**< whose; two sockets of one session share it */
        uint8_t origin[KIT_REFERENCE_BYTES];    /**< the reference before its line has dropped and
                                                     its client has come back, however often; else
                                                     the same */
        uint64_t epoch;                         /**< a reference means nothing in another one */
        enum kit_kind kind;                     /**< what it is */
        bool has_pseudonym;                     /**< whether the next member means anything */
        uint8_t pseudonym[KIT_REFERENCE_BYTES]; /**< the same whenever this account comes */
        void *data;                             /**< the service's own; NULL at first */
};

/** What a service may ask about a caller, where the manifest's `disclosure` says so: bits. */
enum kit_field {
        KIT_PSEUDONYM = 1, /**< also told with the caller, without being asked */
        KIT_ACCOUNT = 2,   /**< the account's name */
        KIT_PROFILE = 4,   /**< the session's profile */
        KIT_METHOD = 8,    /**< the method of its login: the name of a RemoteAuthKind */
        KIT_SOURCE = 16,   /**< the address that its connection came from */
};

/** What was told of a caller. What was not asked for is "", and so is what there is none of. */
struct kit_facts {
        const char *account;                    /**< "": a guest's or an anonymous session */
        const char *profile;                    /**< its name in the manifest */
        const char *method;                     /**< as in RemoteAuthKind */
        const char *source;                     /**< as the gateway saw it */
        bool has_pseudonym;                     /**< whether the next member means anything */
        uint8_t pseudonym[KIT_REFERENCE_BYTES]; /**< as in struct kit_caller */
};

/** What a service starts with. */
struct kit_start {
        struct kit *kit; /**< for kit_get(); lasts until `free` is called */
        capnp_vat *vat;  /**< its loop */
        int state_fd;    /**< its state directory, borrowed, close-on-exec; -1: it has none */
        int argc;        /**< entries of argv */
        char **argv;     /**< the program's name, then the manifest's arguments */
};

/** A service. All members are called from the loop, may not block, and may be NULL but for open. */
struct kit_service {
        /** Beginning of what it says on stderr: `capos-chat`. */
        const char *name;
        /** What describe() tells of: the file of its interface (chat.capnp: &chat_capnp_schema). */
        const struct capnp_schema_file *schema;
        /**
         * Once, before anything else. Prints what is wrong with the arguments itself. 0, with
         * *ret_self to be handed to the other members; -EINVAL: the arguments; another -errno.
         */
        int (*start)(const struct kit_start *s, void **ret_self);
        /**
         * A caller has come. facet: which face of the service it was granted, "" for the ordinary
         * one; valid during the call. 0, with *ret_bootstrap what it gets, a reference that is
         * taken; CAPNP_E_UNKNOWN: there is no such facet; CAPNP_E_LIMIT: too many; -errno. After
         * anything but 0 the caller has not come, and closed is not called.
         */
        int (*open)(void *self, struct kit_caller *caller, const char *facet,
                    capnp_cap **ret_bootstrap);
        /** A caller has gone, once. Objects that it holds may live a little longer. What is held of
         * the caller's own (listeners, calls that are not answered) has to be let go of now: what
         * is still there when the service ends is a line in the log, and after stop a fault. */
        void (*closed)(void *self, struct kit_caller *caller);
        /** Once, at the end, after every caller was closed: save, stop timers, end what is kept. */
        void (*stop)(void *self);
        /** Once, last of all: every object's `gone` has run, the loop is no more. */
        void (*free)(void *self);
        /**
         * What one caller may make the process hold. 0 takes the kit's default: messages of 1 MiB,
         * 2,048 calls and 1,024 references, 1 MiB queued out, 2 MiB held; no descriptors.
         */
        struct capnp_limits limits;
        /** Callers at once; 0: KIT_CALLERS. */
        uint32_t max_callers;
};

/**
 * Runs a service until the instance ends: what a service's main() returns.
 *
 * @param s     the service
 * @param argc  as main() got it
 * @param argv  likewise
 * @return      the process's exit code: 0 after an orderly end; 1: something failed, said on
 *              stderr; 2: wrong arguments, or not started by an instance; 13: something is kept of
 * a caller's who has gone
 */
int kit_run(const struct kit_service *s, int argc, char **argv);

/**
 * Ends a caller: what is on its way to it is still sent, its references break as disconnected, and
 * if it asks for the capability again, it comes anew.
 *
 * @param caller  one that has come and is not closed; `closed` is told of it, from here, and then
 *                it is no more
 */
void kit_close(struct kit_caller *caller);

/**
 * Asks the instance who a caller is. Nothing is told unless the manifest grants all that is asked
 * for; both are recorded.
 *
 * @param caller  who: one that has come and is not closed
 * @param fields  what: bits of enum kit_field
 * @param told    called once, from the loop and not from here, unless the caller is closed before:
 *                with 0 and what was asked for, whose texts are valid during the call; with
 *                CAPNP_E_EXCEPTION, and NULL: it is refused; with another code of
 *                capnp_question_wait()'s or capnp_question_check()'s, and NULL
 * @param arg     handed to told
 * @return        0; -ENOMEM; CAPNP_E_LIMIT: 16 such questions about this caller are under way;
 *                CAPNP_E_DISCONNECTED: the session manager has gone
 */
int kit_disclose(struct kit_caller *caller, unsigned fields,
                 void (*told)(void *arg, int r, const struct kit_facts *facts),
                 void *arg) CAPNP_MUST_USE;

/**
 * Takes what the manifest's `grants` give this service of another. The other one sees a caller
 * whose kind is KIT_SERVICE, with the facet that is granted; whoever made this service ask is not
 * told to it. So what a service does for a session, and what has to end with that, it does with
 * what the session has passed to it; this is for what it does by itself.
 *
 * @param k             of struct kit_start; not after `stop` has begun
 * @param name          the other service's, in the manifest
 * @param interface_id  the interface that it serves, exactly: CHAT_ID
 * @param ret_object    it, a reference for the caller to let go of. At once: calls wait until the
 *                      other service is there, for 10 seconds, and then fail as disconnected. What
 *                      is refused fails: `denied.unknown-name`, `denied.wrong-interface`. When the
 *                      other service ends, or another policy takes it away, it breaks as
 *                      disconnected, for good: ask anew, when it is needed next. What is asked for
 *                      again while it lasts is the same object
 * @return              0; -ENOMEM; CAPNP_E_LIMIT: 64 are held or asked for
 */
int kit_get(struct kit *k, const char *name, uint64_t interface_id,
            capnp_cap **ret_object) CAPNP_MUST_USE;

/**
 * Gives every caller's own limits their defaults.
 *
 * @param l  the service's; a member of 0 takes the kit's default
 * @return   all of them
 */
struct capnp_limits kit_limits(const struct capnp_limits *l);

#endif
