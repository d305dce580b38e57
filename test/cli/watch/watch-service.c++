/*
 * watch-service REQUEST: Teller of watch.capnp as a service of an instance. What it tells of itself
 * is what is in the file, a CodeGeneratorRequest, whatever that may be.
 */
#include "foreign-service.h"

#include <vector>

#include "watch.capnp.h"

namespace
{

class TellerImpl final : public Teller::Server, private kj::TaskSet::ErrorHandler
{
      public:
        explicit TellerImpl(kj::Timer &timer) : timer(timer), tasks(*this)
        {
        }

      protected:
        kj::Promise<void> tell(TellContext c) override
        {
                auto p = c.getParams();

                return telling(p.getListener(), 0, p.getTimes(), kj::str(p.getText()))
                        .then([c]() mutable {
                                c.getResults().setTold(c.getParams().getTimes());
                        });
        }

        kj::Promise<void> follow(FollowContext c) override
        {
                auto p = c.getParams();
                auto first = p.getFirst();
                auto told = first.toldRequest();
                auto end = first.closedRequest(), end2 = p.getSecond().closedRequest();

                told.setItem(p.getItem());
                told.setBy(thisCap());
                end.setWhy("all was told");
                end2.setWhy("all was told");
                tasks.add(timer.afterDelay(1 * kj::MILLISECONDS)
                                  .then([told = kj::mv(told)]() mutable {
                                          return told.send().ignoreResult();
                                  })
                                  .then([end = kj::mv(end), end2 = kj::mv(end2)]() mutable {
                                          auto both = kj::heapArrayBuilder<kj::Promise<void>>(2);

                                          both.add(end.send().ignoreResult());
                                          both.add(end2.send().ignoreResult());
                                          return kj::joinPromises(both.finish());
                                  }));
                return kj::READY_NOW;
        }

        kj::Promise<void> forever(ForeverContext c) override
        {
                held.push_back(c.getParams().getListener());
                tasks.add(telling(held.back(), 0, 1, kj::str("once")));
                return kj::READY_NOW;
        }

        kj::Promise<void> echo(EchoContext c) override
        {
                auto p = c.getParams();
                auto r = c.getResults();

                r.setItem(p.getItem());
                r.setCount(p.getCount() + p.getItems().size());
                return kj::READY_NOW;
        }

      private:
        void taskFailed(kj::Exception &&) override
        {
        }

        kj::Promise<void> telling(Listener::Client to, uint i, uint n, kj::String text)
        {
                if (i == n)
                        return kj::READY_NOW;

                auto r = to.toldRequest();
                r.getItem().setNumber(i);
                r.getItem().setText(text);
                return r.send().then(
                        [this, to, i, n, text = kj::mv(text)](auto &&) mutable {
                                return telling(to, i + 1, n, kj::mv(text));
                        });
        }

        kj::Timer &timer;
        kj::TaskSet tasks;
        std::vector<Listener::Client> held;
};

kj::Array<kj::byte> file_read(const char *path)
{
        FILE *f = fopen(path, "re");
        std::vector<kj::byte> all;
        int c;

        while (f != nullptr && (c = getc(f)) != EOF)
                all.push_back((kj::byte)c);
        if (f != nullptr)
                fclose(f);
        return kj::heapArray<kj::byte>(all.data(), all.size());
}

} // namespace

int main(int argc, char **argv)
{
        auto io = kj::setupAsyncIo();
        auto schema = file_read(argc > 1 ? argv[1] : "/dev/null");

        return foreign::run(io, kj::heap<TellerImpl>(io.provider->getTimer()), schema);
}
