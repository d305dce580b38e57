/*
 * Refusals. A service is told by an exception which rule it broke, so that its author finds the
 * place; and a host may show that to a person. Therefore no byte of what was refused is in it: the
 * words are ours, with numbers.
 */
#include "ui-refuse.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const words[] = {
        [UI_REFUSAL_NONE] = "none",         [UI_REFUSAL_KIND] = "kind",
        [UI_REFUSAL_MODEL] = "model",       [UI_REFUSAL_SPEC] = "spec",
        [UI_REFUSAL_TEXT] = "text",         [UI_REFUSAL_SAFETY] = "safety",
        [UI_REFUSAL_COMMAND] = "command",   [UI_REFUSAL_TARGET] = "target",
        [UI_REFUSAL_THEME] = "theme",       [UI_REFUSAL_LAYOUT] = "layout",
        [UI_REFUSAL_REVISION] = "revision", [UI_REFUSAL_EXPIRED] = "expired",
        [UI_REFUSAL_CLOSED] = "closed",     [UI_REFUSAL_PINNED] = "pinned",
        [UI_REFUSAL_PERSON] = "person",
};

const char *ui_refusal_word(enum ui_refusal code)
{
        return (size_t)code < sizeof(words) / sizeof(words[0]) ? words[code] : words[0];
}

CAPNP_PRINTF(4, 0)
static int refuse(struct ui_refused *r, const char *front, const char *code, const char *fmt,
                  va_list ap)
{
        int n = snprintf(r->text, sizeof(r->text), "%s%s: ", front, code);

        if (n > 0 && (size_t)n < sizeof(r->text))
                (void)vsnprintf(r->text + n, sizeof(r->text) - (size_t)n, fmt, ap);
        return CAPNP_E_EXCEPTION;
}

int ui_refuse(struct ui_refused *r, enum ui_refusal code, const char *fmt, ...)
{
        va_list ap;

        r->kind = CAPNP_FAILED;
        r->code = code;
        va_start(ap, fmt);
        (void)refuse(r, "refused.", ui_refusal_word(code), fmt, ap);
        va_end(ap);
        return CAPNP_E_EXCEPTION;
}

int ui_over_quota(struct ui_refused *r, const char *what, const char *fmt, ...)
{
        va_list ap;

        r->kind = CAPNP_OVERLOADED;
        r->code = UI_REFUSAL_NONE;
        va_start(ap, fmt);
        (void)refuse(r, "over-quota.ui-", what, fmt, ap);
        va_end(ap);
        return CAPNP_E_EXCEPTION;
}
