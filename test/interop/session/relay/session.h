/*
 * session.h: sessions for the cases of the conformance driver that need more than one capability.
 */
#pragma once

#include "driver.h"
#include "remote_session.capnp.h"

namespace conf
{

/* The bundle of a new anonymous session on this connection. */
capos::RemoteCapSet::Client log_in(Env &env, capnp::TwoPartyClient &client);

/* A Conf of the bundle, asked for by name; calls may be made on it at once. */
Conf::Client granted(capos::RemoteCapSet::Client caps, const char *name);

} // namespace conf
