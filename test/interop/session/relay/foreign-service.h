/*
 * A service of an instance on the Cap'n Proto C++ library and schema/service_control.capnp, besides
 * what it serves: the proof that a service can be written without daemon/kit.
 *
 * The instance starts it with descriptor 3, a packet socket (doc/design/instance.md). On that comes
 * a packet for every session manager, with a stream socket: there this is the server and
 * ServiceControl its bootstrap object. A newer one voids the older one and all callers that came
 * over it. All callers share one object.
 */
#ifndef FOREIGN_SERVICE_H
#define FOREIGN_SERVICE_H

#include <capnp/capability.h>
#include <capnp/rpc-twoparty.h>
#include <capnp/rpc.capnp.h>
#include <kj/async-io.h>
#include <kj/async-unix.h>
#include <kj/debug.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service_control.capnp.h"

extern "C" {
#include "daemon-packets.h"
}

namespace foreign
{

using namespace capos;

constexpr int LINK_FD = 3;

/* One socket and what is served on it. */
struct Socket {
        Socket(kj::Own<kj::AsyncCapabilityStream> s, uint fds, capnp::Capability::Client root)
            : stream(kj::mv(s)), network(*stream, fds, capnp::rpc::twoparty::Side::SERVER),
              rpc(capnp::makeRpcServer(network, kj::mv(root)))
        {
        }

        kj::Own<kj::AsyncCapabilityStream> stream;
        capnp::TwoPartyVatNetwork network;
        capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

/* All callers of one session manager. */
class Callers final : private kj::TaskSet::ErrorHandler
{
      public:
        Callers(kj::AsyncIoContext &io, capnp::Capability::Client root)
            : io(io), root(kj::mv(root)), tasks(*this)
        {
        }

        void add(int fd)
        {
                auto socket = kj::heap<Socket>(
                        io.lowLevelProvider->wrapUnixSocketFd(
                                fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                            kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC),
                        0, root);
                auto gone = socket->network.onDisconnect();
                tasks.add(gone.attach(kj::mv(socket)));
        }

      private:
        void taskFailed(kj::Exception &&) override
        {
        }

        kj::AsyncIoContext &io;
        capnp::Capability::Client root;
        kj::TaskSet tasks;
};

class Control final : public ServiceControl::Server
{
      public:
        Control(Callers &callers, kj::ArrayPtr<const kj::byte> schema)
            : callers(callers), schema(schema)
        {
        }

      protected:
        kj::Promise<void> open(OpenContext c) override
        {
                auto end = c.getParams().getEnd();
                return end.getFd()
                        .then([this](kj::Maybe<int> fd) {
                                int own = fcntl(KJ_REQUIRE_NONNULL(fd, "no socket"),
                                                F_DUPFD_CLOEXEC, 3);
                                KJ_REQUIRE(own >= 0, "no descriptor");
                                callers.add(own);
                        })
                        .attach(kj::mv(end));
        }

        kj::Promise<void> describe(DescribeContext c) override
        {
                c.getResults().setSchema(schema);
                return kj::READY_NOW;
        }

      private:
        Callers &callers;
        kj::ArrayPtr<const kj::byte> schema;
};

/* What lasts as long as one session manager. */
struct Manager {
        Manager(kj::AsyncIoContext &io, int fd, capnp::Capability::Client root,
                kj::ArrayPtr<const kj::byte> schema)
            : callers(io, kj::mv(root)),
              socket(io.lowLevelProvider->wrapUnixSocketFd(
                             fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP |
                                         kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC),
                     1, kj::heap<Control>(callers, schema))
        {
        }

        Callers callers;
        Socket socket;
};

/* The socket of the next packet; -1: the instance is gone; -2: nothing there. */
inline int link_receive()
{
        struct packet p;
        alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
        struct iovec v = {&p, sizeof p};
        struct msghdr m = {};
        int fd = -2;

        m.msg_iov = &v;
        m.msg_iovlen = 1;
        m.msg_control = control;
        m.msg_controllen = sizeof control;
        ssize_t n = recvmsg(LINK_FD, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n == 0)
                return -1;
        struct cmsghdr *c = n < 0 ? nullptr : CMSG_FIRSTHDR(&m);
        if (c != nullptr && c->cmsg_type == SCM_RIGHTS)
                memcpy(&fd, CMSG_DATA(c), sizeof fd);
        if (n == (ssize_t)sizeof p && p.type == PACKET_CONTROL)
                return fd;
        if (fd >= 0)
                close(fd);
        return -2;
}

/* Serves root to every caller until the instance ends; schema is what describe() tells. */
inline int run(kj::AsyncIoContext &io, capnp::Capability::Client root,
               kj::ArrayPtr<const kj::byte> schema)
{
        kj::UnixEventPort::FdObserver link(io.unixEventPort, LINK_FD,
                                           kj::UnixEventPort::FdObserver::OBSERVE_READ);
        kj::Own<Manager> manager;

        if (fcntl(LINK_FD, F_GETFD) < 0) {
                fprintf(stderr, "started by nobody\n");
                return 2;
        }
        struct packet ready = {};
        ready.type = PACKET_READY;
        (void)!send(LINK_FD, &ready, sizeof ready, MSG_NOSIGNAL);
        for (;;) {
                int fd = link_receive();
                if (fd == -1)
                        return 0;
                if (fd >= 0) {
                        manager = nullptr;
                        manager = kj::heap<Manager>(io, fd, root, schema);
                } else {
                        link.whenBecomesReadable().wait(io.waitScope);
                }
        }
}

} // namespace foreign

#endif
