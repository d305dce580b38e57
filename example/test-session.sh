#!/bin/sh
# test-session.sh CAPOS SESSION: the example, through an instance with what an instance is by default.
set -eu

dir=$(mktemp -d)
instance=
trap 'test -z "$instance" || { kill "$instance"; wait "$instance" || :; }; rm -rf "$dir"' EXIT

"$1" up --state "$dir/state" --listen plain:127.0.0.1:0 >"$dir/up" 2>"$dir/log" &
instance=$!
i=0
while ! grep -q '^remote CapSet: plain 127.0.0.1 [0-9]*$' "$dir/up"; do
        i=$((i + 1))
        [ $i -lt 400 ] || { cat "$dir/log"; echo 'the instance does not start'; exit 1; }
        sleep 0.05
done
port=$(sed -n 's/^remote CapSet: plain 127.0.0.1 //p' "$dir/up")

"$2" "127.0.0.1:$port" >"$dir/out"
cat "$dir/out"
[ "$(cat "$dir/out")" = 'Welcome to capOS.' ]

# It has logged out, and a log of that can be verified.
"$1" audit verify --state "$dir/state"
[ "$(grep -c '"what":"logout"' "$dir/state/audit.log")" = 1 ]
