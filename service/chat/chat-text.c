/*
 * Texts come from strangers and end up on other strangers' terminals. So a message is UTF-8 in its
 * only form (nothing overlong, no surrogate, nothing beyond U+10FFFF) and has no control character,
 * neither C0 nor C1, but newline and tab: nothing in it moves a cursor or rings a bell.
 */
#include "chat-text.h"

/* Bytes of a character that begins with b; 0: none does. */
static unsigned char_len(uint8_t b)
{
        if (b < 0x80)
                return 1;
        if (b < 0xc2)
                return 0;
        if (b < 0xe0)
                return 2;
        if (b < 0xf0)
                return 3;
        return b < 0xf5 ? 4 : 0;
}

static bool char_is_clean(uint32_t c, unsigned len)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

        if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                return false;
        if (c == '\n' || c == '\t')
                return true;

        return c >= 0x20 && !(c >= 0x7f && c < 0xa0);
}

bool chat_text_is_clean(const char *p, size_t len)
{
        const uint8_t *b = (const uint8_t *)p;

        for (size_t i = 0; i < len;) {
                static const uint8_t first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
                unsigned n = char_len(b[i]);
                uint32_t c;

                if (n == 0 || n > len - i)
                        return false;

                c = b[i] & first[n];
                for (unsigned k = 1; k < n; k++) {
                        if ((b[i + k] & 0xc0) != 0x80)
                                return false;
                        c = c << 6 | (b[i + k] & 0x3f);
                }
                if (!char_is_clean(c, n))
                        return false;

                i += n;
        }
        return true;
}

bool chat_name_is_good(const char *p, size_t len)
{
        if (len < 2 || len > CHAT_NAME_BYTES || p[0] != '#')
                return false;

        for (size_t i = 1; i < len; i++) {
                char c = p[i];

                if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
                        return false;
        }
        return true;
}
