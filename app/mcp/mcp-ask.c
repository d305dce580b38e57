/*
 * What a person is asked by, in either era: a form of one choice. The longer answers are for the
 * tool, whatever its arguments, and the form says so.
 */
#include "mcp-ask.h"

#include <string.h>

static const struct {
        const char *word;
        enum mcp_answer answer;
} answers[] = {{"once", MCP_ONCE},
               {"for 10 minutes", MCP_MINUTES},
               {"until the session ends", MCP_SESSION},
               {"no", MCP_NO}};

enum { ANSWERS = sizeof(answers) / sizeof(answers[0]) };

json_t *mcp_ask_form(const char *question, bool lasting)
{
        json_t *words = json_array();

        for (unsigned i = 0; i < ANSWERS; i++)
                if (lasting || answers[i].answer == MCP_ONCE || answers[i].answer == MCP_NO)
                        (void)json_array_append_new(words, json_string(answers[i].word));
        return json_pack(
                "{s:s,s:s,s:{s:s,s:{s:{s:s,s:s,s:s,s:o}},s:[s]}}", "mode", "form", "message",
                question, "requestedSchema", "type", "object", "properties", "allow", "type",
                "string", "title", "Allow it?", "description",
                "`once` is for this very call; the longer ones are for this tool, whatever "
                "its arguments",
                "enum", words, "required", "allow");
}

enum mcp_answer mcp_ask_read(const json_t *o)
{
        const char *action = json_string_value(json_object_get(o, "action"));
        const char *allow =
                json_string_value(json_object_get(json_object_get(o, "content"), "allow"));

        if (!action || strcmp(action, "accept") != 0 || !allow)
                return MCP_NO;
        for (unsigned i = 0; i < ANSWERS; i++)
                if (!strcmp(allow, answers[i].word))
                        return answers[i].answer;
        return MCP_NO;
}

bool mcp_ask_can(const json_t *caps)
{
        const json_t *e = json_object_get(caps, "elicitation");

        return json_is_object(e) && (!json_object_size(e) || json_object_get(e, "form"));
}
