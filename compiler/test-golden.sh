#!/bin/sh
# Regenerates what is checked in and compares: test-golden.sh CAPNP CAPNPC_C SOURCE_ROOT [--update]
#
#   golden/X.capnp        with golden/X.capnp-c.{h,c}: the output, to the byte
#   golden/errors/X.capnp with X.expected: what is said; the run fails and leaves no file
#   golden/notes/X.capnp  with X.expected: what is said, word by word; the run succeeds
#   gen/schema.capnp-c.h  what the compiler reads its input with
#
# --update writes the outputs instead, for a person to read the difference before it is committed.
set -u
capnp=$1 plugin=$2 root=$3 update=${4:-}
here=$root/compiler
case $plugin in
/*) ;;
*) plugin=$PWD/$plugin ;;
esac
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

verdict() { # verdict WHAT STATUS
        if [ "$2" -eq 0 ]; then
                passed=$((passed + 1))
        else
                failed=$((failed + 1))
                echo "FAILED: $1"
        fi
}

compare() { # compare FOLDER FILE: the output FILE with the one checked in below FOLDER
        if [ "$update" = --update ]; then
                cp "$out/$2" "$1/${2##*/}"
        fi
        diff -u "$1/${2##*/}" "$out/$2"
        verdict "${2##*/}" $?
}

"$here/generate.sh" "$capnp" "$plugin" "$root/schema" "$out" "$here"/golden/*.capnp
verdict 'generating the goldens' $?
for f in "$here"/golden/*.capnp; do
        compare "$here/golden" "${f##*/}-c.h"
        compare "$here/golden" "${f##*/}-c.c"
done

for f in "$here"/golden/errors/*.expected; do
        rm -rf "$out/e"
        mkdir "$out/e"
        f=${f%.expected}
        if "$here/generate.sh" "$capnp" "$plugin" "$root/schema" "$out/e" "$f.capnp" 2>"$out/said"; then
                verdict "${f##*/} succeeds" 1
        fi
        grep -v 'plugin failed' "$out/said" | diff -u "$f.expected" -
        verdict "${f##*/} says" $?
        [ -z "$(ls -A "$out/e")" ]
        verdict "${f##*/} leaves no file" $?
done

for f in "$here"/golden/notes/*.capnp; do
        f=${f%.capnp}
        "$here/generate.sh" "$capnp" "$plugin" "$root/schema" "$out" "$f.capnp" 2>"$out/said"
        verdict "${f##*/} succeeds" $?
        [ "$update" != --update ] || cp "$out/said" "$f.expected"
        diff -u "$f.expected" "$out/said"
        verdict "${f##*/} says" $?
done

# One wrong file of several: none is written.
rm -rf "$out/e"
mkdir "$out/e"
"$here/generate.sh" "$capnp" "$plugin" "$root/schema" "$out/e" "$here/golden/anys.capnp" \
        "$here/golden/errors/bad-name.capnp" 2>/dev/null
[ -z "$(ls -A "$out/e")" ]
verdict 'one wrong file of two' $?

# Input that is no request.
for bytes in '' '\0\0\0\0\377\377\377\177' 'no request at all, but some bytes!'; do
        # shellcheck disable=SC2059
        (cd "$out/e" && printf "$bytes" | "$plugin" 2>/dev/null)
        [ $? -eq 1 ]
        verdict "input '$bytes'" $?
done

# The manual and --help name the same options.
"$plugin" --help | grep -oE -- '--[a-z-]+|CAPNPC_C_[A-Z]+' | sort -u >"$out/help"
sed 's/\\-/-/g' "$root/pkg/man/capnpc-c.1" | grep -oE -- '--[a-z-]+|CAPNPC_C_[A-Z]+' | sort -u | diff "$out/help" -
verdict 'the manual' $?

# What the compiler reads its input with is its own output.
(
        cd "$root/schema" && "$capnp" compile -o- capnp/schema.capnp | (cd "$out" && "$plugin" --no-doc)
)
verdict 'generating schema.capnp' $?
compare "$here/gen" capnp/schema.capnp-c.h

# Our text of the protocol and of schemas says what that of this release of the reference does: whatever C has of theirs
# it has of ours. (Some of level 3, which nobody speaks, is another by now; and a struct may have become larger.)
theirs=$(dirname "$(dirname "$capnp")")/include/capnp
said_of() { # said_of FOLDER SCHEMA [OPTION...]
        in=$1 s=$2
        shift 2
        rm -rf "$out/said"
        mkdir "$out/said"
        (cd "$in" && "$capnp" compile -I"$root/schema" -o- "$s.capnp" | (cd "$out/said" && "$plugin" --no-doc "$@"))
        grep -E '^(static inline|#define [A-Z]|        [A-Z0-9_]+ = )' "$out/said/$s.capnp-c.h" |
                grep -vE 'ACCEPT|PROVIDE|accept|provide|disembargo_init_context' |
                sed -E 's/(capnp_i_(slot|put_[a-z0-9]+|get_[a-z0-9]+)\([^,]+, )[0-9]+, /\1/g' | LC_ALL=C sort
}
if [ "$("$capnp" --version)" = "Cap'n Proto version 0.9.2" ]; then
        for s in 'rpc --prefix rpc' schema; do
                # shellcheck disable=SC2086
                said_of "$theirs" $s >"$out/theirs"
                said_of "$root/schema/capnp" "${s%% *}" >"$out/ours"
                [ "$(wc -l <"$out/theirs")" -gt 400 ]
                verdict "the reference's ${s%% *}.capnp" $?
                missing=$(LC_ALL=C comm -23 "$out/theirs" "$out/ours")
                [ -z "$missing" ] || echo "$missing"
                [ -z "$missing" ]
                verdict "${s%% *}.capnp says what the reference's does" $?
        done
fi

[ -z "${CAPOS_TEST_COUNTS:-}" ] || echo "test-golden $passed $failed" >>"$CAPOS_TEST_COUNTS"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
