/* Fixed-size structs: only the exact size and the exact number of descriptors pass. */
#include "harness.h"
#include "io-packet.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct order {
        uint32_t what, who;
        uint64_t when;
};

TEST(packet_size_is_exact)
{
        struct order o = {1, 2, 3}, in;
        char large[64] = {0};
        int p[2];

        CHECK_OK(capos_io_packet_pair(p));
        CHECK_EQ(capos_io_packet_recv(p[1], &in, sizeof(in), NULL, 0), CAPOS_IO_E_AGAIN);
        CHECK_OK(capos_io_packet_send(p[0], &o, sizeof(o), NULL, 0));
        CHECK_OK(capos_io_packet_send(p[0], &o, sizeof(o) - 1, NULL, 0));
        CHECK_OK(capos_io_packet_send(p[0], large, sizeof(large), NULL, 0));
        CHECK_OK(capos_io_packet_send(p[0], &o, sizeof(o), NULL, 0));
        CHECK_OK(capos_io_packet_recv(p[1], &in, sizeof(in), NULL, 0));
        CHECK_MEM(&in, &o, sizeof(o));
        CHECK_EQ(capos_io_packet_recv(p[1], &in, sizeof(in), NULL, 0), CAPOS_IO_E_SIZE);
        CHECK_EQ(capos_io_packet_recv(p[1], &in, sizeof(in), NULL, 0), CAPOS_IO_E_SIZE);
        CHECK_OK(capos_io_packet_recv(p[1], &in, sizeof(in), NULL, 0));
        close(p[0]);
        CHECK_EQ(capos_io_packet_recv(p[1], &in, sizeof(in), NULL, 0), CAPOS_IO_E_CLOSED);
        CHECK_EQ(capos_io_packet_send(p[1], &o, sizeof(o), NULL, 0), CAPOS_IO_E_CLOSED);
        close(p[1]);
}

TEST(packet_descriptors_are_exact)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC), fds[3] = {null, null, null}, in_fds[3];
        struct order o = {1, 2, 3}, in;
        int p[2];

        CHECK_OK(capos_io_packet_pair(p));
        for (unsigned sent = 0; sent <= 3; sent++) {
                CHECK_OK(capos_io_packet_send(p[0], &o, sizeof(o), fds, sent));
                if (sent != 2) {
                        CHECK_EQ(capos_io_packet_recv(p[1], &in, sizeof(in), in_fds, 2),
                                 CAPOS_IO_E_SIZE);
                        continue;
                }
                CHECK_OK(capos_io_packet_recv(p[1], &in, sizeof(in), in_fds, 2));
                capos_io_fds_close(in_fds, 2);
        }
        /* Where none are expected, none come in; the struct does. */
        CHECK_OK(capos_io_packet_send(p[0], &o, sizeof(o), fds, 3));
        CHECK_OK(capos_io_packet_recv(p[1], &in, sizeof(in), NULL, 0));
        /* A wrong size closes what came along. */
        CHECK_OK(capos_io_packet_send(p[0], &o, sizeof(o) - 8, fds, 2));
        CHECK_EQ(capos_io_packet_recv(p[1], &in, sizeof(in), in_fds, 2), CAPOS_IO_E_SIZE);
        CHECK_OK(capos_io_packet_send(p[0], &(struct order[2]){{0}}, 2 * sizeof(o), fds, 2));
        CHECK_EQ(capos_io_packet_recv(p[1], &in, sizeof(in), in_fds, 2), CAPOS_IO_E_SIZE);
        close(p[0]);
        close(p[1]);
        close(null);
}
