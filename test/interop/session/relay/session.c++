/*
 * session: the conformance driver's way to a Conf that is a service of an instance: an anonymous
 * session of its own on every connection, and `conf` of its bundle.
 */
#include "session.h"
#include "driver.h"

using namespace capos;

namespace
{

class Session final : public conf::Entrance
{
      public:
        explicit Session(RemoteCapSet::Client caps) : caps(kj::mv(caps))
        {
        }

        Conf::Client conf() override
        {
                return conf::granted(caps, "conf");
        }

      private:
        RemoteCapSet::Client caps;
};

} // namespace

/* Until there is a session, messages are small: so wait for it, and let the cases begin then. */
RemoteCapSet::Client conf::log_in(Env &env, capnp::TwoPartyClient &client)
{
        auto gateway = client.bootstrap().castAs<RemoteSessionGateway>();
        auto session = WAIT(gateway.anonymousRequest().send()).getSession();

        return WAIT(session.capSetRequest().send()).getCaps();
}

Conf::Client conf::granted(RemoteCapSet::Client caps, const char *name)
{
        auto get = caps.getRequest();

        get.setName(name);
        get.setExpectedInterfaceId(capnp::typeId<Conf>());
        return get.send().getCap().castAs<Conf>();
}

kj::Own<conf::Entrance> conf::entrance_new(Env &env, capnp::TwoPartyClient &client)
{
        return kj::heap<Session>(log_in(env, client));
}
