/*
 * kv in C++, with the Cap'n Proto library alone: it knows nothing of an instance. A connector puts
 * it behind one (doc/service-authors.md). See ../kv/kv.capnp for what it does, ../kv/kv.c for the
 * same in C.
 *
 *     capnp compile -oc++ kv.capnp
 *     c++ -std=c++17 -o kv-server kv-server.c++ kv.capnp.c++ \
 *             $(pkg-config --cflags --libs capnp-rpc)
 *
 * Usage: kv-server unix:PATH FILE
 * Serves at a socket and keeps values in FILE. Says "ready" when it listens.
 */
#include <capnp/message.h>
#include <capnp/rpc-twoparty.h>
#include <capnp/serialize.h>
#include <kj/async-io.h>
#include <kj/debug.h>
#include <kj/filesystem.h>

#include <iostream>
#include <list>
#include <map>
#include <string>

#include "kv.capnp.h"

namespace
{

constexpr size_t KEYS = 256, KEY_BYTES = 64, VALUE_BYTES = 64 * 1024, ALL_BYTES = 1024 * 1024;
constexpr unsigned UNANSWERED = 64;

struct Told {
        std::string prefix;
        Watcher::Client watcher;
        unsigned unanswered = 0;
};

struct Waiting {
        std::string key;
        kj::Own<kj::PromiseFulfiller<kj::String>> fulfiller;
};

/* What all connections share. */
class Store final : public kj::Refcounted, private kj::TaskSet::ErrorHandler
{
      public:
        Store(kj::Timer &timer, const char *path) : timer(timer), path(path), tasks(*this)
        {
                load();
        }

        const std::string *find(const std::string &key) const
        {
                auto found = values.find(key);

                return found == values.end() ? nullptr : &found->second.value;
        }

        void set(const std::string &key, const std::string &value, uint32_t keep_ms);
        kj::Promise<kj::String> next(const std::string &key, uint32_t wait_ms);

        std::list<kj::Own<Told>> watches;

      private:
        struct Value {
                std::string value;
                uint64_t temporary = 0; /* a number of its own; 0: it is kept for good */
        };

        void load();
        void save();
        void changed(const std::string &key, const std::string &value);
        void taskFailed(kj::Exception &&) override
        {
        }

        kj::Timer &timer;
        std::string path;
        std::map<std::string, Value> values;
        std::list<Waiting> waits;
        uint64_t last = 0;
        size_t bytes = 0;
        kj::TaskSet tasks;
};

void Store::load()
{
        auto fs = kj::newDiskFilesystem();
        auto file = fs->getRoot().tryOpenFile(fs->getCurrentPath().evalNative(path.c_str()));

        KJ_IF_MAYBE(f, file) {
                auto words = (*f)->mmap(0, (*f)->stat().size);
                kj::ArrayInputStream in(words);
                capnp::InputStreamMessageReader message(in);

                for (auto e : message.getRoot<Table>().getEntries()) {
                        values[e.getKey().cStr()].value = e.getValue().cStr();
                        bytes += e.getValue().size();
                }
        }
}

/* A new file, brought to the disk, in the old one's place. */
void Store::save()
{
        capnp::MallocMessageBuilder message;
        auto fs = kj::newDiskFilesystem();
        auto replacer = fs->getRoot().replaceFile(fs->getCurrentPath().evalNative(path.c_str()),
                                                  kj::WriteMode::CREATE | kj::WriteMode::MODIFY);
        unsigned n = 0;

        for (auto &v : values)
                n += !v.second.temporary;
        auto list = message.initRoot<Table>().initEntries(n);
        n = 0;
        for (auto &v : values) {
                if (v.second.temporary)
                        continue;
                list[n].setKey(v.first);
                list[n++].setValue(v.second.value);
        }
        replacer->get().writeAll(capnp::messageToFlatArray(message).asBytes());
        replacer->get().sync();
        replacer->commit();
}

void Store::set(const std::string &key, const std::string &value, uint32_t keep_ms)
{
        auto found = values.find(key);
        size_t before = found == values.end() ? 0 : found->second.value.size();

        if (key.empty() || key.size() > KEY_BYTES || value.size() > VALUE_BYTES ||
            bytes - before + value.size() > ALL_BYTES ||
            (found == values.end() && values.size() == KEYS))
                kj::throwFatalException(KJ_EXCEPTION(OVERLOADED, "too long, or too many"));
        bytes += value.size() - before;
        if (value.empty()) {
                values.erase(key);
        } else {
                values[key] = {value, keep_ms ? ++last : 0};
        }
        if (keep_ms && !value.empty()) {
                auto end = timer.afterDelay(keep_ms * kj::MILLISECONDS);

                tasks.add(end.then([this, key, mine = last]() {
                        auto now = values.find(key);

                        if (now != values.end() && now->second.temporary == mine)
                                set(key, "", 0);
                }));
        }
        save();
        changed(key, value);
}

void Store::changed(const std::string &key, const std::string &value)
{
        for (auto w = waits.begin(); w != waits.end();) {
                if (w->key == key) {
                        w->fulfiller->fulfill(kj::str(value));
                        w = waits.erase(w);
                } else {
                        ++w;
                }
        }
        for (auto &w : watches) {
                if (key.compare(0, w->prefix.size(), w->prefix) != 0 ||
                    w->unanswered == UNANSWERED)
                        continue;

                auto request = w->watcher.changedRequest();
                request.setKey(key);
                request.setValue(value);
                w->unanswered++;
                tasks.add(request.send().ignoreResult().then(
                        [this, told = w.get()]() { /* or it was let go of meanwhile */
                                for (auto &x : watches)
                                        if (x.get() == told)
                                                x->unanswered--;
                        }));
        }
}

kj::Promise<kj::String> Store::next(const std::string &key, uint32_t wait_ms)
{
        auto paf = kj::newPromiseAndFulfiller<kj::String>();
        auto late = timer.afterDelay(wait_ms * kj::MILLISECONDS);

        waits.remove_if([](Waiting &w) { return !w.fulfiller->isWaiting(); });
        waits.push_back({key, kj::mv(paf.fulfiller)});
        return paf.promise.exclusiveJoin(late.then([]() -> kj::Promise<kj::String> {
                return KJ_EXCEPTION(OVERLOADED, "the key was not set in time");
        }));
}

class WatchImpl final : public Watch::Server
{
      public:
        WatchImpl(kj::Own<Store> store, kj::Own<Told> told) : store(kj::mv(store))
        {
                this->store->watches.push_back(kj::mv(told));
                mine = --this->store->watches.end();
        }

        ~WatchImpl() noexcept(false)
        {
                store->watches.erase(mine);
        }

      private:
        kj::Own<Store> store;
        std::list<kj::Own<Told>>::iterator mine;
};

class SinkImpl final : public Sink::Server
{
      public:
        SinkImpl(kj::Own<Store> store, kj::StringPtr key) : store(kj::mv(store)), key(key.cStr())
        {
        }

        kj::Promise<void> write(WriteContext context) override
        {
                auto part = context.getParams().getPart();

                if (part.size() > VALUE_BYTES - value.size())
                        return KJ_EXCEPTION(OVERLOADED, "a value has 64 KiB at most");
                value.append(part.begin(), part.size());
                return kj::READY_NOW;
        }

        kj::Promise<void> done(DoneContext context) override
        {
                store->set(key, value, 0);
                context.getResults().setLength((uint32_t)value.size());
                return kj::READY_NOW;
        }

      private:
        kj::Own<Store> store;
        std::string key, value;
};

class KvImpl final : public Kv::Server
{
      public:
        explicit KvImpl(kj::Own<Store> store) : store(kj::mv(store))
        {
        }

        kj::Promise<void> get(GetContext context) override
        {
                auto value = store->find(context.getParams().getKey().cStr());

                KJ_REQUIRE(value != nullptr, "there is no such key");
                context.getResults().setValue(*value);
                return kj::READY_NOW;
        }

        kj::Promise<void> set(SetContext context) override
        {
                auto p = context.getParams();

                store->set(p.getKey().cStr(), p.getValue().cStr(), p.getKeepMs());
                return kj::READY_NOW;
        }

        kj::Promise<void> next(NextContext context) override
        {
                auto p = context.getParams();

                return store->next(p.getKey().cStr(), p.getWaitMs())
                        .then([context](kj::String &&value) mutable {
                                context.getResults().setValue(value);
                        });
        }

        kj::Promise<void> watch(WatchContext context) override
        {
                auto p = context.getParams();

                context.getResults().setWatch(kj::heap<WatchImpl>(
                        kj::addRef(*store),
                        kj::heap<Told>(Told{p.getPrefix().cStr(), p.getWatcher()})));
                return kj::READY_NOW;
        }

        kj::Promise<void> upload(UploadContext context) override
        {
                context.getResults().setSink(kj::heap<SinkImpl>(kj::addRef(*store),
                                                                context.getParams().getKey()));
                return kj::READY_NOW;
        }

      private:
        kj::Own<Store> store;
};

} // namespace

int main(int argc, char **argv)
{
        if (argc != 3) {
                std::cerr << "usage: " << argv[0] << " unix:PATH FILE\n";
                return 2;
        }

        auto io = kj::setupAsyncIo();
        auto store = kj::refcounted<Store>(io.provider->getTimer(), argv[2]);
        capnp::TwoPartyServer server(kj::heap<KvImpl>(kj::addRef(*store)));
        auto listener = io.provider->getNetwork()
                                .parseAddress(argv[1])
                                .wait(io.waitScope)
                                ->listen();

        std::cout << "ready" << std::endl;
        server.listen(*listener).wait(io.waitScope);
}
