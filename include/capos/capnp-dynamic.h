/**
 * @file
 * Cap'n Proto by schema at run time: any message as JSON or as Cap'n Proto text and back, and any
 * method called by its name.
 *
 * A registry (capnp_schema) holds declarations. They come from generated code, which embeds them,
 * or from a peer, whose bytes are believed nothing. Everything else takes the registry and the type
 * id of a struct.
 *
 * What the author of a schema wrote beside the types comes along: comments, defaults, annotations.
 * Of a peer's these are a peer's words: they are UTF-8, and whoever shows them to a person filters
 * them as any other text of a stranger.
 *
 * How values look in JSON, as in the reference's own: 64-bit integers as strings; floats as
 * numbers, and "NaN", "Infinity", "-Infinity"; Data as a list of numbers; enums by name (a number
 * when the schema has no name for it); of a union the active member alone, and last; Void as null;
 * fields that are null pointers are left out, in a list they are the empty value. What the
 * reference has no way to write: a reference is {"$cap": n}, or null, or {"$cap": "word"} where the
 * options give it one; an AnyPointer is {"$any": "…"}, the base64 of a serialized message with that
 * root, or a reference, or null. What is not UTF-8 in a text becomes U+FFFD.
 *
 * A schema may say otherwise with the annotations of the reference's json.capnp, which are heeded
 * both ways: name, flatten (with a prefix), discriminator (name, valueName), base64, hex. The
 * annotation notification is about calls, not values, and means nothing here.
 *
 * Parsing takes all of this, and what others write: numbers with a point or an exponent where they
 * are integers (1.0, 1e2) and numbers in quotes for any number type; enums by number; Data as a
 * string, in base64 unless the schema says hex; null for any pointer. Fields that the schema does
 * not have are left out, unless the options say that they are an error.
 *
 * What JSON a type has is told as JSON Schema, for validators and for models that are to write it.
 *
 * The Cap'n Proto text form is what `capnp encode` reads and `capnp decode` writes. What is printed
 * in it is read back: an enumerant without a name is its number in parentheses, (700), and what is
 * not UTF-8 is escaped.
 */
#ifndef CAPOS_CAPNP_DYNAMIC_H
#define CAPOS_CAPNP_DYNAMIC_H

#include "capnp-msg.h"
#include "capnp-rpc.h"
#include "capnp-schema.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Declarations, found by id or by name. */
typedef struct capnp_schema capnp_schema;
/** One declaration in a registry; valid until the registry is freed. */
typedef struct capnp_decl capnp_decl;

/** What a declaration declares (schema.capnp, Node, same values). */
enum capnp_decl_kind {
        CAPNP_DECL_FILE,       /**< a file of declarations */
        CAPNP_DECL_STRUCT,     /**< a struct, a group, or the parameters or results of a method */
        CAPNP_DECL_ENUM,       /**< an enum */
        CAPNP_DECL_INTERFACE,  /**< an interface */
        CAPNP_DECL_CONST,      /**< a constant */
        CAPNP_DECL_ANNOTATION, /**< an annotation */
};

/** Bytes that grow up to a maximum. Always followed by a NUL that is not counted. */
struct capnp_buf {
        char *p;     /**< the bytes; NULL while there are none; aligned for a message */
        size_t len;  /**< how many */
        size_t room; /**< bytes at p */
        size_t max;  /**< what len may become */
};

/** A field of a struct, or of a group. */
struct capnp_field_info {
        const char *name;  /**< as in the schema */
        uint64_t type;     /**< id of the struct, group, enum or interface in its type; 0: none */
        bool is_group;     /**< its members lie in the struct that it is in */
        bool in_union;     /**< a member of the struct's unnamed union */
        uint16_t value;    /**< of the union's discriminant when it is the active member */
        uint8_t lists;     /**< how many List( ) are around the type */
        uint8_t base_type; /**< the innermost type (schema.capnp, Type, which) */
        bool has_default;  /**< the schema gives it one: capnp_text_print_default() */
        const char *doc;   /**< the comment on it, see capnp_decl_doc(); "": none */
};

/** The value of an annotation. */
struct capnp_annotation {
        uint8_t type;    /**< its type (schema.capnp, Value, which); 14: a list, of whatever */
        uint64_t bits;   /**< of a number, an enum, a bool: zero-extended */
        capnp_text text; /**< of a Text; p NULL: it is none */
        capnp_any any;   /**< of anything else that is a pointer; may be of any kind */
};

/** For capnp_decl_annotation(): the declaration itself, and none of its members. */
#define CAPNP_DECL_ITSELF UINT32_MAX

/** A method of an interface. */
struct capnp_method_info {
        const char *name;   /**< as in the schema */
        uint64_t interface; /**< the interface that declares it: what a call names */
        uint16_t ordinal;   /**< its number there */
        bool stream;        /**< declared `-> stream` */
        uint64_t params;    /**< type id of its parameter struct */
        uint64_t results;   /**< type id of its result struct */
};

/** Where a text is wrong, and why. */
struct capnp_fault {
        uint32_t line;   /**< from 1; 0: there is no fault, or it has no place in a text */
        uint32_t column; /**< from 1, in characters */
        char path[256];  /**< the field: `services[0].name`; "" at the top */
        char what[256];  /**< for a person: `expected a text` */
};

/** Room for the word that a reference is shown by, its NUL included. */
#define CAPNP_CAP_WORD 64

/** How references appear in texts, and what a text may cost. Zeroed, or NULL: the defaults. */
struct capnp_dynamic_opts {
        /**
         * Printing: the number a reference is shown by. interface: what the schema says it is, 0
         * when it says nothing. Anything but 0 ends the printing with that code. NULL: references
         * are numbered from 0 as they appear.
         */
        int (*number)(void *arg, capnp_cap *c, uint64_t interface, uint32_t *ret_n);
        /** Parsing: the reference with a number, borrowed; NULL: there is none. */
        capnp_cap *(*find)(void *arg, uint32_t n);
        /**
         * Printing JSON: the word a reference is shown by, {"$cap": "word"}, in place of a number.
         * interface: as above. word: NUL-terminated. Anything but 0 ends the printing with that
         * code.
         */
        int (*word)(void *arg, capnp_cap *c, uint64_t interface, char word[CAPNP_CAP_WORD]);
        /**
         * Parsing JSON: the reference with a word, borrowed; NULL: there is none, or none that can
         * be had for the interface that is wanted (0: whatever it is). When it is set, a reference
         * that is given by a number is an error.
         */
        capnp_cap *(*find_word)(void *arg, capnp_text word, uint64_t interface);
        /**
         * Parsing JSON: {"$mailbox": true} where an object of an interface is expected: makes one,
         * whose first reference is the caller's. CAPNP_E_UNKNOWN: none is to be had for this
         * interface; any other code ends the parsing. ret_c NULL: nothing is made, the question is
         * whether one would be (capnp_jsonschema_print()). NULL: there are no mailboxes.
         */
        int (*mailbox)(void *arg, uint64_t interface, capnp_cap **ret_c);
        void *arg;           /**< handed to all of them */
        bool pretty;         /**< printing: over several lines */
        bool base64;         /**< printing JSON: Data is a string of base64, unless the schema says
                                  hex; else a list of numbers, unless it says base64 or hex */
        bool reject_unknown; /**< parsing JSON: a field that the schema does not have is an error,
                                  told with the name that may have been meant; else it is left out
                              */
        uint32_t depth; /**< nesting: of what is printed no limit but the message's own; of what
                             is parsed 64, and 512 at most */
        uint32_t text_bytes; /**< the longest text that is parsed: 16 MiB. Parsing takes up to 16
                                  times as much memory for a while */
};

/* ---- buffers ------------------------------------------------------------------------------ */

/**
 * Makes an empty buffer. It allocates nothing yet.
 *
 * @param b          the buffer
 * @param max_bytes  what it may grow to
 */
CAPNP_PUBLIC void capnp_buf_init(struct capnp_buf *b, size_t max_bytes);

/**
 * Frees what a buffer holds; it is empty then and can be used again. Also a CAPNP_AUTO function.
 *
 * @param b  the buffer, initialised or zeroed
 */
CAPNP_PUBLIC void capnp_buf_deinit(struct capnp_buf *b);

/* ---- the registry ------------------------------------------------------------------------- */

/**
 * Makes an empty registry.
 *
 * @param ret_s  the registry; the caller frees it with capnp_schema_free()
 * @return       0; -ENOMEM
 */
CAPNP_PUBLIC int capnp_schema_new(capnp_schema **ret_s) CAPNP_MUST_USE;

/**
 * Frees a registry and its declarations.
 *
 * @param s  the registry, or NULL
 * @return   NULL
 */
CAPNP_PUBLIC capnp_schema *capnp_schema_free(capnp_schema *s);

/**
 * capnp_schema_free() for CAPNP_AUTO.
 *
 * @param s  the variable; set to NULL
 */
static inline void capnp_schema_freep(capnp_schema **s)
{
        *s = capnp_schema_free(*s);
}

/**
 * Adds the declarations of generated code: a file's, and those of all files it imports. What is
 * there already stays as it is.
 *
 * @param s  the registry
 * @param f  the file (conf.capnp: &conf_capnp_schema); its constants must outlive the registry
 * @return   0; CAPNP_E_POISON: the constants are not what a generator writes; -ENOMEM. On an error
 *           nothing was added.
 */
CAPNP_PUBLIC int capnp_schema_add_file(capnp_schema *s,
                                       const struct capnp_schema_file *f) CAPNP_MUST_USE;

/**
 * Adds the declarations of a serialized CodeGeneratorRequest (schema.capnp), which may come from a
 * peer: what is not a possible declaration is refused. Declarations that are there already stay as
 * they are, so a peer cannot redefine them.
 *
 * @param s    the registry
 * @param b    the message in stream framing, 8-byte aligned; copied
 * @param len  its bytes
 * @param l    limits for the message, or NULL for the defaults
 * @return     0; CAPNP_E_SHORT, CAPNP_E_LIMIT, CAPNP_E_POISON: as capnp_msg_parse(), and
 *             CAPNP_E_POISON for impossible declarations; -ENOMEM. On an error nothing was added.
 */
CAPNP_PUBLIC int capnp_schema_add_request(capnp_schema *s, const void *b, size_t len,
                                          const struct capnp_limits *l) CAPNP_MUST_USE;

/**
 * Writes the declarations of generated code, with all files that it imports and all comments, as a
 * serialized CodeGeneratorRequest: what a schema compiler would hand to a generator. Needs no
 * registry.
 *
 * @param f   the file (conf.capnp: &conf_capnp_schema); NULL: the request declares nothing
 * @param to  where the bytes are appended
 * @return    0; CAPNP_E_LIMIT: larger than to may become, or more than 256 files; -ENOMEM. On an
 *            error nothing was appended.
 */
CAPNP_PUBLIC int capnp_schema_write_file(const struct capnp_schema_file *f,
                                         struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * Writes a declaration and all it stands on (types of fields, parameters and results, extended
 * interfaces, the files they are in) as a serialized CodeGeneratorRequest, with their comments.
 *
 * @param s   the registry
 * @param id  the declaration, usually an interface
 * @param to  where the bytes are appended
 * @return    0; CAPNP_E_UNKNOWN: no such declaration; CAPNP_E_LIMIT: larger than to may become;
 *            -ENOMEM. On an error nothing was appended.
 */
CAPNP_PUBLIC int capnp_schema_dump(const capnp_schema *s, uint64_t id,
                                   struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * The declaration with an id.
 *
 * @param s   the registry
 * @param id  the type id
 * @return    the declaration; NULL: there is none
 */
CAPNP_PUBLIC const capnp_decl *capnp_schema_find(const capnp_schema *s, uint64_t id);

/**
 * The declaration with a name: `chat.capnp:Chat.Member` as it displays itself, the part after the
 * colon, or the last part alone.
 *
 * @param s     the registry
 * @param name  the name
 * @return      the declaration that has it in the fullest form; NULL: there is none, or several
 *              have it in the same form
 */
CAPNP_PUBLIC const capnp_decl *capnp_schema_find_name(const capnp_schema *s, const char *name);

/**
 * Walks the declarations, ordered by id.
 *
 * @param s  the registry
 * @param i  from 0
 * @return   the declaration; NULL past the last
 */
CAPNP_PUBLIC const capnp_decl *capnp_schema_at(const capnp_schema *s, uint32_t i);

/* ---- declarations ------------------------------------------------------------------------- */

/**
 * The id of a declaration.
 *
 * @param d  the declaration
 * @return   its type id
 */
CAPNP_PUBLIC uint64_t capnp_decl_id(const capnp_decl *d);

/**
 * The kind of a declaration.
 *
 * @param d  the declaration
 * @return   one of enum capnp_decl_kind
 */
CAPNP_PUBLIC enum capnp_decl_kind capnp_decl_kind(const capnp_decl *d);

/**
 * The name a declaration displays: `chat.capnp:Chat.Member`.
 *
 * @param d  the declaration
 * @return   valid UTF-8, borrowed from the registry
 */
CAPNP_PUBLIC const char *capnp_decl_name(const capnp_decl *d);

/**
 * The last part of a declaration's name: `Member`.
 *
 * @param d  the declaration
 * @return   borrowed from the registry
 */
CAPNP_PUBLIC const char *capnp_decl_short_name(const capnp_decl *d);

/**
 * The number of fields of a struct, enumerants of an enum, own methods of an interface.
 *
 * @param d  the declaration
 * @return   how many; 0 for others
 */
CAPNP_PUBLIC uint32_t capnp_decl_count(const capnp_decl *d);

/**
 * A field of a struct.
 *
 * @param d      the struct
 * @param i      from 0, in the order of the schema's ordinals
 * @param ret_f  filled in
 * @return       0; CAPNP_E_UNKNOWN: no such field, or not a struct
 */
CAPNP_PUBLIC int capnp_decl_field(const capnp_decl *d, uint32_t i,
                                  struct capnp_field_info *ret_f) CAPNP_MUST_USE;

/**
 * Writes the type of a field as a schema has it: `List(ChatEvent)`.
 *
 * @param s   the registry
 * @param d   the struct
 * @param i   the field, as capnp_decl_field() counts
 * @param to  where the text is appended
 * @return    0; CAPNP_E_UNKNOWN: no such field; CAPNP_E_LIMIT: larger than to may become; -ENOMEM
 */
CAPNP_PUBLIC int capnp_decl_field_type(const capnp_schema *s, const capnp_decl *d, uint32_t i,
                                       struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * The name of an enumerant.
 *
 * @param d  the enum
 * @param v  its value
 * @return   borrowed from the registry; NULL: the schema has no name for it, or d is no enum
 */
CAPNP_PUBLIC const char *capnp_decl_enumerant(const capnp_decl *d, uint16_t v);

/**
 * The comment on a declaration.
 *
 * @param d  the declaration
 * @return   UTF-8, as the schema compiler read it: lines that end with newlines. "": there is none,
 *           or what a peer gave as one is no UTF-8. May hold control characters. Borrowed from the
 *           registry
 */
CAPNP_PUBLIC const char *capnp_decl_doc(const capnp_decl *d);

/**
 * The comment on a member of a declaration.
 *
 * @param d  the declaration
 * @param i  of a struct: which field, as capnp_decl_field() counts; of an enum: the value; of an
 *           interface: the ordinal of one of its own methods
 * @return   as capnp_decl_doc()
 */
CAPNP_PUBLIC const char *capnp_decl_member_doc(const capnp_decl *d, uint32_t i);

/**
 * The comment on a method.
 *
 * @param s  the registry
 * @param m  the method
 * @return   as capnp_decl_doc()
 */
CAPNP_PUBLIC const char *capnp_method_doc(const capnp_schema *s, const struct capnp_method_info *m);

/**
 * Looks for an annotation on a declaration, or on a member of it.
 *
 * @param d       the declaration
 * @param member  which, as capnp_decl_member_doc() counts; CAPNP_DECL_ITSELF: none of them
 * @param id      the annotation's id (its declaration need not be in the registry)
 * @param ret_a   filled in; borrowed from the registry
 * @return        0; CAPNP_E_UNKNOWN: there is none, or no such member
 */
CAPNP_PUBLIC int capnp_decl_annotation(const capnp_decl *d, uint32_t member, uint64_t id,
                                       struct capnp_annotation *ret_a) CAPNP_MUST_USE;

/**
 * Looks for an annotation on a method.
 *
 * @param s      the registry
 * @param m      the method
 * @param id     the annotation's id
 * @param ret_a  filled in; borrowed from the registry
 * @return       0; CAPNP_E_UNKNOWN: there is none
 */
CAPNP_PUBLIC int capnp_method_annotation(const capnp_schema *s, const struct capnp_method_info *m,
                                         uint64_t id,
                                         struct capnp_annotation *ret_a) CAPNP_MUST_USE;

/**
 * One of an interface's own methods.
 *
 * @param d      the interface
 * @param i      its ordinal
 * @param ret_m  filled in
 * @return       0; CAPNP_E_UNKNOWN: no such method, or not an interface
 */
CAPNP_PUBLIC int capnp_decl_method(const capnp_decl *d, uint32_t i,
                                   struct capnp_method_info *ret_m) CAPNP_MUST_USE;

/**
 * Walks the methods of an interface: its own first, then those of the interfaces it extends.
 *
 * @param s          the registry
 * @param interface  the interface's type id
 * @param i          from 0
 * @param ret_m      filled in
 * @return           0; CAPNP_E_UNKNOWN: past the last, or no such interface
 */
CAPNP_PUBLIC int capnp_schema_method(const capnp_schema *s, uint64_t interface, uint32_t i,
                                     struct capnp_method_info *ret_m) CAPNP_MUST_USE;

/**
 * The method with a name.
 *
 * @param s          the registry
 * @param interface  the interface's type id, inherited methods count; 0: whichever interface in the
 *                   registry has the only method of that name
 * @param name       the method's name
 * @param ret_m      filled in
 * @return           0; CAPNP_E_UNKNOWN: there is none, or (without an interface) several
 */
CAPNP_PUBLIC int capnp_schema_find_method(const capnp_schema *s, uint64_t interface,
                                          const char *name,
                                          struct capnp_method_info *ret_m) CAPNP_MUST_USE;

/**
 * Writes how a method is called: `join(channel :Text) -> (membership :ChatMembership)`. A
 * parameter's default is written behind it, `count :UInt32 = 20`, unless it is a long one.
 *
 * @param s   the registry
 * @param m   the method
 * @param to  where the text is appended
 * @return    0; CAPNP_E_LIMIT: larger than to may become; -ENOMEM
 */
CAPNP_PUBLIC int capnp_schema_usage(const capnp_schema *s, const struct capnp_method_info *m,
                                    struct capnp_buf *to) CAPNP_MUST_USE;

/* ---- JSON and text ------------------------------------------------------------------------ */

/**
 * Prints a struct as JSON, without a newline at the end.
 *
 * @param s     the registry
 * @param type  the struct's type id
 * @param r     the struct
 * @param o     options, or NULL
 * @param to    where the text is appended; what was appended before an error is cut off again
 * @return      0; CAPNP_E_UNKNOWN: the registry lacks the type, or one that is used in it;
 *              CAPNP_E_LIMIT: larger than to may become, or nested too deeply; CAPNP_E_POISON: the
 *              message is bad; -ENOMEM
 */
CAPNP_PUBLIC int capnp_json_print(const capnp_schema *s, uint64_t type, capnp_reader r,
                                  const struct capnp_dynamic_opts *o,
                                  struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * Prints a struct in Cap'n Proto text form, as `capnp decode` does (`--short`, unless pretty),
 * without a newline at the end. References and AnyPointers cannot be read back.
 *
 * @param s     the registry
 * @param type  the struct's type id
 * @param r     the struct
 * @param o     options, or NULL
 * @param to    where the text is appended; what was appended before an error is cut off again
 * @return      as capnp_json_print()
 */
CAPNP_PUBLIC int capnp_text_print(const capnp_schema *s, uint64_t type, capnp_reader r,
                                  const struct capnp_dynamic_opts *o,
                                  struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * Prints the default of a field as JSON: what it is when nobody sets it, whether the schema says so
 * or the type does.
 *
 * @param s   the registry
 * @param d   the struct
 * @param i   the field, as capnp_decl_field() counts
 * @param o   options, or NULL
 * @param to  where the text is appended; what was appended before an error is cut off again
 * @return    as capnp_json_print(); CAPNP_E_UNKNOWN also for a group, and when there is no such
 *            field
 */
CAPNP_PUBLIC int capnp_json_print_default(const capnp_schema *s, const capnp_decl *d, uint32_t i,
                                          const struct capnp_dynamic_opts *o,
                                          struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * Prints the default of a field in Cap'n Proto text form, as a schema would have it.
 *
 * @param s   the registry
 * @param d   the struct
 * @param i   the field, as capnp_decl_field() counts
 * @param o   options, or NULL
 * @param to  where the text is appended; what was appended before an error is cut off again
 * @return    as capnp_json_print_default()
 */
CAPNP_PUBLIC int capnp_text_print_default(const capnp_schema *s, const capnp_decl *d, uint32_t i,
                                          const struct capnp_dynamic_opts *o,
                                          struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * Reads JSON into a new struct: one object, UTF-8, no duplicate key, no number out of range.
 *
 * @param s      the registry
 * @param type   the struct's type id
 * @param text   the text; needs no NUL
 * @param o      options, or NULL
 * @param to     the slot for the struct; after an error its content means nothing
 * @param ret_f  what is wrong with the text, when it is the text; may be NULL
 * @return       0; CAPNP_E_SYNTAX: the text is wrong; CAPNP_E_UNKNOWN: a field, enumerant, type or
 *               reference that does not exist; CAPNP_E_LIMIT: too large or nested too deeply;
 *               -ENOMEM
 */
CAPNP_PUBLIC int capnp_json_parse(const capnp_schema *s, uint64_t type, capnp_text text,
                                  const struct capnp_dynamic_opts *o, capnp_abuilder to,
                                  struct capnp_fault *ret_f) CAPNP_MUST_USE;

/**
 * Reads Cap'n Proto text into a new struct: `(name = "x", list = [1, 2])`, with # comments.
 *
 * @param s      the registry
 * @param type   the struct's type id
 * @param text   the text; needs no NUL
 * @param o      options, or NULL; references have no text form
 * @param to     the slot for the struct; after an error its content means nothing
 * @param ret_f  what is wrong with the text, when it is the text; may be NULL
 * @return       as capnp_json_parse()
 */
CAPNP_PUBLIC int capnp_text_parse(const capnp_schema *s, uint64_t type, capnp_text text,
                                  const struct capnp_dynamic_opts *o, capnp_abuilder to,
                                  struct capnp_fault *ret_f) CAPNP_MUST_USE;

/** What a JSON Schema is to describe. */
enum capnp_jsonschema {
        CAPNP_JSONSCHEMA_PARAMS,  /**< what capnp_json_parse() takes */
        CAPNP_JSONSCHEMA_RESULTS, /**< what capnp_json_print() writes */
};

/**
 * Prints what JSON a struct has as JSON Schema (2020-12, without a `$schema`), in one line without
 * a newline. Types are written out where they are used, six structs deep; those that contain
 * themselves, and what is nested more deeply, are in `$defs`. Comments become descriptions. Nothing
 * refers to anything outside.
 *
 * The schema of a whole is `{"type": "object", "properties": …, "additionalProperties": false}`
 * without `oneOf` and its kin, which many programs refuse there: that at most one member of its
 * union may be given is said in its description. Further down `oneOf` says it. A schema cannot say
 * how large a 64-bit integer is, nor that flattened structs (json.capnp) have unions: there,
 * capnp_json_parse() refuses more than the schema does.
 *
 * What is a parameter may be left out; then it has its default. Of results, all is required that
 * is always printed. A reference is `{"$cap": …}`; where o->mailbox offers a mailbox, a parameter
 * is
 * `{"$mailbox": true}`. An enumerant is a name; in results also a number, which the schema has no
 * name for. Unknown members are an error, as with o->reject_unknown.
 *
 * @param s     the registry
 * @param type  the struct's type id; of a method: params or results in its capnp_method_info
 * @param what  parameters, or results
 * @param o     the options that values are parsed or printed with: word, find_word, mailbox and
 *              base64 are heeded; or NULL
 * @param to    where the text is appended; what was appended before an error is cut off again
 * @return      0; CAPNP_E_UNKNOWN: it holds something of which nothing is known: an AnyPointer, a
 *              type parameter that stands for nothing, a type that the registry lacks, keys that
 *              are the same; CAPNP_E_LIMIT: larger than to may become, or too much to look through;
 *              -ENOMEM
 */
CAPNP_PUBLIC int capnp_jsonschema_print(const capnp_schema *s, uint64_t type,
                                        enum capnp_jsonschema what,
                                        const struct capnp_dynamic_opts *o,
                                        struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * Says a fault in one line: `file:3:12: services[0].name: expected a text`.
 *
 * @param f     the fault
 * @param file  the name to begin with; NULL: begins with the line
 * @param to    where the line is appended, without a newline
 * @return      0; CAPNP_E_LIMIT; -ENOMEM
 */
CAPNP_PUBLIC int capnp_fault_print(const struct capnp_fault *f, const char *file,
                                   struct capnp_buf *to) CAPNP_MUST_USE;

/* ---- calls -------------------------------------------------------------------------------- */

/** Whom to call, and what. */
struct capnp_dynamic_method {
        capnp_vat *vat;                /**< the vat */
        capnp_cap *target;             /**< the object; borrowed */
        struct capnp_method_info info; /**< from capnp_schema_find_method() */
};

/**
 * Begins a call whose parameters are given as JSON. The question is sent as any other, by
 * capnp_question_wait() or one of its sisters; its response is printed by
 * capnp_dynamic_results().
 *
 * @param s       the registry
 * @param m       whom to call
 * @param params  a JSON object; p NULL or an empty text stands for {}
 * @param o       options, or NULL
 * @param ret_q   the question, not yet sent; the caller's
 * @param ret_f   what is wrong with params; may be NULL
 * @return        as capnp_json_parse()
 */
CAPNP_PUBLIC int capnp_dynamic_call(const capnp_schema *s, const struct capnp_dynamic_method *m,
                                    capnp_text params, const struct capnp_dynamic_opts *o,
                                    capnp_question **ret_q,
                                    struct capnp_fault *ret_f) CAPNP_MUST_USE;

/**
 * Prints the results of a call as JSON.
 *
 * @param s   the registry
 * @param m   what was called
 * @param q   the question; it has returned
 * @param o   options, or NULL; number is told the interface that the schema gives each reference
 * @param to  where the text is appended
 * @return    as capnp_json_print(); or what capnp_question_result() returns when that is not 0
 */
CAPNP_PUBLIC int capnp_dynamic_results(const capnp_schema *s, const struct capnp_method_info *m,
                                       capnp_question *q, const struct capnp_dynamic_opts *o,
                                       struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * A reference in the results of a call, by the names that lead to it: `membership`, `a.b.object`.
 * Before the return it is a promise, as capnp_question_cap_peek() has it, so that a call on it need
 * not wait.
 *
 * @param s              the registry
 * @param m              what was called
 * @param q              the question; sent
 * @param path           names of fields, with dots between; 16 pointers at most
 * @param ret_c          borrowed until q is freed; NULL: the call has failed, or there is a null
 * @param ret_interface  what the schema says it is; 0 when it says nothing
 * @return               0; CAPNP_E_UNKNOWN: the results have no reference of that name
 */
CAPNP_PUBLIC int capnp_dynamic_cap_peek(const capnp_schema *s, const struct capnp_method_info *m,
                                        capnp_question *q, const char *path, capnp_cap **ret_c,
                                        uint64_t *ret_interface) CAPNP_MUST_USE;

/* ---- objects ------------------------------------------------------------------------------ */

/** What an object does that is served by its schema alone. */
struct capnp_dynamic_ops {
        /**
         * One of its methods is called, also one of an interface that it extends. The handler ends
         * the answer, or keeps it, as any other (capnp_handler). It reads the parameters with
         * capnp_dynamic_params() or with capnp_answer_params(), and answers by
         * capnp_dynamic_answer(). m: valid during the call.
         */
        int (*call)(void *self, const struct capnp_method_info *m, capnp_answer *a);
        /** Once, after the last reference has gone; may be NULL. */
        void (*gone)(void *self);
};

/**
 * Makes an object of any interface. What the interface does not have is answered `unimplemented`
 * without asking.
 *
 * @param v          the vat it lives in
 * @param s          the registry; must outlive the object
 * @param interface  the interface's type id
 * @param ops        what it does; must outlive the object
 * @param self       handed to both
 * @param ret_c      the first reference; the caller's
 * @return           0; CAPNP_E_UNKNOWN: the registry has no such interface; -ENOMEM
 */
CAPNP_PUBLIC int capnp_dynamic_serve(capnp_vat *v, const capnp_schema *s, uint64_t interface,
                                     const struct capnp_dynamic_ops *ops, void *self,
                                     capnp_cap **ret_c) CAPNP_MUST_USE;

/**
 * Prints the parameters of a call as JSON.
 *
 * @param s   the registry
 * @param m   what is called
 * @param a   the answer
 * @param o   options, or NULL; number is told the interface that the schema gives each reference
 * @param to  where the text is appended
 * @return    as capnp_json_print(); CAPNP_E_POISON: the caller sent no such parameters
 */
CAPNP_PUBLIC int capnp_dynamic_params(const capnp_schema *s, const struct capnp_method_info *m,
                                      capnp_answer *a, const struct capnp_dynamic_opts *o,
                                      struct capnp_buf *to) CAPNP_MUST_USE;

/**
 * Fills in the results of a call from JSON; capnp_answer_return() then sends them.
 *
 * @param s        the registry
 * @param m        what is called
 * @param a        the answer, not ended
 * @param results  a JSON object; p NULL or an empty text stands for {}
 * @param o        options, or NULL
 * @param ret_f    what is wrong with results; may be NULL
 * @return         as capnp_json_parse()
 */
CAPNP_PUBLIC int capnp_dynamic_answer(const capnp_schema *s, const struct capnp_method_info *m,
                                      capnp_answer *a, capnp_text results,
                                      const struct capnp_dynamic_opts *o,
                                      struct capnp_fault *ret_f) CAPNP_MUST_USE;

#ifdef __cplusplus
}
#endif

#endif
