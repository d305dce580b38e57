/*
 * In a build that looks for leaks: libedit keeps the names of functions that are added to it, two
 * texts in the life of a process, and nothing else here makes any that way.
 */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
        return "leak:wcsdup\n";
}
