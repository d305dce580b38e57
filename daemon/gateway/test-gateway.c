/*
 * The gateway and its neighbours, which the test plays: a connection over TLS whose signer does not
 * want to know of it.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway.h"
#include "harness.h"

enum { TURNS = 50 };

static struct {
        struct gateway g;
        int caposd, sessiond; /* our ends of its links */
        int worker;           /* … of an idle worker's */
        int client;
} t;

/* As the child of a test, which has no descriptor of its own there that is needed. */
static void put(int fd, int at)
{
        CHECK_EQ(dup2(fd, at), at);
        close(fd);
}

/* The other end of a packet socket, high above what is put somewhere. */
static int pair_of(int *ret_other)
{
        int ends[2], mine;

        CHECK_OK(capos_io_packet_pair(ends));
        mine = fcntl(ends[0], F_DUPFD_CLOEXEC, 64);
        *ret_other = fcntl(ends[1], F_DUPFD_CLOEXEC, 64);
        close(ends[0]);
        close(ends[1]);
        return mine;
}

static void turn(void)
{
        CHECK_OK(capos_io_loop_turn(&t.g.loop, 0));
}

static void send_to_gateway(int link, const struct packet *p, const int *fds)
{
        CHECK_OK(capos_io_packet_send(link, p, sizeof(*p), fds, packet_fds(p->type)));
        for (unsigned i = 0; fds && i < packet_fds(p->type); i++)
                close(fds[i]);
        turn();
}

static void begin(void)
{
        const struct gateway_start start = {.nlisteners = 1,
                                            .tls = {true},
                                            .diag = -1,
                                            .places = 16,
                                            .places_of_one = 16,
                                            .patience_ms = 600000};
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(at);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), other;

        CHECK(listener >= 0);
        CHECK_EQ(bind(listener, (struct sockaddr *)&at, len), 0);
        CHECK_EQ(listen(listener, 8), 0);
        CHECK_EQ(getsockname(listener, (struct sockaddr *)&at, &len), 0);
        put(listener, LISTENER_FD);
        t.caposd = pair_of(&other);
        put(other, LINK_FD);
        CHECK_OK(gateway_init(&t.g, &start));
        t.sessiond = pair_of(&other);
        send_to_gateway(t.caposd, &(struct packet){.type = PACKET_SESSIOND, .index = 1}, &other);
        t.worker = pair_of(&other);
        send_to_gateway(t.caposd, &(struct packet){.type = PACKET_WORKER_READY, .worker = 1},
                        &other);
        t.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_EQ(connect(t.client, (struct sockaddr *)&at, len), 0);
}

static void end(void)
{
        CHECK(gateway_deinit(&t.g));
        close(LISTENER_FD);
        close(t.client);
        close(t.worker);
        close(t.sessiond);
        close(t.caposd);
}

/* What comes over a link, of a type; 0: nothing does. Of what is sent over links, all is there at
 * once. */
static uint64_t told(int link, uint32_t type)
{
        int fds[LINK_FDS + 1];
        struct packet p;

        for (unsigned i = 0; i < TURNS; i++) {
                turn();
                while (!daemon_packet_recv(link, &p, fds)) {
                        capos_io_fds_close(fds, packet_fds(p.type));
                        if (p.type == type)
                                return p.event;
                }
        }
        return 0;
}

/* The event of the client, whose connection comes when the kernel has it. */
static uint64_t client_comes(void)
{
        uint64_t event;

        do
                event = told(t.sessiond, PACKET_EVENT);
        while (!event);
        return event;
}

/* The session manager admits it; its signer's socket is closed, or it is ours. */
static int admit(uint64_t event, bool signer)
{
        struct packet p = {.type = PACKET_ADMISSION_TLS, .event = event};
        int fds[2], admission = pair_of(&fds[0]), mine = pair_of(&fds[1]);

        if (!signer)
                close(mine);
        send_to_gateway(t.sessiond, &p, fds);
        close(admission);
        return signer ? mine : -1;
}

static bool client_is_dropped(int within_ms)
{
        struct pollfd p = {.fd = t.client, .events = POLLIN};
        char byte;

        return poll(&p, 1, within_ms) == 1 && recv(t.client, &byte, 1, MSG_DONTWAIT) <= 0;
}

/* The signer is there, the session manager says, and takes it not. */
TEST(a_signer_that_takes_none_is_asked_three_times)
{
        uint64_t event, first;
        unsigned tries = 0;

        begin();
        first = event = client_comes();
        for (; event && tries < TURNS; tries++) {
                CHECK_EQ(event, first);
                CHECK(!client_is_dropped(0));
                (void)admit(event, false);
                event = told(t.sessiond, PACKET_EVENT);
        }
        CHECK_EQ(tries, 3);
        CHECK(client_is_dropped(60000));
        CHECK_EQ(told(t.worker, PACKET_HANDOFF_TLS), 0);
        end();
}

/* Without any, it waits, however often that happens. */
TEST(without_a_signer_it_waits)
{
        uint64_t event, first;
        int signer;

        begin();
        first = event = client_comes();
        for (unsigned i = 0; i < 8; i++) {
                CHECK(event && event == first);
                (void)admit(event, false);
                event = told(t.sessiond, PACKET_EVENT);
                CHECK_EQ(event, first);
                send_to_gateway(t.sessiond, &(struct packet){.type = PACKET_LATER, .event = event},
                                NULL);
                CHECK_EQ(told(t.sessiond, PACKET_EVENT), 0);
                send_to_gateway(t.sessiond, &(struct packet){.type = PACKET_SIGNABLE}, NULL);
                event = told(t.sessiond, PACKET_EVENT);
        }
        CHECK(!client_is_dropped(0));
        signer = admit(event, true);
        CHECK_EQ(told(t.worker, PACKET_HANDOFF_TLS), event);
        close(signer);
        end();
}
