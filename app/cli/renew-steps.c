/*
 * Renewal by what is proved in steps. The connection is the agent's, and so is the transcript; who
 * proves is here, where the user is. So the agent makes the challenge and asks back for a passkey's
 * response, or has a page shown: a browser comes back to the agent.
 *
 * Of such a renewal the profile alone says how long it lasts.
 */
#include "renew-steps.h"

#include "agent.capnp-c.h"
#include "page.h"
#include "passkey-command.h"
#include "session-proof.h"

#include <string.h>

enum { OPTIONS_ROOM = 1024, TOKEN_ROOM = 16 * 1024 + 1 };

const char *renew_method(unsigned i)
{
        static const char *const names[] = {"oidc", "oidc-device"};

        return i < sizeof(names) / sizeof(names[0]) ? names[i] : NULL;
}

/* An exit code. */
static int renew_takes_no_time(struct cli *c)
{
        if (!c->duration)
                return EXIT_OK;

        return cli_fail(c, EXIT_USAGE, "usage",
                        "this renews for as long as the profile gives: leave out --duration");
}

/* ---- to another profile --------------------------------------------------------------------- */

struct signer {
        const capos_key *key;
};

static int signer_sign(void *self, capnp_answer *a)
{
        CAPNP_AUTO(cli_buf_deinit) struct capnp_buf blob = {0};
        const struct signer *s = self;
        struct capos_error e;

        capnp_buf_init(&blob, TOKEN_ROOM);
        if (capos_key_sign(s->key, CAPOS_PROOF_NAMESPACE, key_holder_sign_param_transcript(a),
                           &blob, &e))
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", e.text);

        key_holder_sign_results_set_signature(
                a, (capnp_data){(const uint8_t *)blob.p, (uint32_t)blob.len});
        return capnp_answer_return(a);
}

static const struct key_holder_ops signer_ops = {.sign = signer_sign};

int raise_by_key(struct cli *c, const capos_key *key)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *holder = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        struct signer s = {key};
        int r = renew_takes_no_time(c);

        if (r)
                return r;
        if (key_holder_serve(c->vat, &signer_ops, &s, &holder))
                return cli_fail(c, EXIT_FAILED, "failed", "renew: no memory");

        q = session_agent_raise((session_agent_client){c->remote});
        session_agent_raise_set_profile(q, c->profile);
        session_agent_raise_set_holder(q, (key_holder_client){holder});
        return cli_wait(c, q, CLI_LOGIN_MS) ? cli_fail_question(c, q, "renew") : EXIT_OK;
}

int raise_by_password(struct cli *c, const char *account)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        char password[1040] = {0}, prompt[256];
        int r = renew_takes_no_time(c);

        (void)snprintf(prompt, sizeof(prompt), "Password of %.100s", account);
        if (!r)
                r = cli_take_password(c, prompt, false, password, 1025);
        if (r)
                return r;

        q = session_agent_raise((session_agent_client){c->remote});
        session_agent_raise_set_profile(q, c->profile);
        session_agent_raise_set_password(
                q, (capnp_data){(const uint8_t *)password, (uint32_t)strlen(password)});
        explicit_bzero(password, sizeof(password));
        return cli_wait(c, q, CLI_LOGIN_MS) ? cli_fail_question(c, q, "renew") : EXIT_OK;
}

/* ---- by a passkey --------------------------------------------------------------------------- */

static int holder_prove(void *self, capnp_answer *a)
{
        CAPNP_AUTO(capnp_buf_deinit) struct capnp_buf options = {0};
        const struct cli *c = self;
        struct capos_step s = {.challenge = passkey_holder_prove_param_challenge(a),
                               .relying_party = passkey_holder_prove_param_relying_party(a).p};
        char answer[PASSKEY_ANSWER_BYTES];
        struct capos_error e;
        const char *wrong;
        size_t len;

        if (capnp_answer_check(a) || s.challenge.len != sizeof(s.transcript_hash))
                return capnp_answer_fail(a, CAPNP_FAILED, "bad parameters");

        memcpy(s.transcript_hash, s.challenge.p, sizeof(s.transcript_hash));
        capnp_buf_init(&options, OPTIONS_ROOM);
        if (capos_passkey_options(&s, &options, &e))
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", e.text);
        wrong = passkey_command_run(
                c->passkey_command,
                &(struct passkey_asked){options.p, options.len,
                                        passkey_holder_prove_param_expires_at_ms(a)},
                answer, &len);
        if (!wrong)
                passkey_holder_prove_results_set_response(
                        a, (capnp_data){(const uint8_t *)answer, (uint32_t)len});
        explicit_bzero(answer, sizeof(answer));
        return wrong ? capnp_answer_fail(a, CAPNP_FAILED, "%s", wrong) : capnp_answer_return(a);
}

static const struct passkey_holder_ops holder_ops = {.prove = holder_prove};

int renew_by_passkey(struct cli *c)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *holder = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r;

        if (!c->passkey_command)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "what a passkey has made only a passkey renews: capos renew "
                                "--passkey-command COMMAND");
        r = renew_takes_no_time(c);
        if (r)
                return r;
        if (passkey_holder_serve(c->vat, &holder_ops, c, &holder))
                return cli_fail(c, EXIT_FAILED, "failed", "renew: no memory");

        q = session_agent_renew_by_passkey((session_agent_client){c->remote});
        session_agent_renew_by_passkey_set_holder(q, (passkey_holder_client){holder});
        session_agent_renew_by_passkey_set_relying_party(q,
                                                         c->relying_party ? c->relying_party : "");
        session_agent_renew_by_passkey_set_profile(q, c->profile ? c->profile : "");
        return cli_wait(c, q, CLI_LOGIN_MS) ? cli_fail_question(c, q, "renew") : EXIT_OK;
}

/* ---- by an identity provider ---------------------------------------------------------------- */

static void page_is_over(capnp_answer *a, void *arg)
{
        (void)arg;
        (void)capnp_answer_return(a);
}

/* It is shown until the agent waits no more. */
static int page_show(void *self, capnp_answer *a)
{
        const struct cli *c = self;
        const char *url = page_holder_show_param_url(a).p;
        const char *code = page_holder_show_param_user_code(a).p;

        if (capnp_answer_check(a))
                return capnp_answer_fail(a, CAPNP_FAILED, "bad parameters");

        if (*code)
                page_say_code(url, code);
        else
                page_open(c, url);
        return capnp_answer_keep(a, page_is_over, NULL);
}

static const struct page_holder_ops page_ops = {.show = page_show};

int renew_by_page(struct cli *c, bool device)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *holder = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        int r = renew_takes_no_time(c);

        if (r)
                return r;
        if (page_holder_serve(c->vat, &page_ops, c, &holder))
                return cli_fail(c, EXIT_FAILED, "failed", "renew: no memory");

        q = session_agent_renew_by_page((session_agent_client){c->remote});
        session_agent_renew_by_page_set_holder(q, (page_holder_client){holder});
        session_agent_renew_by_page_set_device(q, device);
        session_agent_renew_by_page_set_issuer(q, c->issuer ? c->issuer : "");
        session_agent_renew_by_page_set_profile(q, c->profile ? c->profile : "");
        return cli_wait(c, q, CLI_PERSON_MS) ? cli_fail_question(c, q, "renew") : EXIT_OK;
}

/* ---- by a token ----------------------------------------------------------------------------- */

int renew_by_token(struct cli *c)
{
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;
        char token[TOKEN_ROOM];
        int r = renew_takes_no_time(c);

        if (!r)
                r = cli_read_secret_file(c, c->token_file, "token", token, sizeof(token));
        if (r)
                return r;

        q = session_agent_renew_by_token((session_agent_client){c->remote});
        session_agent_renew_by_token_set_token(
                q, (capnp_data){(const uint8_t *)token, (uint32_t)strlen(token)});
        explicit_bzero(token, sizeof(token));
        return cli_wait(c, q, CLI_LOGIN_MS) ? cli_fail_question(c, q, "renew") : EXIT_OK;
}
