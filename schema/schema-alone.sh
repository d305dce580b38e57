#!/bin/sh
# Every schema compiles with the `capnp` tool and this folder, and with nothing else: schema-alone.sh CAPNP FOLDER
set -eu
alone=$(mktemp -d)
trap 'rm -rf "$alone"' EXIT
cp "$2"/*.capnp "$alone"
cd "$alone"
for s in *.capnp; do
        "$1" compile --no-standard-import -o- "$s" >request
        [ -s request ]
done
for s in command remote_session remote_ui user_session adventure chat system_info service_control; do
        grep -q '^$Cxx.namespace("capos");$' $s.capnp
        grep -q '^$Go.package("' $s.capnp
        grep -q '^$Go.import("capos/' $s.capnp
done
