/*
 * watch-service REQUEST: Teller of watch.capnp as a service of an instance. What it tells of itself
 * is what is in the file, a CodeGeneratorRequest, whatever that may be.
 */
#include "foreign-service.h"

#include <vector>

#include "watch.capnp.h"

using namespace capos;

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

        kj::Promise<void> look(LookContext c) override
        {
                held.push_back(c.getParams().getListener());
                tasks.add(telling(held.back(), 0, 1, kj::str("once")));
                return kj::READY_NOW;
        }

        kj::Promise<void> wipe(WipeContext c) override
        {
                c.getResults().setCount(++wiped);
                return kj::READY_NOW;
        }

        kj::Promise<void> fail(FailContext c) override
        {
                return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                                     kj::str(c.getParams().getText()));
        }

        /* Some of these are what no honest service describes. */
        kj::Promise<void> commands(CommandsContext c) override
        {
                static const char steering[] = "\x1b[2J\xc2\x9b" "2J\xe2\x80\xae";
                auto r = c.getResults();

                r.setRevision(++asked);
                auto list = r.initCommands(9);
                command(list[0], "echo", 3);
                fields(list[0].initFields(5));
                list[0].setEffect(CommandEffect::READS);
                list[0].setSummary(steering);
                auto constant = list[0].getRun().getCall().initConstants(1)[0];
                constant.setPath("item.place.row");
                constant.initValue().setInt(4);
                command(list[1], "wipe", 4); /* the schema says nothing, the service says reads */
                list[1].setEffect(CommandEffect::READS);
                command(list[2], "lasting", 3);
                list[2].setEffect(CommandEffect::LASTING);
                command(list[3], "elsewhere", 0);
                list[3].getRun().getCall().setCapability("chat");
                command(list[4], "nowhere", 99);
                command(list[5], "disabled", 3);
                list[5].setEnabled(false);
                list[5].setReason(steering);
                list[6].setId("view");
                list[6].setTitle(steering);
                list[6].initRun().setView();
                /* Others see both, and one of them sends what nobody has typed. */
                command(list[7], "fixed", 3);
                number(list[7].initFields(1)[0]);
                auto fixed = list[7].getRun().getCall().initConstants(1)[0];
                fixed.setPath("item.text");
                fixed.initValue().setText("by the service");
                command(list[8], "typed", 3);
                number(list[8].initFields(1)[0]);
                return kj::READY_NOW;
        }

        kj::Promise<void> complete(CompleteContext c) override
        {
                auto choices = c.getResults().initChoices(2);

                choices[0].initValue().setText("plain");
                choices[1].initValue().setText("\x1b[31m");
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

        static void command(Command::Builder b, const char *id, uint16_t method)
        {
                b.setId(id);
                b.setTitle(id);
                b.setEffect(CommandEffect::SHARED);
                auto call = b.initRun().initCall();
                call.setInterfaceId(capnp::typeId<Teller>());
                call.setMethodId(method);
        }

        static void number(CommandField::Builder f)
        {
                f.setPath("item.number");
                f.setKind(CommandFieldKind::INTEGER);
                f.setRequired(true);
                f.setLabel("You \": Password");
        }

        static void fields(capnp::List<CommandField>::Builder list)
        {
                static const char *const paths[] = {"item.number", "item.text", "item.kind",
                                                    "count", "item.ratio"};
                static const CommandFieldKind kinds[] = {
                        CommandFieldKind::INTEGER, CommandFieldKind::TEXT, CommandFieldKind::CHOICE,
                        CommandFieldKind::DURATION, CommandFieldKind::NUMBER};

                for (uint i = 0; i < 5; i++) {
                        list[i].setPath(paths[i]);
                        list[i].setKind(kinds[i]);
                }
                list[0].setRequired(true);
                list[0].setLabel("Number");
                list[0].setMin(1);
                list[0].setMax(9);
                list[1].setMaxBytes(5);
                list[1].initInitial().setText("first");
        }

        kj::Timer &timer;
        kj::TaskSet tasks;
        uint asked = 0, wiped = 0;
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
