/*
 * When something ends, as it is typed. A duration is what it is in a manifest, with units, so eight
 * digits are a date and nothing else.
 */
#include "when.h"

#include <string.h>
#include <time.h>

#include "daemon-quantity.h"

/* Fields of a date, by their place in struct tm. */
enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, FIELDS };

/* A form: digits for fields, all else for itself. Each may end after the day, the minute or the
 * second. */
static const char *const forms[] = {"YYYY-MM-DDThh:mm:ss", "YYYYMMDDhhmmss"};

/* The fields of text by a form. How many there are; 0: it is not of this form. */
static unsigned date_fields(const char *text, size_t len, const char *form, int f[FIELDS])
{
        static const char letters[] = "YMDhms";
        unsigned n = 0;

        if (len > strlen(form))
                return 0;
        for (size_t i = 0; i < len; i++) {
                const char *l = strchr(letters, form[i]);

                if (!l) {
                        if (text[i] != form[i])
                                return 0;
                        continue;
                }
                if (text[i] < '0' || text[i] > '9')
                        return 0;
                if (!i || form[i] != form[i - 1])
                        f[n++] = 0;
                f[n - 1] = f[n - 1] * 10 + (text[i] - '0');
        }
        /* Not in the middle of a field, or before one. */
        if (form[len] && (form[len] == form[len - 1] || !strchr(letters, form[len - 1])))
                return 0;

        return n == DAY + 1 || n > MINUTE ? n : 0;
}

static struct tm date_tm(const int f[FIELDS])
{
        return (struct tm){.tm_year = f[YEAR] - 1900,
                           .tm_mon = f[MONTH] - 1,
                           .tm_mday = f[DAY],
                           .tm_hour = f[HOUR],
                           .tm_min = f[MINUTE],
                           .tm_sec = f[SECOND],
                           .tm_isdst = -1};
}

/* Whether there is such a day, and such a time: what there is not would be another. */
static bool date_exists(const int f[FIELDS])
{
        struct tm tm = date_tm(f);

        return timegm(&tm) != -1 && tm.tm_year == f[YEAR] - 1900 && tm.tm_mon == f[MONTH] - 1 &&
               tm.tm_mday == f[DAY] && tm.tm_hour == f[HOUR] && tm.tm_min == f[MINUTE] &&
               tm.tm_sec == f[SECOND];
}

bool when_date(const char *text, uint64_t *ret_ms)
{
        size_t len = strlen(text);
        bool utc = len && text[len - 1] == 'Z';
        int f[FIELDS] = {0};
        struct tm tm;
        time_t t;

        if (utc)
                len--;
        if (!len || (!date_fields(text, len, forms[0], f) && !date_fields(text, len, forms[1], f)))
                return false;
        if (!date_exists(f))
                return false;

        tm = date_tm(f);
        t = utc ? timegm(&tm) : mktime(&tm);
        *ret_ms = t > 0 ? (uint64_t)t * 1000 : 1;
        return true;
}

bool when_read(const char *text, uint64_t now_ms, uint64_t *ret_ms)
{
        uint64_t ms;

        if (!strcmp(text, "never")) {
                *ret_ms = 0;
                return true;
        }
        if (when_date(text, ret_ms))
                return true;
        if (!daemon_duration_read((capnp_text){text, (uint32_t)strlen(text)}, &ms) ||
            ms > INT64_MAX - now_ms)
                return false;

        *ret_ms = now_ms + ms;
        return true;
}
