/*
 * What of a window's frames goes on, what the window keeps for itself, and what its frame shows of
 * where one stands (R51, R55). Each row says what goes in, and what is heard of it.
 */
#include "frames.h"

#include "harness.h"

#include <stdio.h>
#include <string.h>

enum { HEARD = 4096 };

/* What the page is told when it says what is the window's to say. */
#define OWN(id)                                                               \
        "page {\"id\":" id ",\"failed\":{\"code\":\"window.own\",\"text\":\"" \
        "the window asks that itself\"}}"

static struct frames *f;
static char heard[HEARD];
static struct standing now;

static void hear(const char *what, const char *text, size_t len)
{
        size_t at = strlen(heard);

        (void)snprintf(heard + at, sizeof(heard) - at, "%s%s%.*s", at ? " | " : "", what, (int)len,
                       text);
}

static void on_page(void *arg, const char *text, size_t len)
{
        (void)arg;
        hear("page ", text, len);
}

static void on_session(void *arg, const char *text, size_t len)
{
        (void)arg;
        hear("session ", text, len);
}

static void on_standing(void *arg, const struct standing *s)
{
        (void)arg;
        now = *s;
}

static void on_prompt(void *arg, web_down_prompt_reader p)
{
        (void)arg;
        hear("prompt ", web_down_prompt_what(p).p, web_down_prompt_what(p).len);
}

static void on_key(void *arg, web_down_key_reader k)
{
        (void)arg;
        hear("key ", web_down_key_fingerprint(k).p, web_down_key_fingerprint(k).len);
}

static void on_secret(void *arg, web_down_step_reader s)
{
        (void)arg;
        hear("secret ", web_down_step_prompt(s).p, web_down_step_prompt(s).len);
}

static void on_asked(void *arg, enum frames_act act)
{
        (void)arg;
        hear(act == FRAMES_LOGOUT    ? "asked logout"
             : act == FRAMES_BROWSER ? "asked browser"
                                     : "asked reset",
             "", 0);
}

static void on_gone(void *arg, enum frames_question q)
{
        static const char *const names[] = {"gone key", "gone secret", "gone act", "gone prompt"};

        (void)arg;
        hear(names[q], "", 0);
}

static void on_file(void *arg, web_down_file_reader r)
{
        (void)arg;
        hear("file ", web_down_file_text(r).p, web_down_file_text(r).len);
}

static void on_fault(void *arg)
{
        (void)arg;
        hear("fault", "", 0);
}

static const struct frames_ops ops = {.to_page = on_page,
                                      .to_session = on_session,
                                      .standing = on_standing,
                                      .prompt = on_prompt,
                                      .key = on_key,
                                      .secret = on_secret,
                                      .asked = on_asked,
                                      .gone = on_gone,
                                      .file = on_file,
                                      .fault = on_fault};

static void begin(void)
{
        f = frames_new(&ops, NULL);
        CHECK(f);
        frames_begin(f);
        heard[0] = 0;
}

static void end(void)
{
        f = frames_free(f);
}

static const char *up(const char *text)
{
        heard[0] = 0;
        frames_up(f, text, strlen(text));
        return heard;
}

static const char *down(const char *text)
{
        heard[0] = 0;
        frames_down(f, text, strlen(text));
        return heard;
}

static const char *said(void)
{
        static char was[HEARD];

        memcpy(was, heard, sizeof(was));
        heard[0] = 0;
        return was;
}

TEST(what_a_page_may_not_say)
{
        static const struct {
                const char *text, *heard;
        } rows[] = {
                {"{\"id\":1,\"instances\":null}", "session {\"id\":1,\"instances\":null}"},
                {"{\"id\":1,\"run\":{\"surface\":1,\"command\":\"c\",\"trusted\":true}}",
                 "session {\"id\":1,\"run\":{\"surface\":1,\"command\":\"c\",\"trusted\":true}}"},
                {"{\"id\":2,\"confirm\":{\"prompt\":\"1\",\"yes\":true}}", OWN("2")},
                {"{\"id\":0,\"confirm\":{\"prompt\":\"1\",\"yes\":true}}", ""},
                {"{\"id\":3,\"trust\":true}", OWN("3")},
                {"{\"id\":4,\"answer\":\"secret\"}", OWN("4")},
                {"{\"id\":5,\"answer\":\"secret\",\"confirm\":{\"prompt\":\"1\",\"yes\":true}}",
                 "fault"},
                {"{\"id\":6,\"confirms\":null}", "fault"},
                {"[]", "fault"},
                {"", "fault"},
        };

        begin();
        for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                CHECK_STR(up(rows[i].text), rows[i].heard);
        end();
}

TEST(what_a_page_is_not_told)
{
        begin();
        CHECK_STR(down("{\"id\":0,\"prompt\":{\"prompt\":\"7\",\"what\":\"Burn it\"}}"),
                  "prompt Burn it");
        CHECK_STR(down("{\"id\":0,\"promptGone\":\"6\"}"), "");
        CHECK_STR(down("{\"id\":0,\"promptGone\":\"7\"}"), "gone prompt");
        CHECK_STR(down("{\"id\":8,\"file\":{\"name\":\"t.json\",\"text\":\"[1]\"}}"),
                  "file [1] | page {\"id\":8,\"done\":null}");
        CHECK_STR(down("{\"id\":8,\"step\":{\"kind\":\"oidcDeviceCode\",\"wants\":\"elsewhere\"}}"),
                  "page {\"id\":8,\"step\":{\"kind\":\"oidcDeviceCode\",\"wants\":\"elsewhere\"}}");
        CHECK_STR(down("{\"id\":0,\"promt\":null}"), "fault");
        end();
}

TEST(a_prompt_is_answered_once_and_by_the_window)
{
        begin();
        frames_confirm(f, true);
        CHECK_STR(said(), "");
        (void)down("{\"id\":0,\"prompt\":{\"prompt\":\"7\",\"what\":\"Burn it\"}}");
        (void)said();
        frames_confirm(f, true);
        frames_confirm(f, true);
        CHECK_STR(said(), "session {\"id\":0,\"confirm\":{\"prompt\":\"7\",\"yes\":true}}");
        end();
}

/* The page's own question is the one that is answered in the end. */
TEST(a_key_is_trusted_by_the_window)
{
        begin();
        (void)up("{\"id\":3,\"connect\":0}");
        CHECK_STR(down("{\"id\":3,\"key\":{\"fingerprint\":\"sha256:a\"}}"), "key sha256:a");
        CHECK_STR(up("{\"id\":4,\"trust\":true}"), OWN("4"));
        (void)said();
        frames_trust(f, true);
        frames_trust(f, true);
        CHECK_STR(said(), "session {\"id\":3,\"trust\":true}");
        end();
}

TEST(a_secret_goes_to_the_session_alone)
{
        static const char step[] =
                "{\"id\":5,\"step\":{\"kind\":\"password\",\"prompt\":\"Password\","
                "\"redaction\":true,\"wants\":\"answer\"}}";

        begin();
        CHECK_STR(down(step), "secret Password");
        (void)said();
        frames_secret(f, "a \"word\"\n");
        CHECK_STR(said(), "session {\"id\":0,\"answer\":\"a \\\"word\\\"\\n\"}");
        frames_secret(f, "again");
        CHECK_STR(said(), "");
        (void)down(step);
        (void)said();
        frames_secret(f, NULL);
        CHECK_STR(said(), "session {\"id\":0,\"giveUp\":null}");
        (void)down(step);
        CHECK_STR(down("{\"id\":5,\"failed\":{\"code\":\"bridge.line\"}}"),
                  "gone secret | page {\"id\":5,\"failed\":{\"code\":\"bridge.line\"}}");
        end();
}

TEST(what_ends_something_is_asked_first)
{
        begin();
        CHECK_STR(up("{\"id\":9,\"logout\":null}"), "asked logout");
        CHECK_STR(up("{\"id\":10,\"reset\":null}"),
                  "page {\"id\":10,\"failed\":{\"code\":\"window.busy\",\"text\":\"that is being "
                  "asked\"}}");
        (void)said();
        frames_grant(f, false);
        CHECK_STR(said(), "page {\"id\":9,\"done\":null}");
        frames_grant(f, true);
        CHECK_STR(said(), "");
        (void)up("{\"id\":11,\"reset\":null}");
        (void)said();
        frames_grant(f, true);
        CHECK_STR(said(), "session {\"id\":11,\"reset\":null}");
        frames_ask(f, FRAMES_LOGOUT);
        CHECK_STR(said(), "asked logout");
        frames_grant(f, true);
        CHECK_STR(said(), "session {\"id\":0,\"logout\":null}");
        CHECK_STR(up("{\"id\":12,\"browser\":null}"), "asked browser");
        (void)said();
        frames_grant(f, false);
        CHECK(strstr(said(), "window.no-browser"));
        end();
}

static void log_in(void)
{
        (void)down("{\"id\":0,\"instances\":[{\"place\":0,\"name\":\"home\","
                   "\"fingerprint\":\"sha256:a\"},"
                   "{\"place\":1,\"address\":\"far:1\"}]}");
        (void)down("{\"id\":3,\"methods\":{\"instance\":1}}");
}

TEST(where_one_stands_is_the_sessions_word)
{
        begin();
        log_in();
        CHECK(!now.is_in);
        CHECK_STR(now.instance, "far:1");
        (void)down("{\"id\":0,\"instances\":[{\"place\":0,\"name\":\"home\","
                   "\"fingerprint\":\"sha256:a\","
                   "\"connected\":true},{\"place\":1,\"address\":\"far:1\"}]}");
        CHECK_STR(now.instance, "home");
        CHECK_STR(now.fingerprint, "sha256:a");
        (void)down("{\"id\":4,\"session\":{\"id\":\"x\",\"account\":\"alice\","
                   "\"profile\":\"operator\","
                   "\"expiresAtMs\":\"1000\"}}");
        CHECK(now.is_in && !now.is_over);
        CHECK_STR(now.account, "alice");
        CHECK_STR(now.profile, "operator");
        CHECK_EQ(now.ends_ms, 1000);
        (void)down("{\"id\":0,\"line\":{\"down\":true}}");
        CHECK(now.is_down);
        (void)down("{\"id\":4,\"session\":{\"id\":\"x\",\"kind\":\"guest\"}}");
        CHECK(!now.is_down);
        CHECK_STR(now.account, "guest");
        end();
}

TEST(an_end_takes_back_what_is_asked)
{
        begin();
        log_in();
        (void)down("{\"id\":4,\"session\":{\"id\":\"x\",\"account\":\"alice\"}}");
        (void)down("{\"id\":0,\"prompt\":{\"prompt\":\"7\"}}");
        (void)up("{\"id\":9,\"logout\":null}");
        CHECK_STR(down("{\"id\":0,\"ended\":{\"code\":\"denied.expired-lease\"}}"),
                  "gone act | page {\"id\":9,\"done\":null} | gone prompt | "
                  "page {\"id\":0,\"ended\":{\"code\":\"denied.expired-lease\"}}");
        CHECK(now.is_in && now.is_over);
        frames_confirm(f, true);
        frames_grant(f, true);
        CHECK(!strstr(said(), "session "));
        (void)up("{\"id\":12,\"disconnect\":null}");
        CHECK(now.is_in);
        (void)down("{\"id\":12,\"done\":null}");
        CHECK(!now.is_in);
        CHECK_STR(now.instance, "");
        end();
}

TEST(another_line_knows_nothing_of_the_last)
{
        begin();
        log_in();
        (void)down("{\"id\":4,\"session\":{\"id\":\"x\",\"account\":\"alice\"}}");
        (void)down("{\"id\":0,\"prompt\":{\"prompt\":\"7\"}}");
        (void)said();
        frames_begin(f);
        CHECK_STR(said(), "gone key | gone secret | gone act | gone prompt");
        CHECK(!now.is_in);
        frames_confirm(f, true);
        CHECK_STR(said(), "");
        end();
}
