/*
 * The real fetcher and servers of names: one that never answers keeps it no longer than its time.
 *
 * The C library asks whom /etc/resolv.conf names, by UDP with a time, and by TCP, where an answer
 * was too long, without any. So this machine gets another file and another network, for this test
 * alone, and a server there that says that its answer is too long.
 */
#include "test-fetcher.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { PORT_OF_NAMES = 53, HEADER = 12, QUERY_BYTES = 512 };

/* ---- a machine of its own ------------------------------------------------------------------- */

static bool file_write(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

        if (fd >= 0)
                close(fd);
        return good;
}

/* The network has its own addresses alone, and they work. */
static bool loopback_up(void)
{
        struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool good = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &r);

        if (fd >= 0)
                close(fd);
        return good;
}

/* Who asks for names asks 127.0.0.1. */
static bool names_here(void)
{
        char path[] = "/tmp/capos-names-XXXXXX";
        int fd = mkstemp(path);
        bool good = fd >= 0 && file_write(path, "nameserver 127.0.0.1\n") && !fchmod(fd, 0644) &&
                    !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
                    !mount(path, "/etc/resolv.conf", NULL, MS_BIND, NULL);

        if (fd >= 0) {
                close(fd);
                unlink(path);
        }
        return good;
}

static bool machine_make(void)
{
        char users[64], groups[64];

        snprintf(users, sizeof(users), "0 %u 1", (unsigned)geteuid());
        snprintf(groups, sizeof(groups), "0 %u 1", (unsigned)getegid());
        return !unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) &&
               file_write("/proc/self/setgroups", "deny") &&
               file_write("/proc/self/uid_map", users) &&
               file_write("/proc/self/gid_map", groups) && loopback_up() && names_here();
}

/* ---- its server of names -------------------------------------------------------------------- */

static int port_open(int type)
{
        const struct sockaddr_in a = {.sin_family = AF_INET,
                                      .sin_port = htons(PORT_OF_NAMES),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

        CHECK(fd >= 0);
        CHECK_OK(bind(fd, (const struct sockaddr *)&a, sizeof(a)));
        if (type == SOCK_STREAM)
                CHECK_OK(listen(fd, 8));
        return fd;
}

/* Says of each answer that it is too long for UDP. Over TCP the kernel takes connections, and
 * nobody reads them. */
static pid_t names_start(int udp)
{
        pid_t pid = fork();

        CHECK(pid >= 0);
        while (!pid) {
                uint8_t query[QUERY_BYTES];
                struct sockaddr_in from;
                socklen_t len = sizeof(from);
                ssize_t n = recvfrom(udp, query, sizeof(query), 0, (struct sockaddr *)&from, &len);

                if (n < HEADER)
                        _exit(1);
                query[2] |= 0x82; /* an answer, cut off (RFC 1035, 4.1.1) … */
                query[3] |= 0x80; /* … by a server that asks others */
                (void)sendto(udp, query, (size_t)n, 0, (const struct sockaddr *)&from, len);
        }
        return pid;
}

TEST_T(a_server_of_names_that_hangs_takes_its_time_alone, 240)
{
        struct fetcher f;
        int udp, tcp;
        pid_t names;

        if (!machine_make())
                test_skip("no network of one's own here");

        udp = port_open(SOCK_DGRAM);
        tcp = port_open(SOCK_STREAM);
        names = names_start(udp);
        q = (struct fetch_request){.kind = FETCH_KEYS, .url = "https://provider.example/keys"};
        fetcher_start(&f);
        fetcher_ask(&f); /* it has ended, too */
        fetcher_stop(&f);
        CHECK_EQ(reply.end, FETCH_FAILED);
        CHECK_STR(reply.why, "looking up the provider's host takes too long");
        CHECK_OK(kill(names, SIGKILL));
        CHECK_EQ(waitpid(names, NULL, 0), names);
        close(udp);
        close(tcp);
}
