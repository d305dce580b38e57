#!/bin/sh
# test-motd.sh MOTD MOTD_ASYNC MOTD_SERVER: the examples, run against each other over a Unix socket.
set -eu

dir=$(mktemp -d)
server=
trap 'test -z "$server" || kill "$server"; rm -rf "$dir"' EXIT

"$3" "unix:$dir/socket" 'be kind' &
server=$!
i=0
while ! [ -S "$dir/socket" ]; do
        i=$((i + 1))
        [ $i -lt 200 ] || { echo 'the server does not listen'; exit 1; }
        sleep 0.05
done

"$1" "unix:$dir/socket" >"$dir/out"
cat "$dir/out"
[ "$(sed -n 1p "$dir/out")" = 'be kind' ]
grep -q '^version 0.1.0, up for [0-9]* s$' "$dir/out"

"$2" "unix:$dir/socket" "unix:$dir/socket" >"$dir/out"
[ "$(grep -c '^be kind$' "$dir/out")" = 2 ]

# Nobody there: an error that says so, and no more than that.
if "$1" "unix:$dir/nothing" 2>"$dir/err"; then
        echo 'it should have failed'
        exit 1
fi
cat "$dir/err"
