/*
 * Items are walked before libcbor builds them: a length that the bytes do not bear out never
 * becomes an allocation, and nothing is nested so deep that freeing it needs much stack. CTAP2 has
 * only definite lengths, no tags, and four levels.
 */
#include "passkey-cbor.h"

#include <cbor.h>
#include <string.h>

enum { DEPTH = 8 };

enum major { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

enum { ARGUMENT_1 = 24, ARGUMENT_8 = 27, SIMPLE_LEAST = 20, SIMPLE_MOST = 22 };

/* What waits for its members, from the outside in. */
struct walk {
        const uint8_t *p;
        size_t left;
        uint64_t open[DEPTH]; /* members to come */
        unsigned depth;
};

/* The number in or behind an initial byte. */
static bool walk_argument(struct walk *w, uint8_t low, uint64_t *ret)
{
        size_t n;

        *ret = low;
        if (low < ARGUMENT_1)
                return true;

        n = (size_t)1 << (low - ARGUMENT_1);
        if (low > ARGUMENT_8 || w->left < n)
                return false;

        *ret = 0;
        for (size_t i = 0; i < n; i++)
                *ret = *ret << 8 | w->p[i];
        w->p += n;
        w->left -= n;
        return true;
}

static bool walk_skip(struct walk *w, uint64_t n)
{
        if (n > w->left)
                return false;

        w->p += n;
        w->left -= (size_t)n;
        return true;
}

static bool walk_open(struct walk *w, uint64_t members)
{
        if (members > w->left || w->depth == DEPTH)
                return false;

        w->open[w->depth++] = members;
        return true;
}

/* One head, and the bytes of a string. */
static bool walk_head(struct walk *w)
{
        uint64_t n;
        uint8_t first;

        if (!w->left)
                return false;
        first = *w->p;
        w->p++;
        w->left--;
        if (!walk_argument(w, first & 0x1f, &n))
                return false;

        switch ((enum major)(first >> 5)) {
        case UNSIGNED:
        case NEGATIVE:
                return true;
        case BYTES:
        case TEXT:
                return walk_skip(w, n);
        case ARRAY:
                return walk_open(w, n);
        case MAP:
                return n <= UINT32_MAX && walk_open(w, n * 2);
        case TAG:
                return false;
        case SIMPLE:
                return (first & 0x1f) >= SIMPLE_LEAST && (first & 0x1f) <= SIMPLE_MOST;
        }
        return false;
}

bool passkey_cbor_take(capnp_data *in, capnp_data *ret_item)
{
        struct walk w = {.p = in->p, .left = in->len};

        do {
                while (w.depth && !w.open[w.depth - 1])
                        w.depth--;
                if (w.depth)
                        w.open[w.depth - 1]--;
                if (!walk_head(&w))
                        return false;
                while (w.depth && !w.open[w.depth - 1])
                        w.depth--;
        } while (w.depth);

        *ret_item = (capnp_data){in->p, (uint32_t)(in->len - w.left)};
        *in = (capnp_data){w.p, (uint32_t)w.left};
        return true;
}

/* NULL: it is none after all, or there is no memory. */
static cbor_item_t *item_load(capnp_data item)
{
        struct cbor_load_result r;
        cbor_item_t *i = cbor_load(item.p, item.len, &r);

        if (i && (r.error.code != CBOR_ERR_NONE || r.read != item.len))
                cbor_decref(&i);
        return i;
}

/* What a map has under a key. NULL: nothing, or two things. */
static const cbor_item_t *map_find(const cbor_item_t *map,
                                   bool (*is)(const cbor_item_t *key, const void *wanted),
                                   const void *wanted)
{
        struct cbor_pair *p = cbor_map_handle(map);
        const cbor_item_t *found = NULL;

        for (size_t i = 0; i < cbor_map_size(map); i++) {
                if (!is(p[i].key, wanted))
                        continue;
                if (found)
                        return NULL;
                found = p[i].value;
        }
        return found;
}

static bool item_is_text(const cbor_item_t *i, const void *text)
{
        size_t len = strlen(text);

        return cbor_isa_string(i) && cbor_string_length(i) == len &&
               !memcmp(cbor_string_handle(i), text, len);
}

static bool item_is_number(const cbor_item_t *i, const void *number)
{
        return cbor_isa_uint(i) && cbor_get_int(i) == *(const uint8_t *)number;
}

static bool text_is_new(const cbor_item_t *map, size_t at)
{
        const struct cbor_pair *p = cbor_map_handle(map);
        size_t len;

        if (!cbor_isa_string(p[at].key))
                return false;
        len = cbor_string_length(p[at].key);
        for (size_t i = 0; i < at; i++)
                if (cbor_string_length(p[i].key) == len &&
                    !memcmp(cbor_string_handle(p[i].key), cbor_string_handle(p[at].key), len))
                        return false;
        return true;
}

bool passkey_cbor_take_named(capnp_data *in)
{
        capnp_data item;
        cbor_item_t *i = passkey_cbor_take(in, &item) ? item_load(item) : NULL;
        bool good = i && cbor_isa_map(i);

        for (size_t at = 0; good && at < cbor_map_size(i); at++)
                good = text_is_new(i, at);
        if (i)
                cbor_decref(&i);
        return good;
}

static bool item_number(const cbor_item_t *i, int32_t *ret)
{
        uint64_t n;

        if (!i || !(cbor_isa_uint(i) || cbor_isa_negint(i)))
                return false;
        n = cbor_get_int(i);
        if (n >= INT32_MAX)
                return false;

        *ret = cbor_isa_uint(i) ? (int32_t)n : -1 - (int32_t)n;
        return true;
}

bool passkey_cbor_named(capnp_data map, const char *name, int32_t *ret)
{
        cbor_item_t *i = item_load(map);
        bool done = i && cbor_isa_map(i) && item_number(map_find(i, item_is_text, name), ret);

        if (i)
                cbor_decref(&i);
        return done;
}

bool passkey_cbor_numbered(capnp_data map, uint8_t key, int32_t *ret)
{
        cbor_item_t *i = item_load(map);
        bool done = i && cbor_isa_map(i) && item_number(map_find(i, item_is_number, &key), ret);

        if (i)
                cbor_decref(&i);
        return done;
}

bool passkey_cbor_text(capnp_data item, char *to, size_t room)
{
        cbor_item_t *i = item_load(item);
        size_t len = i && cbor_isa_string(i) ? cbor_string_length(i) : room;
        bool done = false;

        if (len < room) {
                memcpy(to, cbor_string_handle(i), len);
                to[len] = 0;
                done = strlen(to) == len;
        }
        if (i)
                cbor_decref(&i);
        return done;
}

/* The bytes lie at the end of their item. */
bool passkey_cbor_bytes(capnp_data item, capnp_data *ret)
{
        cbor_item_t *i = item_load(item);
        size_t len = i && cbor_isa_bytestring(i) ? cbor_bytestring_length(i) : 0;

        if (i)
                cbor_decref(&i);
        *ret = (capnp_data){item.p + (item.len - len), (uint32_t)len};
        return len > 0;
}
