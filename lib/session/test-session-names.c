/* Codes and kinds, in both directions, and texts that only look like codes. */
#include "harness.h"

#include "session-names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TEST(a_text_has_a_code_whole_or_not_at_all)
{
        CHECK(capos_i_refusal_has("service: no", CAPOS_I_SERVICE));
        CHECK(capos_i_refusal_has("service", CAPOS_I_SERVICE));
        CHECK(!capos_i_refusal_has("services: no", CAPOS_I_SERVICE));
        CHECK(!capos_i_refusal_has("service no", CAPOS_I_SERVICE));
        CHECK(!capos_i_refusal_has("no service: no", CAPOS_I_SERVICE));
        CHECK(!capos_i_refusal_has("", CAPOS_I_SERVICE));
}

TEST(codes_survive_hops)
{
        static const struct {
                const char *text;
                enum capos_denial is;
        } rows[] = {
                {"denied.unknown-name", CAPOS_DENIED_UNKNOWN_NAME},
                {"denied.stale-session expired", CAPOS_DENIED_STALE_SESSION},
                {"remote exception: denied.backoff: try again in 4 seconds", CAPOS_DENIED_BACKOFF},
                {"remote exception: remote exception: denied.flow", CAPOS_DENIED_FLOW},
                {"service: denied.flow", CAPOS_DENIED_NONE},
                {"denied.flows", CAPOS_DENIED_NONE},
                {"denied.", CAPOS_DENIED_NONE},
                {"none", CAPOS_DENIED_NONE},
                {"", CAPOS_DENIED_NONE},
        };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                CHECK_EQ(capos_denial_of_text(rows[i].text), rows[i].is);
        for (unsigned i = 1; i <= CAPOS_DENIED_WITHDRAWN; i++)
                CHECK_EQ(capos_denial_of_text(capos_denial_code((enum capos_denial)i)), i);
}

TEST(details_are_what_follows)
{
        CHECK_STR(capos_denial_detail_peek("denied.stale-session: expired"), "expired");
        CHECK_STR(capos_denial_detail_peek("denied.stale-session expired"), "expired");
        CHECK_STR(capos_denial_detail_peek("denied.flow"), "");
}

TEST(quotas_are_told_apart)
{
        size_t len;
        const char *q = capos_quota_of_text_peek("remote exception: over-quota.flows: 4", &len);

        CHECK(q && len == 5 && !memcmp(q, "flows", 5));
        CHECK(!capos_quota_of_text_peek("service: over-quota.flows", &len));
}

TEST(kinds_have_the_names_of_the_schema)
{
        enum capos_auth kind;

        for (unsigned i = 0; i < CAPOS_AUTH_KINDS; i++) {
                CHECK_OK(capos_auth_of_name(capos_auth_name(i), &kind));
                CHECK_EQ(kind, i);
        }
        CHECK_EQ(capos_auth_of_name("root", &kind), CAPNP_E_UNKNOWN);
        CHECK_STR(capos_auth_name(99), "unknown");
}

/* ---- doc/protocol/admission.md --------------------------------------------------------------- */

enum { PAGE_ROWS = 64 };

/* The codes in the first column of the page's tables. */
struct page {
        char codes[PAGE_ROWS][48];
        unsigned n;
};

static void page_row(struct page *p, char *line)
{
        char *end = strchr(line + 1, '|'), *code = line;

        CHECK(end);
        *end = 0;
        while ((code = strchr(code, '`'))) {
                size_t len = strcspn(++code, "`");

                CHECK(p->n < PAGE_ROWS && len < sizeof(p->codes[0]));
                memcpy(p->codes[p->n++], code, len);
                code += len + 1;
        }
}

static void page_read(struct page *p)
{
        const char *root = getenv("CAPOS_SRCDIR");
        char path[4096], line[2048];
        FILE *f;

        memset(p, 0, sizeof(*p));
        snprintf(path, sizeof(path), "%s/doc/protocol/admission.md", root ? root : ".");
        f = fopen(path, "re");
        CHECK(f);
        while (fgets(line, sizeof(line), f))
                if (!strncmp(line, "| `denied.", 10) || !strncmp(line, "| `over-quota.", 14))
                        page_row(p, line);
        fclose(f);
}

static bool page_has(const struct page *p, const char *code)
{
        for (unsigned i = 0; i < p->n; i++)
                if (!strcmp(p->codes[i], code))
                        return true;

        return false;
}

/* Each of ours is there; and there are no more than ours. */
TEST(codes_are_those_of_the_document)
{
        unsigned n = 0;
        struct page p;

        page_read(&p);
        for (unsigned i = 1; i <= CAPOS_DENIED_WITHDRAWN; i++, n++)
                CHECK(page_has(&p, capos_denial_code((enum capos_denial)i)));
        for (unsigned i = 0; i < CAPOS_I_QUOTAS; i++, n++)
                CHECK(page_has(&p, capos_i_quota_code((enum capos_i_quota)i)));
        CHECK_EQ(p.n, n);
        CHECK(!strcmp(capos_denial_code((enum capos_denial)(CAPOS_DENIED_WITHDRAWN + 1)), "none"));
}

TEST(refusals_are_a_code_and_more)
{
        char text[CAPOS_REFUSAL_BYTES], more[2 * CAPOS_REFUSAL_BYTES];

        CHECK_STR(capos_i_refusal(text, "denied.flow", NULL), "denied.flow");
        CHECK_STR(capos_i_refusal(text, "denied.flow", ""), "denied.flow");
        CHECK_STR(capos_i_refusal(text, "denied.flow", "too many steps"),
                  "denied.flow: too many steps");
        memset(more, 'x', sizeof(more) - 1);
        more[sizeof(more) - 1] = 0;
        CHECK_EQ(strlen(capos_i_refusal(text, "denied.flow", more)), CAPOS_REFUSAL_BYTES - 1);
}
