/*
 * direct: the driver's way to a server that exports Conf as its bootstrap object.
 */
#include "driver.h"

namespace
{

class Direct final : public conf::Entrance
{
      public:
        explicit Direct(capnp::TwoPartyClient &client) : client(client)
        {
        }

        Conf::Client conf() override
        {
                return client.bootstrap().castAs<Conf>();
        }

      private:
        capnp::TwoPartyClient &client;
};

} // namespace

kj::Own<conf::Entrance> conf::entrance_new(Env &, capnp::TwoPartyClient &client)
{
        return kj::heap<Direct>(client);
}
