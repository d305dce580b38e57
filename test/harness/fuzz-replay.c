/*
 * A fuzzer's main() for builds without libFuzzer: runs the fuzz target once for every file named,
 * and for every file in every folder named. So `make test` keeps each input that ever failed as a
 * regression test, with any compiler.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static unsigned ran;

static void replay_file(const char *path)
{
        struct stat st;
        uint8_t *data;
        FILE *f;

        f = fopen(path, "re");
        if (!f || fstat(fileno(f), &st)) {
                perror(path);
                exit(1);
        }

        /* A block of exactly the input's size, so that a read past its end is seen. */
        data = malloc(st.st_size ? (size_t)st.st_size : 1);
        if (!data || fread(data, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
                fprintf(stderr, "%s: cannot be read\n", path);
                exit(1);
        }
        fclose(f);

        fprintf(stderr, "%s\n", path);
        (void)LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
        free(data);
        ran++;
}

static void replay(const char *path)
{
        char name[4096];
        struct dirent *e;
        DIR *d;

        d = opendir(path);
        if (!d) {
                struct stat st;

                if (!stat(path, &st))
                        replay_file(path);
                return;
        }

        while ((e = readdir(d))) {
                if (e->d_name[0] == '.')
                        continue;
                if (snprintf(name, sizeof(name), "%s/%s", path, e->d_name) < (int)sizeof(name))
                        replay_file(name);
        }
        closedir(d);
}

int main(int argc, char **argv)
{
        int i;

        if (LLVMFuzzerInitialize)
                (void)LLVMFuzzerInitialize(&argc, &argv);

        /* The empty input is in every corpus. */
        (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
        for (i = 1; i < argc; i++)
                replay(argv[i]);

        fprintf(stderr, "%u inputs\n", ran);
        return 0;
}
