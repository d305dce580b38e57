/*
 * conf-driver: runs every semantic of test/peers/conf.capnp against whatever server listens at an
 * address, with the Cap'n Proto C++ library as the client.
 *
 * Why: what "our server speaks Cap'n Proto" means is decided by a client that nobody here wrote.
 * The driver knows nothing about the server but its address and the comments in conf.capnp.
 *
 * Usage: conf-driver [--reference] [--list] [--only TEXT] [--except NAME]
 *                     [--case NAME]... unix:/path | HOST:PORT
 *
 * Each case runs in a child process with a deadline of ten seconds, so a hang or a crash is one
 * failed case and not the end of the run. Output: `ok NAME`, `not ok NAME - why`, `skip NAME -
 * why`, and `N passed, N failed` as the last line. --reference skips what the 0.9.2 reference
 * cannot satisfy.
 */
#include "driver.h"

#include <algorithm>
#include <kj/encoding.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace conf
{

std::vector<Case> &cases()
{
        static std::vector<Case> all;
        return all;
}

kj::Own<Link> Env::connect()
{
        auto addr = io.provider->getNetwork().parseAddress(address).wait(scope());
        return kj::heap<Link>(addr->connect().wait(scope()), *this);
}

kj::Own<Wire> Env::connect_only()
{
        auto addr = io.provider->getNetwork().parseAddress(address).wait(scope());
        return kj::heap<Wire>(addr->connect().wait(scope()));
}

void Env::step(int line, const char *text)
{
        snprintf(report.step, sizeof report.step, "line %d: %s", line, text);
}

void check_exception(int line, const kj::Exception &e, kj::Exception::Type type,
                     kj::StringPtr reason)
{
        if (e.getType() != type)
                throw Failed{kj::str("line ", line, ": exception of type ", e.getType(),
                                     ", expected ", type, ": ", e.getDescription())};
        if (strstr(e.getDescription().cStr(), reason.cStr()) == nullptr)
                throw Failed{kj::str("line ", line, ": reason '", e.getDescription(),
                                     "' does not contain '", reason, "'")};
}

uint64_t inc(Env &env, Counter::Client c, uint64_t by)
{
        return WAIT(inc_later(c, by));
}

kj::Promise<uint64_t> inc_later(Counter::Client c, uint64_t by)
{
        auto req = c.incRequest();
        req.setBy(by);
        return req.send().then([](auto &&r) { return r.getValue(); });
}

uint64_t get(Env &env, Counter::Client c)
{
        return WAIT(c.getRequest().send()).getValue();
}

Counter::Client make_counter(Env &env, Conf::Client conf, uint64_t start)
{
        auto req = conf.makeCounterRequest();
        req.setStart(start);
        return WAIT(req.send()).getC();
}

uint32_t live(Env &env, Conf::Client conf)
{
        return WAIT(conf.liveCountersRequest().send()).getN();
}

uint32_t live_settled(Env &env, Conf::Client conf)
{
        auto n = live(env, conf);

        for (int i = 0; i < 100 && n; i++) {
                env.sleep(20);
                n = live(env, conf);
        }
        return n;
}

uint32_t cancelled(Env &env, Conf::Client conf)
{
        return WAIT(conf.cancelCountRequest().send()).getN();
}

void null_call(Env &env, Conf::Client conf)
{
        WAIT(conf.nullRequest().send());
}

Conf::Client fresh(Env &env, Conf::Client conf)
{
        return WAIT(conf.freshRequest().send()).getC();
}

void hold(Env &env, Conf::Client conf, Counter::Client c)
{
        auto req = conf.holdRequest();
        req.setCap(c);
        WAIT(req.send());
}

Counter::Client held(Env &env, Conf::Client conf)
{
        return WAIT(conf.getHeldRequest().send()).getCap();
}

Counter::Client promise_cap(Env &env, Conf::Client conf, uint32_t delay_ms)
{
        auto req = conf.getPromiseCapRequest();
        req.setDelayMs(delay_ms);
        return WAIT(req.send()).getC();
}

void drop_held(Env &env, Conf::Client conf)
{
        WAIT(conf.dropHeldRequest().send());
}

kj::Promise<void> LocalCounter::inc(IncContext c)
{
        watch.order.push_back(c.getParams().getBy());
        watch.value += c.getParams().getBy();
        c.getResults().setValue(watch.value);
        return kj::READY_NOW;
}

kj::Promise<void> LocalCounter::get(GetContext c)
{
        c.getResults().setValue(watch.value);
        return kj::READY_NOW;
}

kj::Promise<void> LocalCallback::call(CallContext c)
{
        return func(c.getParams().getI()).then([c](uint64_t v) mutable { c.getResults().setV(v); });
}

kj::Promise<void> LocalCallee::foo(FooContext c)
{
        watch.calls++;
        KJ_REQUIRE(!watch.fail, "callee fails");
        if (watch.hang) {
                c.allowCancellation();
                auto guard = kj::defer([this]() { watch.cancelled++; });
                return kj::Promise<void>(kj::NEVER_DONE).attach(kj::mv(guard));
        }
        watch.counter.value = c.getParams().getI();
        c.getResults().setI(c.getParams().getI() + 1);
        c.getResults().setSelf(kj::heap<LocalCounter>(watch.counter));
        return kj::READY_NOW;
}

void check_order(int line, const Watch &watch, size_t count)
{
        if (watch.order.size() != count)
                throw Failed{kj::str("line ", line, ": ", watch.order.size(),
                                     " calls arrived, expected ", count)};
        for (size_t i = 0; i < count; i++)
                if (watch.order[i] != i)
                        throw Failed{kj::str("line ", line, ": call number ", i,
                                             " to arrive was number ", watch.order[i],
                                             " to be made")};
}

} // namespace conf

namespace
{

constexpr int DEADLINE_MS = 60000;

/* The child's part: run the case, leave the reason of a failure in the report. */
int case_child(const conf::Case &c, const char *address, conf::Report &report)
{
        const char *why = nullptr;
        kj::String text;
        KJ_IF_MAYBE(e, kj::runCatchingExceptions([&]() {
                            try {
                                    conf::Env env(address, report);
                                    c.run(env);
                            } catch (const conf::Failed &f) {
                                    text = kj::str(f.why);
                                    why = text.cStr();
                            }
                    })) {
                text = kj::str("exception ", e->getType(), ": ", e->getDescription(), " (at ",
                               report.step, ")");
                why = text.cStr();
        }
        if (why == nullptr)
                return 0;
        snprintf(report.why, sizeof report.why, "%s", why);
        return 1;
}

/* Waits for the end of a child, but not beyond the deadline; then it is killed. */
bool child_wait(pid_t pid, int pipe_fd, int *ret_status)
{
        struct pollfd p = {pipe_fd, POLLIN, 0};
        bool ended = poll(&p, 1, DEADLINE_MS) > 0;
        if (!ended)
                kill(pid, SIGKILL);
        waitpid(pid, ret_status, 0);
        return ended;
}

/* Runs one case in a child; true if it passed. */
bool case_run(const conf::Case &c, const char *name, const char *address, conf::Report &report)
{
        int fds[2];
        int status = 0;
        memset(&report, 0, sizeof report);
        if (pipe(fds) < 0) {
                printf("not ok %s - no pipe\n", name);
                return false;
        }
        fflush(stdout);
        pid_t pid = fork();
        if (pid == 0) {
                close(fds[0]);
                _exit(case_child(c, address, report));
        }
        close(fds[1]);
        bool ended = pid > 0 && child_wait(pid, fds[0], &status);
        close(fds[0]);

        if (!ended)
                printf("not ok %s - no end within %d s, waiting at %s\n", name, DEADLINE_MS / 1000,
                       report.step);
        else if (WIFSIGNALED(status))
                printf("not ok %s - the client died of signal %d at %s\n", name, WTERMSIG(status),
                       report.step);
        else if (WEXITSTATUS(status) != 0)
                printf("not ok %s - %s\n", name, report.why);
        else
                printf("ok %s\n", name);
        return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

struct Options {
        bool reference = false;
        bool list = false;
        const char *only = nullptr;
        std::vector<std::string> except, named;
        const char *address = nullptr;
};

bool options_parse(Options &o, int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "--reference") == 0)
                        o.reference = true;
                else if (strcmp(argv[i], "--list") == 0)
                        o.list = true;
                else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
                        o.only = argv[++i];
                else if (strcmp(argv[i], "--except") == 0 && i + 1 < argc)
                        o.except.push_back(argv[++i]);
                else if (strcmp(argv[i], "--case") == 0 && i + 1 < argc)
                        o.named.push_back(argv[++i]);
                else if (strcmp(argv[i], "--pid") == 0 && i + 1 < argc)
                        i++; /* for the other driver, which the same runner starts */
                else if (argv[i][0] == '-' || o.address != nullptr)
                        return false;
                else
                        o.address = argv[i];
        }
        return o.list || o.address != nullptr;
}

} // namespace

int main(int argc, char **argv)
{
        Options o;
        if (!options_parse(o, argc, argv)) {
                fprintf(stderr,
                        "usage: %s [--reference] [--list] [--only TEXT] [--except NAME] "
                        "[--case NAME]... ADDRESS\n",
                        argv[0]);
                return 2;
        }
        signal(SIGPIPE, SIG_IGN);
        auto *report = (conf::Report *)mmap(nullptr, sizeof(conf::Report), PROT_READ | PROT_WRITE,
                                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (report == MAP_FAILED)
                return 2;

        unsigned passed = 0, failed = 0;
        for (const conf::Case &c : conf::cases()) {
                std::string name(c.name);
                for (char &ch : name)
                        ch = ch == '_' ? '-' : ch;
                if (o.only != nullptr && name.find(o.only) == std::string::npos)
                        continue;
                if (!o.named.empty() &&
                    std::find(o.named.begin(), o.named.end(), name) == o.named.end())
                        continue;
                if (std::find(o.except.begin(), o.except.end(), name) != o.except.end())
                        continue;
                if (o.list)
                        printf("%s\n", name.c_str());
                else if (o.reference && c.reference_skip != nullptr)
                        printf("skip %s - %s\n", name.c_str(), c.reference_skip);
                else if (case_run(c, name.c_str(), o.address, *report))
                        passed++;
                else
                        failed++;
        }
        if (!o.list)
                printf("%u passed, %u failed\n", passed, failed);
        return failed == 0 ? 0 : 1;
}
