/*
 * Renewal by a passkey. The connection is the agent's, and so is the transcript; the authenticator
 * is asked here, where its user is. So the agent makes the challenge and asks back for the
 * response.
 */
#include "renew-passkey.h"

#include "agent.capnp-c.h"
#include "passkey-command.h"

#include <string.h>

enum { OPTIONS_ROOM = 1024 };

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
        if (wrong)
                return capnp_answer_fail(a, CAPNP_FAILED, "%s", wrong);

        passkey_holder_prove_results_set_response(
                a, (capnp_data){(const uint8_t *)answer, (uint32_t)len});
        return capnp_answer_return(a);
}

static const struct passkey_holder_ops holder_ops = {.prove = holder_prove};

int renew_by_passkey(struct cli *c)
{
        CAPNP_AUTO(capnp_cap_unrefp) capnp_cap *holder = NULL;
        CAPNP_AUTO(capnp_question_freep) capnp_question *q = NULL;

        if (!c->passkey_command)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "what a passkey has made only a passkey renews: capos renew "
                                "--passkey-command COMMAND");
        if (c->duration)
                return cli_fail(c, EXIT_USAGE, "usage",
                                "a passkey renews for as long as the profile gives: leave out "
                                "--duration");
        if (passkey_holder_serve(c->vat, &holder_ops, c, &holder))
                return cli_fail(c, EXIT_FAILED, "failed", "renew: no memory");

        q = session_agent_renew_by_passkey((session_agent_client){c->remote});
        session_agent_renew_by_passkey_set_holder(q, (passkey_holder_client){holder});
        session_agent_renew_by_passkey_set_relying_party(q,
                                                         c->relying_party ? c->relying_party : "");
        return cli_wait(c, q, CLI_LOGIN_MS) ? cli_fail_question(c, q, "renew") : EXIT_OK;
}
