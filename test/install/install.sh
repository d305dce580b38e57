#!/bin/bash
# What `make install` leaves is enough for somebody who has nothing else of this tree, and `make uninstall` takes all
# of it away again: install.sh BUILD SOURCE
#
# Installs below a folder (DESTDIR), makes C of the installed schemas by the installed generator, compiles the README's
# client and the example's service against the installed headers and libraries, and starts the installed command. The
# same is compiled against the build folder.
set -euo pipefail

build=$1
source=$2
top=$(mktemp -d)
log=$build/meson-logs/install-log.txt
# One test at a time installs.
exec 9>"$build/meson-logs/install.lock"
flock 9
# The log says what an uninstall removes; one that somebody's real installation has written stays.
[ ! -e "$log" ] || cp -p "$log" "$top/log"
trap '[ ! -e "$top/log" ] || cp -p "$top/log" "$log"; rm -rf "$top"' EXIT

fail() {
        echo "install: $*" >&2
        exit 1
}

prefix=$(meson introspect "$build" --buildoptions | python3 -c '
import json, sys
print({o["name"]: o["value"] for o in json.load(sys.stdin)}["prefix"])')
DESTDIR=$top/root meson install -C "$build" --no-rebuild >/dev/null
root=$top/root
at=$root$prefix

for file in bin/capos bin/capnpc-c share/capos/default.manifest share/man/man1/capos.1 share/man/man5/capos-manifest.5 \
        include/capos/{capnp,kit,kit-play,harness}.h libexec/capos/capos-{caposd,guide} \
        include/capos/{command,remote_session,remote_ui,user_session}.capnp \
        include/capos/{system_info,chat,service_control,manifest,c,cxx,go,java}.capnp; do
        [ -f "$at/$file" ] || fail "$file is not installed"
done

pkg=$(dirname "$(find "$root" -name capos-rpc.pc)")
export PKG_CONFIG_PATH=$pkg PKG_CONFIG_SYSROOT_DIR=$root
schemas=$(pkg-config --variable=schemadir capos-rpc)
case $schemas in
"$root"*) ;;
*) schemas=$root$schemas ;;
esac

mkdir "$top/client"
cd "$top/client"
PATH=$at/bin:$PATH capnp compile -oc:. --src-prefix="$schemas" \
        "$schemas"/{remote_session,remote_ui,command,user_session,system_info}.capnp
# shellcheck disable=SC2046
cc -I. -o session "$source/example/session.c" ./*.capnp-c.c $(pkg-config --cflags --libs capos-rpc)
LD_LIBRARY_PATH=$(dirname "$pkg") ./session unix:"$top/nobody" 2>said && fail "a client without an instance succeeds"
grep -q . said || fail "a client without an instance says nothing"
"$at/bin/capos" version >/dev/null || fail "the installed command does not start"

# A service as doc/service-authors.md has it: made by what is installed alone, and started by its manifest.
mkdir "$top/service"
cd "$top/service"
cp "$source"/example/service/counter.{c,capnp,manifest} .
PATH=$at/bin:$PATH capnp compile -oc:. counter.capnp
# shellcheck disable=SC2046
cc -o counter counter.c counter.capnp-c.c $(pkg-config --cflags --libs capos-kit)
sed "s|program = \"counter\"|program = \"$PWD/counter\"|" counter.manifest >my.manifest
LD_LIBRARY_PATH=$(dirname "$pkg") "$at/bin/capos" manifest check my.manifest >said ||
        fail "the service does not start"
grep -q 'my.manifest is good: 1 services' said || fail "the check says $(cat said)"

# And by the build folder alone, from its own .pc files.
mkdir "$top/build"
cd "$top/build"
unset PKG_CONFIG_SYSROOT_DIR
export PKG_CONFIG_PATH=$build/meson-uninstalled
schemas=$(pkg-config --variable=schemadir capos-rpc)
PATH=$build/compiler:$PATH capnp compile -oc:. --src-prefix="$schemas" \
        "$schemas"/{remote_session,remote_ui,command,user_session,system_info}.capnp
# shellcheck disable=SC2046
cc -I. -o session "$source/example/session.c" ./*.capnp-c.c $(pkg-config --cflags --libs capos-rpc)
cp ../service/counter.{c,capnp-c.c,capnp-c.h} .
# shellcheck disable=SC2046
cc -o counter counter.c counter.capnp-c.c $(pkg-config --cflags --libs capos-kit)
printf '#include <capos/capos-client.h>\nint main(void) { return !capos_strerror(0); }\n' >client.c
# shellcheck disable=SC2046
cc -o client client.c $(pkg-config --cflags --libs capos)
LD_LIBRARY_PATH=$build ./client || fail "what was compiled against the build folder does not run"

DESTDIR=$root ninja -C "$build" uninstall >/dev/null
left=$(find "$top" -path "$root/*" \( -type f -o -type l \))
[ -z "$left" ] || fail "an uninstall leaves $left"
