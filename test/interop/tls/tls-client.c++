/*
 * tls-client: one login with the Cap'n Proto C++ library, over kj-tls or a Unix socket, and
 * nothing of ours but schema/ and doc/protocol/admission.md.
 *
 * What a client of this library can prove: kj-tls has no call for tls-exporter and none that gives
 * the server's key, so the key is read from the certificate that the program trusts anyway, and a
 * proof is bound to that (`tls-key`). kj-tls has checked by then that the server has this key: the
 * certificate is the only one it was told to trust, and nobody's CA.
 *
 * Usage: tls-client ADDRESS CERTIFICATE METHOD ACCOUNT SECRET        (tls-run.py says what is what)
 */
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <kj/compat/tls.h>
#include <kj/debug.h>
#include <kj/encoding.h>

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <string>

#include "remote_session.capnp.h"
#include "system_info.capnp.h"

using namespace capos;

namespace
{

constexpr int WAIT_S = 60;

struct Options {
        std::string address, certificate, method, account, secret;

        bool tls() const
        {
                return address.compare(0, 4, "tls:") == 0;
        }
        /* Whether the proof is to be spoiled, which the server must notice. */
        bool other() const
        {
                return method.size() > 6 && method.compare(method.size() - 6, 6, "-other") == 0;
        }
};

/* ---- what is signed ------------------------------------------------------------------------- */

std::string file_read(const std::string &path)
{
        std::string text;
        char buffer[4096];
        FILE *f = fopen(path.c_str(), "re");
        size_t n;

        KJ_REQUIRE(f != nullptr, path.c_str());
        while ((n = fread(buffer, 1, sizeof(buffer), f)) > 0)
                text.append(buffer, n);
        fclose(f);
        return text;
}

void field(std::string &to, const std::string &bytes)
{
        for (int shift = 24; shift >= 0; shift -= 8)
                to += (char)(bytes.size() >> shift & 0xff);
        to += bytes;
}

/* SHA-256 of the SubjectPublicKeyInfo of the certificate in a file. */
std::string server_key_hash(const std::string &path)
{
        FILE *f = fopen(path.c_str(), "re");
        KJ_REQUIRE(f != nullptr, path.c_str());
        X509 *x = PEM_read_X509(f, nullptr, nullptr, nullptr);
        fclose(f);
        KJ_REQUIRE(x != nullptr, "no certificate", path.c_str());

        unsigned char *der = nullptr, hash[SHA256_DIGEST_LENGTH];
        int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
        KJ_REQUIRE(len > 0);
        SHA256(der, (size_t)len, hash);
        OPENSSL_free(der);
        X509_free(x);
        return std::string((const char *)hash, sizeof(hash));
}

/* What `ssh-keygen -Y sign` makes of some bytes, without its armour. */
std::string signature(const std::string &key, const std::string &bytes)
{
        char path[] = "/tmp/tls-client.XXXXXX";
        int fd = mkstemp(path);

        KJ_REQUIRE(fd >= 0);
        KJ_REQUIRE(write(fd, bytes.data(), bytes.size()) == (ssize_t)bytes.size());
        close(fd);

        pid_t pid = fork();
        KJ_REQUIRE(pid >= 0);
        if (pid == 0) {
                int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
                dup2(null, 1);
                dup2(null, 2);
                execlp("ssh-keygen", "ssh-keygen", "-Y", "sign", "-f", key.c_str(), "-n",
                       "login@capos", path, (char *)nullptr);
                _exit(127);
        }
        int status = 0;
        waitpid(pid, &status, 0);
        unlink(path);
        KJ_REQUIRE(status == 0, "ssh-keygen");

        std::string made = std::string(path) + ".sig", armour = file_read(made), body;
        unlink(made.c_str());
        for (size_t at = 0, end; (end = armour.find('\n', at)) != std::string::npos; at = end + 1)
                if (armour[at] != '-')
                        body += armour.substr(at, end - at);
        auto blob = kj::decodeBase64(kj::StringPtr(body.c_str(), body.size()));
        return std::string((const char *)blob.begin(), blob.size());
}

/* ---- a connection --------------------------------------------------------------------------- */

struct Login {
        explicit Login(const Options &o) : o(o)
        {
        }

        kj::Own<kj::AsyncIoStream> connect();
        std::string proof(capnp::Data::Reader challenge);
        RemoteSession::Client session(RemoteSessionGateway::Client gateway);
        void run();

        template <typename T> T wait(kj::Promise<T> &&p)
        {
                auto late = io.provider->getTimer().afterDelay(WAIT_S * kj::SECONDS);
                return p.exclusiveJoin(late.then([]() -> kj::Promise<T> {
                                return KJ_EXCEPTION(FAILED, "nothing came");
                        }))
                        .wait(io.waitScope);
        }

        const Options &o;
        kj::AsyncIoContext io = kj::setupAsyncIo();
};

kj::Own<kj::AsyncIoStream> Login::connect()
{
        std::string plain = o.tls() ? o.address.substr(4) : o.address;
        auto stream = wait(
                wait(io.provider->getNetwork().parseAddress(plain.c_str()))->connect());
        if (!o.tls())
                return stream;

        std::string pem = file_read(o.certificate);
        kj::TlsCertificate trusted(kj::StringPtr(pem.c_str(), pem.size()));
        kj::TlsContext::Options options;
        options.useSystemTrustStore = false;
        options.trustedCertificates = kj::arrayPtr(&trusted, 1);
        options.minVersion = kj::TlsVersion::TLS_1_2; /* the newest it can name; 1.3 is agreed on */
        kj::TlsContext context(options);
        return wait(context.wrapClient(kj::mv(stream), "localhost"));
}

std::string Login::proof(capnp::Data::Reader challenge)
{
        std::string key_hash = o.tls() ? server_key_hash(o.certificate) : "", bytes;
        std::string nonce((const char *)challenge.begin(), challenge.size());

        if (o.other())
                (o.tls() ? key_hash : nonce)[0] ^= 1;
        field(bytes, "capos admission proof 1");
        field(bytes, o.tls() ? "tls-key" : "unix");
        field(bytes, "");
        field(bytes, nonce);
        field(bytes, "");
        field(bytes, o.account);
        field(bytes, "");
        field(bytes, key_hash);
        return signature(o.secret, bytes);
}

RemoteSession::Client Login::session(RemoteSessionGateway::Client gateway)
{
        bool password = o.method.compare(0, 8, "password") == 0;
        auto start = gateway.startRequest();
        auto request = start.initRequest();
        request.setKind(password ? RemoteAuthKind::PASSWORD : RemoteAuthKind::PUBLIC_KEY);
        request.initSelector().setAccount(o.account);
        if (!password && o.tls())
                request.setBinding(RemoteChannelBinding::SERVER_KEY);
        auto flow = start.send().getFlow();

        std::string response = o.secret;
        if (!password)
                response = proof(wait(flow.nextRequest().send()).getStep().getChallenge());
        auto next = flow.nextRequest();
        next.setResponse(kj::arrayPtr((const kj::byte *)response.data(), response.size()));
        auto done = wait(next.send());
        KJ_REQUIRE(done.getDone());
        return done.getSession();
}

void Login::run()
{
        auto stream = connect();
        capnp::TwoPartyClient client(*stream);
        auto s = session(client.bootstrap().castAs<RemoteSessionGateway>());
        auto info = wait(s.infoRequest().send());
        auto get = s.capSetRequest().send().getCaps().getRequest();
        get.setName("system_info");
        get.setExpectedInterfaceId(capnp::typeId<SystemInfo>());
        auto motd = wait(get.send().getCap().castAs<SystemInfo>().motdRequest().send());

        printf("%s %s %s\n", info.getInfo().getAccount().cStr(), info.getInfo().getKind().cStr(),
               motd.getText().cStr());
}

} // namespace

int main(int argc, char **argv)
{
        if (argc != 6) {
                fprintf(stderr, "usage: tls-client ADDRESS CERTIFICATE METHOD ACCOUNT SECRET\n");
                return 2;
        }
        Options o{argv[1], argv[2], argv[3], argv[4], argv[5]};

        if (o.tls() && (o.method == "key" || o.method == "key-other")) {
                printf("cannot: kj-tls has no call for tls-exporter\n");
                return 3;
        }
        auto failed = kj::runCatchingExceptions([&]() { Login(o).run(); });
        KJ_IF_MAYBE(e, failed) {
                printf("%s\n", e->getDescription().cStr());
                return 1;
        }
        return 0;
}
