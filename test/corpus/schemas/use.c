/*
 * One program of all files of the corpus: files of one name, declarations of one name, the code of
 * one file twice. What clashes is used by the names that the notes say.
 */
#include "alias.capnp-c.h"
#include "both.capnp-c.h"
#include "use.h"
#include "values.capnp-c.h"

/* Two files with an Item, and one of its own. */
static void use_both(void)
{
        both_item_reader two_ = two();
        capnp_msg *m = NULL;
        both_item_builder b;

        check(item_x(both_item_left(two_)) == 2);
        check(item_kind(both_item_left(two_)) == KIND_LEFT);
        check(capnp_reader_text(both_item_right(two_), 0).len == 3);
        check(!strcmp(capnp_reader_text(farther(), 0).p, "farther"));

        check(capnp_msg_new(&m) == 0);
        b = both_item_build(m);
        item_set_x(both_item_init_left(b), 40);
        capnp_builder_set_text(both_item_build_right(b), 0, "forty");
        both_item_set_far(b, 1);
        check(item_x(both_item_left(both_item_root(m))) == 40);
        check(!strcmp(capnp_reader_text(both_item_right(both_item_root(m)), 0).p, "forty"));
        check(both_item_far(both_item_root(m)) == 1);
        check(capnp_msg_check(m) == 0);
        capnp_msg_free(m);
}

static void use_alias(void)
{
        capnp_msg *m = NULL;

        check(capnp_msg_new(&m) == 0);
        end_set_x(user_init_end(user_build(m)), 9);
        check(end_x(user_end(user_root(m))) == 9);
        check(capnp_msg_check(m) == 0);
        capnp_msg_free(m);
}

static void use_values(void)
{
        capnp_msg *m = NULL;

        check(TEXT[1] == '\0' && sizeof(TEXT) == 19 && !memcmp(TEXT + 7, "%n?\?/", 5));
        check(strlen(LONG) == 5000 && LONG[4999] == '9');
        check(long_data().len == 5000 && long_data().p[1] == 0xff && long_data().p[4999] == 0xff);
        check(COLOUR == COLOUR_GREEN && I64 == INT64_MIN && U64 == UINT64_MAX);
        check(defaults_j(struct_()) == 3 && !strcmp(defaults_t(struct_()).p, "const"));
        check(defaults_list_len(structs()) == 2);

        check(capnp_msg_new(&m) == 0);
        check(long_t(long_root(m)).len == 5000 && long_t(long_root(m)).p[5000] == '\0');
        check(long_d(long_root(m)).len == 5000 && long_d(long_root(m)).p[4999] == 0x0a);
        capnp_msg_free(m);
}

int main(void)
{
        use_both();
        use_alias();
        use_values();
        use_words();
        use_nested();
        use_left();
        use_right();
        use_enums();
        puts("used");
        return 0;
}
