/*
 * conf-impl.h: makes the object that a conformance server exports.
 */
#pragma once

#include <capnp/capability.h>
#include <kj/async-io.h>

#include "conf.capnp.h"

/* A Conf whose counters, held capability and counts are its own. */
Conf::Client conf_new(kj::Timer &timer);
