/*
 * kv-client: uses the kv of example/service as test/e2e/kv.py tells it on standard input, with the
 * Cap'n Proto C++ library and nothing of ours but schemas. What came of each command is a line of
 * JSON.
 *
 *     password NAME PASSWORD
 *     get NAME                 one of the bundle, without waiting for it
 *     value KEY                what is kept
 *     early NAME KEY           get and value, in one go
 *     set KEY VALUE MS         keeps it, for so long or (0) for good
 *     next KEY MS              waits for its next value …
 *     came                     … and what came of the first of these
 *     watch PREFIX             has an object of this client's told of changes
 *     told                     the next that it is told, or was
 *     untold                   how many more it was
 *     unwatch                  lets go of the watch
 *     upload KEY N BYTES       a value of N parts, without waiting for the object they go to; as
 *                              many are on their way as the stream takes
 *     begin KEY N BYTES        the same, and leaves it unfinished …
 *     finish                   … and how it ends
 *     logout
 *
 * Usage: kv-client HOST:PORT
 */
#include <deque>

#include "foreign-client.h"
#include "kv.capnp.h"

namespace
{

using foreign::quoted;
using foreign::refusal;

std::string valued(capnp::Text::Reader text)
{
        return "{\"value\": " + quoted(text.cStr()) + "}";
}

/* What it was told; also when nobody holds it any more. */
struct Changes : public kj::Refcounted {
        std::deque<std::string> told;
        kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> waiting;
};

class WatcherImpl final : public Watcher::Server
{
      public:
        explicit WatcherImpl(kj::Own<Changes> changes) : changes(kj::mv(changes))
        {
        }

      protected:
        kj::Promise<void> changed(ChangedContext context) override
        {
                auto p = context.getParams();

                changes->told.push_back("{\"key\": " + quoted(p.getKey().cStr()) +
                                        ", \"value\": " + quoted(p.getValue().cStr()) + "}");
                KJ_IF_MAYBE(f, changes->waiting)
                        (*f)->fulfill();
                return kj::READY_NOW;
        }

      private:
        kj::Own<Changes> changes;
};

class Client : private foreign::Session
{
      public:
        explicit Client(const char *address)
            : Session(address), kv(nullptr), watch(nullptr), sink(nullptr),
              changes(kj::refcounted<Changes>())
        {
        }

        std::string run(const std::vector<std::string> &words);

      private:
        std::string value(Kv::Client c, const std::string &key);
        void next(const std::string &key, uint32_t ms);
        std::string told();
        void parts(const std::string &key, unsigned n, unsigned bytes);
        std::string finish();

        Kv::Client kv;
        Watch::Client watch;
        Sink::Client sink;
        kj::Own<Changes> changes;
        std::deque<kj::Promise<std::string>> coming;
};

std::string Client::value(Kv::Client c, const std::string &key)
{
        auto request = c.getRequest();

        request.setKey(key);
        return valued(wait(request.send()).getValue());
}

void Client::next(const std::string &key, uint32_t ms)
{
        auto request = kv.nextRequest();

        request.setKey(key);
        request.setWaitMs(ms);
        coming.push_back(request.send()
                                 .then([](auto &&r) { return valued(r.getValue()); },
                                       [](kj::Exception &&e) { return refusal(e); })
                                 .eagerlyEvaluate(nullptr));
}

std::string Client::told()
{
        if (changes->told.empty()) {
                auto paf = kj::newPromiseAndFulfiller<void>();

                changes->waiting = kj::mv(paf.fulfiller);
                wait(kj::mv(paf.promise));
                changes->waiting = nullptr;
        }

        std::string first = changes->told.front();
        changes->told.pop_front();
        return first;
}

void Client::parts(const std::string &key, unsigned n, unsigned bytes)
{
        auto upload = kv.uploadRequest();

        upload.setKey(key);
        sink = upload.send().getSink();
        for (unsigned i = 0; i < n; i++) {
                auto write = sink.writeRequest();

                write.setPart(std::string(bytes, (char)('a' + i % 26)));
                wait(write.send());
        }
}

std::string Client::finish()
{
        return "{\"length\": " + std::to_string(wait(sink.doneRequest().send()).getLength()) + "}";
}

std::string Client::run(const std::vector<std::string> &words)
{
        const std::string &what = words.at(0);
        auto number = [&words](unsigned i) { return (uint32_t)std::stoul(words.at(i)); };

        if (what == "password") {
                password(words.at(1), words.at(2));
        } else if (what == "get") {
                kv = got<Kv>(words.at(1));
        } else if (what == "value") {
                return value(kv, words.at(1));
        } else if (what == "early") {
                return value(got<Kv>(words.at(1)), words.at(2));
        } else if (what == "set") {
                auto request = kv.setRequest();

                request.setKey(words.at(1));
                request.setValue(words.at(2));
                request.setKeepMs(number(3));
                wait(request.send().ignoreResult());
        } else if (what == "next") {
                next(words.at(1), number(2));
        } else if (what == "came") {
                auto first = kj::mv(coming.front());

                coming.pop_front();
                return wait(kj::mv(first));
        } else if (what == "watch") {
                auto request = kv.watchRequest();

                request.setPrefix(words.size() > 1 ? words[1] : "");
                request.setWatcher(kj::heap<WatcherImpl>(kj::addRef(*changes)));
                watch = wait(request.send()).getWatch();
        } else if (what == "told") {
                return told();
        } else if (what == "untold") {
                return "{\"value\": " + std::to_string(changes->told.size()) + "}";
        } else if (what == "unwatch") {
                watch = nullptr;
        } else if (what == "upload") {
                parts(words.at(1), number(2), number(3));
                return finish();
        } else if (what == "begin") {
                parts(words.at(1), number(2), number(3));
        } else if (what == "finish") {
                return finish();
        } else if (what == "logout") {
                logout();
        } else {
                KJ_FAIL_REQUIRE("no such command", what);
        }
        return "{}";
}

} // namespace

int main(int argc, char **argv)
{
        if (argc != 2) {
                std::cerr << "usage: " << argv[0] << " HOST:PORT\n";
                return 2;
        }

        Client client(argv[1]);

        return foreign::serve(client);
}
