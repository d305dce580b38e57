/*
 * conf-service: Conf of test/peers/conf.capnp as a service of an instance.
 *
 * Why: what lies between a client and a service is our worker. With a foreign client before it and
 * a foreign service behind it, every difference that it makes is seen by somebody who doesn't know
 * it.
 */
#include "foreign-service.h"

#include <capnp/schema-loader.h>
#include <capnp/schema.capnp.h>
#include <capnp/serialize.h>

#include "conf-impl.h"

/* Conf and what it mentions, as a compiler would hand it to a plugin. */
static kj::Array<capnp::word> conf_describe()
{
        capnp::MallocMessageBuilder message;
        capnp::SchemaLoader loader;
        uint at = 0;

        loader.loadCompiledTypeAndDependencies<Conf>();
        auto all = loader.getAllLoaded();
        auto nodes =
                message.initRoot<capnp::schema::CodeGeneratorRequest>().initNodes(all.size());
        for (auto schema : all)
                nodes.setWithCaveats(at++, schema.getProto());
        return capnp::messageToFlatArray(message);
}

int main()
{
        auto io = kj::setupAsyncIo();
        auto schema = conf_describe();

        return foreign::run(io, conf_new(io.provider->getTimer()), schema.asBytes());
}
