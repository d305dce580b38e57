/*
 * Against the reference: what `capnp encode` writes is read here, what is built here `capnp decode`
 * reads, packed forms are the same bytes, and old and new versions of a struct understand each
 * other in both directions. Skipped where the tool is not installed.
 */
#include "test-msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct bytes {
        uint8_t p[1 << 20] __attribute__((aligned(8)));
        size_t len;
};

/* Runs the tool with a file as its input; what it prints. */
static void tool(const char *command, const char *type, const void *in, size_t len,
                 struct bytes *ret)
{
        const char *dir = getenv("CAPOS_SRCDIR");
        char path[] = "/tmp/test-msg-XXXXXX", line[512];
        int fd = mkstemp(path);
        FILE *f;

        CHECK(fd >= 0 && write(fd, in, len) == (ssize_t)len);
        close(fd);
        snprintf(line, sizeof(line), "capnp %s %s/lib/msg/test-msg.capnp %s < %s", command,
                 dir ? dir : ".", type, path);
        f = popen(line, "r");
        CHECK(f);
        ret->len = fread(ret->p, 1, sizeof(ret->p) - 1, f);
        ret->p[ret->len] = 0;
        CHECK_EQ(pclose(f), 0);
        unlink(path);
}

static void tool_encode(const char *command, const char *type, const char *text, struct bytes *ret)
{
        tool(command, type, text, strlen(text), ret);
}

static void tool_need(void)
{
        FILE *f = popen("command -v capnp >/dev/null 2>&1", "r");

        CHECK(f);
        if (pclose(f))
                test_skip("the capnp tool is not installed");
}

static void write_msg(const capnp_msg *m, struct bytes *ret)
{
        ret->len = capnp_msg_size(m);
        CHECK_OK(capnp_msg_write(m, ret->p, sizeof(ret->p)));
}

static capnp_msg *parse(const struct bytes *b)
{
        capnp_msg *m;

        CHECK_OK(capnp_msg_parse(b->p, b->len, NULL, &m));
        return m;
}

static const char all_text[] =
        "(v = void, bool = false, i8 = -7, i16 = -300, i32 = 70000, i64 = -5000000000, u8 = 255, "
        "f32 = 1.5, f64 = -0.25, text = \"hello\", data = \"\\x01\\x02\\xff\", "
        "old = (a = 5, b = \"old\"), bools = [true, false, true], shorts = [1, -2, 3], "
        "texts = [\"one\", \"\", \"three\"], "
        "olds = [(a = 1, b = \"x\"), (a = 2), (b = \"z\")], "
        "lists = [[1, 2], [], [3]])";

static struct bytes b0, b1, b2;

static void check_all_pointers(capnp_reader r)
{
        capnp_list l;

        CHECK_STR(capnp_reader_text(r, 0).p, "hello");
        CHECK_EQ(capnp_any_data(capnp_reader_any(r, 1), (capnp_data){0}).p[2], 255);
        CHECK_STR(capnp_reader_text(capnp_any_struct(capnp_reader_any(r, 2), NULL), 0).p, "old");
        l = capnp_any_list(capnp_reader_any(r, 3), CAPNP_SIZE_BIT, NULL);
        CHECK(l.len == 3 && capnp_list_bool(l, 0) && !capnp_list_bool(l, 1) &&
              capnp_list_bool(l, 2));
        l = capnp_any_list(capnp_reader_any(r, 4), CAPNP_SIZE_TWO, NULL);
        CHECK_EQ(capnp_list_i16(l, 1), -2);
        l = capnp_any_list(capnp_reader_any(r, 5), CAPNP_SIZE_POINTER, NULL);
        CHECK_STR(capnp_any_text(capnp_list_any(l, 2), (capnp_text){0}).p, "three");
        l = capnp_any_list(capnp_reader_any(r, 6), CAPNP_SIZE_COMPOSITE, NULL);
        CHECK_EQ(l.len, 3);
        CHECK_EQ(capnp_reader_u32(capnp_list_struct(l, 1), 0, 0), 2);
        CHECK_STR(capnp_reader_text(capnp_list_struct(l, 2), 0).p, "z");
        l = capnp_any_list(capnp_reader_any(r, 7), CAPNP_SIZE_POINTER, NULL);
        CHECK_EQ(capnp_list_u8(capnp_any_list(capnp_list_any(l, 2), CAPNP_SIZE_BYTE, NULL), 0), 3);
        CHECK_EQ(capnp_any_what(capnp_reader_any(r, 8)), CAPNP_WHAT_NULL);
}

TEST(encoded_by_the_tool_read_here)
{
        capnp_reader r;
        capnp_msg *m;

        tool_need();
        for (int segments = 0; segments < 2; segments++) {
                tool_encode(segments ? "encode --segment-size=4" : "encode", "All", all_text, &b0);
                m = parse(&b0);
                CHECK(m->nsegs > 1 || !segments);
                r = capnp_any_struct(capnp_msg_root(m), NULL);
                CHECK(!capnp_reader_bool(r, 0, true));
                CHECK_EQ(capnp_reader_i8(r, 1, -5), -7);
                CHECK_EQ(capnp_reader_i16(r, 2, 0), -300);
                CHECK_EQ(capnp_reader_i32(r, 4, 0), 70000);
                CHECK_EQ(capnp_reader_i64(r, 8, 0), -5000000000);
                CHECK_EQ(capnp_reader_u8(r, 16, 0), 255);
                CHECK(capnp_reader_f32(r, 20, 0) == 1.5f);
                CHECK(capnp_reader_f64(r, 24, 2.5) == -0.25);
                check_all_pointers(r);
                CHECK_OK(capnp_msg_check(m));
                capnp_msg_free(m);
        }
}

static void build_old(capnp_builder b, uint32_t a, const char *text)
{
        capnp_builder_set_u32(b, 0, a, 0);
        capnp_builder_set_text(b, 0, text);
}

static void build_lists(capnp_builder b)
{
        capnp_lbuilder l = capnp_abuilder_init_list(capnp_builder_any(b, 3), CAPNP_SIZE_BIT, 3), k;

        capnp_lbuilder_set_bool(l, 0, true);
        capnp_lbuilder_set_bool(l, 2, true);
        l = capnp_abuilder_init_list(capnp_builder_any(b, 4), CAPNP_SIZE_TWO, 3);
        capnp_lbuilder_set_i16(l, 0, 1);
        capnp_lbuilder_set_i16(l, 1, -2);
        capnp_lbuilder_set_i16(l, 2, 3);
        l = capnp_abuilder_init_list(capnp_builder_any(b, 5), CAPNP_SIZE_POINTER, 3);
        capnp_abuilder_set_text(capnp_lbuilder_any(l, 0), (capnp_text){"one", 3});
        capnp_abuilder_set_text(capnp_lbuilder_any(l, 1), (capnp_text){"", 0});
        capnp_abuilder_set_text(capnp_lbuilder_any(l, 2), (capnp_text){"three", 5});
        l = capnp_abuilder_init_structs(capnp_builder_any(b, 6), 3, 1, 1);
        build_old(capnp_lbuilder_struct(l, 0), 1, "x");
        build_old(capnp_lbuilder_struct(l, 1), 2, NULL);
        build_old(capnp_lbuilder_struct(l, 2), 0, "z");
        l = capnp_abuilder_init_list(capnp_builder_any(b, 7), CAPNP_SIZE_POINTER, 3);
        k = capnp_abuilder_init_list(capnp_lbuilder_any(l, 0), CAPNP_SIZE_BYTE, 2);
        capnp_lbuilder_set_u8(k, 0, 1);
        capnp_lbuilder_set_u8(k, 1, 2);
        (void)capnp_abuilder_init_list(capnp_lbuilder_any(l, 1), CAPNP_SIZE_BYTE, 0);
        k = capnp_abuilder_init_list(capnp_lbuilder_any(l, 2), CAPNP_SIZE_BYTE, 1);
        capnp_lbuilder_set_u8(k, 0, 3);
}

static void build_all(capnp_abuilder a)
{
        static const uint8_t data[] = {1, 2, 255};
        capnp_builder b = capnp_abuilder_init_struct(a, 4, 9);

        capnp_builder_set_bool(b, 0, false, true);
        capnp_builder_set_i8(b, 1, -7, -5);
        capnp_builder_set_i16(b, 2, -300, 0);
        capnp_builder_set_i32(b, 4, 70000, 0);
        capnp_builder_set_i64(b, 8, -5000000000, 0);
        capnp_builder_set_u8(b, 16, 255, 0);
        capnp_builder_set_f32(b, 20, 1.5f, 0);
        capnp_builder_set_f64(b, 24, -0.25, 2.5);
        capnp_builder_set_text(b, 0, "hello");
        capnp_abuilder_set_data(capnp_builder_any(b, 1), (capnp_data){data, 3});
        build_old(capnp_abuilder_init_struct(capnp_builder_any(b, 2), 1, 1), 5, "old");
        build_lists(b);
}

TEST(built_here_read_by_the_tool)
{
        tool_need();
        tool_encode("encode", "All", all_text, &b0);
        tool("decode", "All", b0.p, b0.len, &b1);

        /* With little room in the first segment there are many far pointers. */
        for (uint32_t room = 0; room < 80; room++) {
                uint64_t first[80];
                capnp_msg m;

                capnp_i_msg_init_building(&m, room ? first : NULL, room, 0);
                build_all(capnp_msg_build(&m));
                CHECK_OK(capnp_msg_check(&m));
                write_msg(&m, &b0);
                capnp_i_msg_deinit(&m);
                if (room % 8 > 1 && room > 20)
                        continue;
                tool("decode", "All", b0.p, b0.len, &b2);
                CHECK_STR((char *)b2.p, (char *)b1.p);
        }
}

TEST(the_same_order_gives_the_same_bytes)
{
        capnp_msg *m;

        tool_need();
        tool_encode("encode --flat", "Old", "(a = 5, b = \"old\")", &b0);
        CHECK_OK(capnp_msg_new(&m));
        build_old(capnp_abuilder_init_struct(capnp_msg_build(m), 1, 1), 5, "old");
        write_msg(m, &b1);
        CHECK_EQ(b1.len, b0.len + 8);
        CHECK_MEM(b1.p + 8, b0.p, b0.len);
        capnp_msg_free(m);
}

TEST(packed_forms_are_the_same)
{
        static uint8_t packed[1 << 20];
        size_t n;

        tool_need();
        for (int i = 0; i < 2; i++) {
                capnp_msg *m;

                CHECK_OK(capnp_msg_new(&m));
                if (i)
                        test_tree(capnp_msg_build(m), NULL, 500);
                else
                        build_all(capnp_msg_build(m));
                write_msg(m, &b0);
                capnp_msg_free(m);

                /* The tool writes a layout of its own; both forms of that are compared. */
                tool("convert --quiet binary:binary", "All", b0.p, b0.len, &b1);
                tool("convert --quiet binary:packed", "All", b0.p, b0.len, &b2);
                CHECK_OK(capnp_pack(b1.p, b1.len, packed, sizeof(packed), &n));
                CHECK_EQ(n, b2.len);
                CHECK_MEM(packed, b2.p, n);
                CHECK_OK(capnp_unpack(b2.p, b2.len, b0.p, sizeof(b0.p), &n));
                CHECK_EQ(n, b1.len);
                CHECK_MEM(b0.p, b1.p, n);
        }
}

/* ---- versions ----------------------------------------------------------------------------- */

static capnp_list box_list(capnp_msg *m, enum capnp_size size)
{
        capnp_reader r = capnp_any_struct(capnp_msg_root(m), NULL);

        return capnp_any_list(capnp_reader_any(r, 0), size, NULL);
}

TEST(an_old_list_is_read_and_set_as_a_new_one)
{
        capnp_msg *m, *to;
        capnp_lbuilder l;
        capnp_reader r;

        tool_need();
        tool_encode("encode", "OldBox", "(list = [(a = 1, b = \"x\"), (a = 2, b = \"y\")])", &b0);
        m = parse(&b0);
        r = capnp_list_struct(box_list(m, CAPNP_SIZE_COMPOSITE), 1);
        CHECK_EQ(capnp_reader_u64(r, 8, 7), 7);
        CHECK_EQ(capnp_reader_text(r, 1).len, 0);

        CHECK_OK(capnp_msg_new(&to));
        capnp_abuilder_set(capnp_msg_build(to), capnp_msg_root(m));
        l = capnp_abuilder_list(
                capnp_builder_any(capnp_abuilder_struct(capnp_msg_build(to), 0, 1, NULL), 0),
                CAPNP_SIZE_COMPOSITE, 2, 2, NULL);
        capnp_builder_set_u64(capnp_lbuilder_struct(l, 1), 8, 8, 7);
        capnp_builder_set_text(capnp_lbuilder_struct(l, 1), 1, "new");
        CHECK_OK(capnp_msg_check(to));
        write_msg(to, &b1);
        tool("decode --short", "NewBox", b1.p, b1.len, &b2);
        CHECK_STR((char *)b2.p, "(list = [(a = 1, b = \"x\", c = 7), "
                                "(a = 2, b = \"y\", c = 8, d = \"new\")])\n");
        capnp_msg_free(to);
        capnp_msg_free(m);
}

TEST(a_new_list_is_read_as_an_old_one)
{
        capnp_msg *m;
        capnp_list l;

        tool_need();
        tool_encode("encode", "NewBox", "(list = [(a = 1, b = \"x\"), (a = 2, b = \"y\", c = 9)])",
                    &b0);
        m = parse(&b0);
        l = box_list(m, CAPNP_SIZE_COMPOSITE);
        CHECK_EQ(capnp_reader_u32(capnp_list_struct(l, 1), 0, 0), 2);
        CHECK_STR(capnp_reader_text(capnp_list_struct(l, 1), 0).p, "y");
        /* And as what the list was before it had structs. */
        CHECK_EQ(capnp_list_u16(box_list(m, CAPNP_SIZE_TWO), 1), 2);
        l = box_list(m, CAPNP_SIZE_POINTER);
        CHECK_STR(capnp_any_text(capnp_list_any(l, 1), (capnp_text){0}).p, "y");
        CHECK_OK(capnp_msg_check(m));
        capnp_msg_free(m);
}

TEST(lists_become_lists_of_structs)
{
        static const struct {
                const char *type, *text, *result;
        } rows[] = {
                {"TextBox", "(list = [\"x\", \"y\"])",
                 "(list = [(a = 0, b = \"x\", c = 7), (a = 1, b = \"y\", c = 7)])\n"},
                {"ShortBox", "(list = [5, 6])", "(list = [(a = 0, c = 7), (a = 1, c = 7)])\n"},
        };

        tool_need();
        for (size_t i = 0; i < 2; i++) {
                capnp_msg *m, *to;
                capnp_lbuilder l;

                tool_encode("encode", rows[i].type, rows[i].text, &b0);
                m = parse(&b0);
                CHECK_OK(capnp_msg_new(&to));
                capnp_abuilder_set(capnp_msg_build(to), capnp_msg_root(m));
                l = capnp_abuilder_list(
                        capnp_builder_any(capnp_abuilder_struct(capnp_msg_build(to), 0, 1, NULL),
                                          0),
                        CAPNP_SIZE_COMPOSITE, 2, 2, NULL);
                for (uint32_t k = 0; k < 2; k++) {
                        if (i)
                                CHECK_EQ(capnp_reader_u16(
                                                 capnp_builder_reader(capnp_lbuilder_struct(l, k)),
                                                 0, 0),
                                         k + 5);
                        capnp_builder_set_u32(capnp_lbuilder_struct(l, k), 0, k, 0);
                }
                CHECK_OK(capnp_msg_check(to));
                write_msg(to, &b1);
                tool("decode --short", "NewBox", b1.p, b1.len, &b2);
                CHECK_STR((char *)b2.p, rows[i].result);
                capnp_msg_free(to);
                capnp_msg_free(m);
        }
}
