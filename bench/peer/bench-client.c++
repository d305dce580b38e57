/*
 * bench-client: measures the calls of test/peers/bench.capnp against any Echo server, with the
 * Cap'n Proto C++ library as the client.
 *
 * Why: calls per second alone say little on a machine with other work; CPU time per call, of both
 * processes, is what is compared. The same client against two servers compares the servers, and two
 * clients against one server compare the clients.
 *
 * Usage: bench-client [--seconds S] [--rounds N] [--server-pid PID]... [--name TEXT] ADDRESS
 *
 * One JSON line for each figure: null calls at 1, 64 and 1024 in flight, then echoes of 1 KB at 64
 * in flight, then streamed chunks of 4 KB. Of N rounds (default 5) of S seconds each (default 0.4)
 * the median by calls per second is printed.
 */
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <algorithm>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <string>
#include <sys/resource.h>
#include <time.h>
#include <vector>

#include "bench.capnp.h"

namespace
{

struct Options {
        double seconds = 0.4;
        int rounds = 5;
        std::vector<int> server_pids;
        const char *name = "c++";
        const char *address = nullptr;
};

/* What one round measured. */
struct Round {
        uint64_t calls;
        double wall_s;
        double client_cpu_s;
        double server_cpu_s;
};

double wall_now()
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

double own_cpu()
{
        struct rusage u;
        getrusage(RUSAGE_SELF, &u);
        return double(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               double(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

/* CPU seconds of all threads of a process, from the scheduler's nanoseconds; 0 if there is none. */
double process_cpu(int pid)
{
        std::string folder = "/proc/" + std::to_string(pid) + "/task";
        DIR *dir = opendir(folder.c_str());
        if (dir == nullptr)
                return 0;
        double sum = 0;
        while (struct dirent *e = readdir(dir)) {
                if (e->d_name[0] == '.')
                        continue;
                FILE *f = fopen((folder + "/" + e->d_name + "/schedstat").c_str(), "r");
                unsigned long long ns = 0;
                if (f == nullptr)
                        continue;
                if (fscanf(f, "%llu", &ns) == 1)
                        sum += double(ns) * 1e-9;
                fclose(f);
        }
        closedir(dir);
        return sum;
}

double processes_cpu(const std::vector<int> &pids)
{
        double sum = 0;
        for (int pid : pids)
                sum += process_cpu(pid);
        return sum;
}

/* Keeps one call of a kind in flight until the time is over. */
struct Load {
        Load(Echo::Client echo) : echo(kj::mv(echo))
        {
        }

        kj::Promise<void> null_calls()
        {
                return echo.nullRequest().send().then([this](auto &&) -> kj::Promise<void> {
                        return next() ? null_calls() : kj::READY_NOW;
                });
        }

        kj::Promise<void> echo_calls()
        {
                auto req = echo.echoRequest(capnp::MessageSize{160, 0});
                memset(req.initX(1024).begin(), 'e', 1024);
                return req.send().then([this](auto &&) -> kj::Promise<void> {
                        return next() ? echo_calls() : kj::READY_NOW;
                });
        }

        kj::Promise<void> push_calls()
        {
                auto req = echo.pushRequest();
                memset(req.initX(4096).begin(), 'p', 4096);
                return req.send().then([this]() -> kj::Promise<void> {
                        return next() ? push_calls() : echo.doneRequest().send().ignoreResult();
                });
        }

        /* Counts a call; looks at the clock now and then only, which is not what is measured. */
        bool next()
        {
                calls++;
                if ((calls & 15) == 0 && wall_now() >= end)
                        over = true;
                return !over;
        }

        Echo::Client echo;
        uint64_t calls = 0;
        double end = 0;
        bool over = false;
};

using Kind = kj::Promise<void> (Load::*)();

Round measure(kj::WaitScope &scope, Echo::Client echo, Kind kind, int in_flight, const Options &o)
{
        Load load(echo);
        kj::Vector<kj::Promise<void>> all;
        double wall = wall_now(), client = own_cpu(), server = processes_cpu(o.server_pids);
        load.end = wall + o.seconds;
        for (int i = 0; i < in_flight; i++)
                all.add((load.*kind)());
        kj::joinPromises(all.releaseAsArray()).wait(scope);
        return Round{load.calls, wall_now() - wall, own_cpu() - client,
                     processes_cpu(o.server_pids) - server};
}

void figure(kj::WaitScope &scope, Echo::Client echo, const char *what, Kind kind, int in_flight,
            const Options &o)
{
        std::vector<Round> rounds;
        measure(scope, echo, kind, in_flight, o); /* warms up */
        for (int i = 0; i < o.rounds; i++)
                rounds.push_back(measure(scope, echo, kind, in_flight, o));
        std::sort(rounds.begin(), rounds.end(), [](const Round &a, const Round &b) {
                return double(a.calls) / a.wall_s < double(b.calls) / b.wall_s;
        });
        const Round &r = rounds[rounds.size() / 2];
        double us = 1e6 / double(r.calls);
        printf("{\"bench\":\"rpc\",\"name\":\"%s\",\"what\":\"%s\",\"in_flight\":%d,"
               "\"calls\":%llu,\"calls_per_s\":%.0f,\"wall_us\":%.3f,\"client_cpu_us\":%.3f",
               o.name, what, in_flight, (unsigned long long)r.calls, double(r.calls) / r.wall_s,
               r.wall_s * us, r.client_cpu_s * us);
        if (!o.server_pids.empty())
                printf(",\"server_cpu_us\":%.3f", r.server_cpu_s * us);
        printf("}\n");
        fflush(stdout);
}

bool options_parse(Options &o, int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                bool more = i + 1 < argc;
                if (strcmp(argv[i], "--seconds") == 0 && more)
                        o.seconds = strtod(argv[++i], nullptr);
                else if (strcmp(argv[i], "--rounds") == 0 && more)
                        o.rounds = int(strtol(argv[++i], nullptr, 10));
                else if (strcmp(argv[i], "--server-pid") == 0 && more)
                        o.server_pids.push_back(int(strtol(argv[++i], nullptr, 10)));
                else if (strcmp(argv[i], "--name") == 0 && more)
                        o.name = argv[++i];
                else if (argv[i][0] == '-' || o.address != nullptr)
                        return false;
                else
                        o.address = argv[i];
        }
        return o.address != nullptr && o.rounds > 0 && o.seconds > 0;
}

} // namespace

int main(int argc, char **argv)
{
        Options o;
        if (!options_parse(o, argc, argv)) {
                fprintf(stderr,
                        "usage: %s [--seconds S] [--rounds N] [--server-pid PID]... [--name TEXT] "
                        "unix:/path | HOST:PORT\n",
                        argv[0]);
                return 2;
        }

        auto io = kj::setupAsyncIo();
        auto addr = io.provider->getNetwork().parseAddress(o.address).wait(io.waitScope);
        auto stream = addr->connect().wait(io.waitScope);
        capnp::TwoPartyClient client(*stream);
        auto echo = client.bootstrap().castAs<Echo>();
        echo.nullRequest().send().wait(io.waitScope);
        for (int in_flight : {1, 64, 1024})
                figure(io.waitScope, echo, "null", &Load::null_calls, in_flight, o);
        figure(io.waitScope, echo, "echo-1k", &Load::echo_calls, 64, o);
        figure(io.waitScope, echo, "push-4k", &Load::push_calls, 1, o);
        return 0;
}
