/**
 * @file
 * A service's commands (command.capnp): what can be done with it, described so that a terminal, a
 * window or an agent can show it, ask for the arguments and run it.
 *
 * The service's interface extends CommandSurface. It keeps a table of its commands here, and hands
 * both methods of CommandSurface on: kit_commands_answer() and kit_commands_complete(). A command
 * runs a method that the service has anyway; to describe one grants nothing.
 */
#ifndef CAPOS_KIT_COMMANDS_H
#define CAPOS_KIT_COMMANDS_H

#include <capos/capnp-vat.h>

enum {
        KIT_COMMANDS_MAX = 64, /**< commands in a table */
        KIT_CHOICES_MAX = 50   /**< choices that one completion returns */
};

/** What kind of value a field takes (command.capnp, CommandFieldKind, same values). */
enum kit_field_kind {
        KIT_FIELD_TEXT,     /**< a text */
        KIT_FIELD_INTEGER,  /**< a whole number */
        KIT_FIELD_NUMBER,   /**< a number */
        KIT_FIELD_FLAG,     /**< true or false */
        KIT_FIELD_CHOICE,   /**< one of some texts, or an enumerant's name */
        KIT_FIELD_INSTANT,  /**< milliseconds since 1970 */
        KIT_FIELD_DURATION, /**< milliseconds */
        KIT_FIELD_BYTES     /**< a size */
};

/** What running a command does (command.capnp, CommandEffect, same values). */
enum kit_effect {
        KIT_READS,  /**< changes nothing */
        KIT_OWN,    /**< changes what only this session or account sees */
        KIT_SHARED, /**< others see it */
        KIT_LASTING /**< cannot be undone, or acts on the world outside */
};

/** One value that a field may have. */
struct kit_choice {
        const char *value;  /**< as the parameter takes it */
        const char *label;  /**< for a person; NULL: as the value */
        const char *detail; /**< more about it; NULL: nothing */
};

/** Something that a command asks for. A zeroed member takes its default. */
struct kit_command_field {
        const char *path;                 /**< the parameter: `channel`, `target.name` */
        const char *label;                /**< for a person; NULL: the path */
        const char *help;                 /**< one sentence; NULL: none */
        enum kit_field_kind kind;         /**< what it takes */
        bool required;                    /**< it has to be given */
        bool completed;                   /**< a choice that kit_commands_complete() is asked for */
        const char *initial;              /**< of a text or choice; NULL: none */
        const struct kit_choice *choices; /**< of a choice; NULL: it is completed */
        uint32_t nchoices;                /**< entries of choices */
        double min;                       /**< with max: bounds of a number. Both 0: none */
        double max;                       /**< see min */
        uint32_t max_bytes;               /**< of a text; 0: 4096 */
        uint8_t lines;                    /**< height of a text's box; 0: 1 */
};

/** A command. A zeroed member takes its default. */
struct kit_command {
        const char *id;         /**< 1 to 32 of a-z, 0-9, dash and dot; unique in the table */
        const char *title;      /**< a verb and its object, at most 48 bytes */
        const char *summary;    /**< one sentence, at most 160 bytes; NULL: none */
        const char *group;      /**< what it is listed under; NULL: nothing */
        const char *why_not;    /**< why it cannot be run now; NULL: it can */
        const char *key;        /**< a letter the service would like for it; NULL: none */
        enum kit_effect effect; /**< what running it does */
        uint64_t interface;     /**< whose method it runs: the service's, or what
                                     that extends. 0: it only changes a view */
        uint16_t method;        /**< that method's ordinal */
        const struct kit_command_field *fields; /**< what is asked for */
        uint32_t nfields;                       /**< entries of fields */
};

/**
 * Writes a command as the schema has it, for a pane: UiPatchPayload.command.
 *
 * @param c   the command
 * @param to  a Command to be filled in, of whatever generated types: (command_builder).b
 */
void kit_command_write(const struct kit_command *c, capnp_builder to);

/** A service's commands, and who waits to hear of others. */
struct kit_commands;
/** Where choices for a field are put. */
struct kit_choices;

/**
 * Says what a field may be, as far as it has been typed.
 *
 * @param arg      the caller's
 * @param command  the command's id
 * @param path     the field
 * @param prefix   what has been typed; choices that do not begin with it are left out
 * @param to       for kit_choices_add(); valid during the call
 */
typedef void kit_complete(void *arg, const char *command, const char *path, const char *prefix,
                          struct kit_choices *to);

/**
 * Makes a table of commands.
 *
 * @param vat        the service's loop
 * @param table      the commands; must stay as long as it is the table
 * @param n          how many, at most KIT_COMMANDS_MAX
 * @param complete   asked for what a field may be; NULL: nothing
 * @param arg        handed to complete
 * @param ret_k      the table; freed by kit_commands_free()
 * @return           0; -EINVAL: more than there may be; -ENOMEM
 */
int kit_commands_new(capnp_vat *vat, const struct kit_command *table, uint32_t n,
                     kit_complete *complete, void *arg, struct kit_commands **ret_k) CAPNP_MUST_USE;

/**
 * Frees a table. Who waits is refused.
 *
 * @param k  the table, or NULL
 * @return   NULL
 */
struct kit_commands *kit_commands_free(struct kit_commands *k);

/**
 * Replaces the commands; the revision grows, and whoever waits for that is told.
 *
 * @param k      the table
 * @param table  the commands from now on; must stay as long as it is the table
 * @param n      how many, at most KIT_COMMANDS_MAX: the rest is left out
 */
void kit_commands_set(struct kit_commands *k, const struct kit_command *table, uint32_t n);

/**
 * The handler of CommandSurface.commands: tells the table, or waits for another.
 *
 * @param k  the table
 * @param a  the answer; taken
 * @return   what a handler returns
 */
int kit_commands_answer(struct kit_commands *k, capnp_answer *a);

/**
 * The handler of CommandSurface.complete.
 *
 * @param k  the table
 * @param a  the answer; taken
 * @return   what a handler returns
 */
int kit_commands_complete(struct kit_commands *k, capnp_answer *a);

/**
 * Adds a choice to a completion, if it begins with what was typed and there is room.
 *
 * @param to  from kit_complete
 * @param c   the choice; copied
 */
void kit_choices_add(struct kit_choices *to, const struct kit_choice *c);

#endif
