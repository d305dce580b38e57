/* What `capos run` makes of the fields of a command. */
#ifndef CAPOS_CLI_COMMAND_FIELDS_H
#define CAPOS_CLI_COMMAND_FIELDS_H

#include "cli.h"

#include "command.capnp-c.h"

/* Checks the words FIELD=VALUE, from the first on, against the fields of a command, asks on the
 * terminal for what is missing, and makes the parameters of its call: JSON, to be freed. surface:
 * asked for choices. ret_typed: all of them were given here, and nothing by the service. Nothing
 * has been sent for the command when it fails. An exit code. */
int command_fields_read(struct cli *c, capnp_cap *surface, command_reader command,
                        char **ret_params, bool *ret_typed) CAPNP_MUST_USE;
/* For completion: what the next word of `run CAP ...` may be, given to offer as far as it begins
 * with word. words: those before it. Waits but a moment. */
void command_offer(struct cli *c, const char *const *words, unsigned n, const char *word,
                   void (*offer)(const char *candidate, const char *word));
/* Whether a text of a service's can stand in a line as it is: no character of it steers a terminal,
 * ends a word, or means something to a shell. */
bool command_word_is_harmless(const char *s);
/* The name of a kind, for a person: "a whole number". */
const char *command_kind_words(enum command_field_kind kind);
/* Asks for a line on the terminal. false: there is none, or nothing was typed. */
bool command_ask(struct cli *c, const char *prompt, char *to, size_t room);

#endif
