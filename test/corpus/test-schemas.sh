#!/bin/sh
# Schemas that break generators, as one program: test-schemas.sh CAPNP CAPNPC_C SOURCE_ROOT LIBRARY
#
# Each file of schemas/ is compiled to C by a run of its own, in a folder tree, so that no file can rely on what was
# known of another. The output is compiled with every compiler there is, as C11 and as C++17, with -Wpedantic and no
# warning. Then all of it, one file twice, is linked with use*.c into one program, which uses what clashed. At last the
# two files of one name get prefixes by a map, and are included together.
set -u
capnp=$1 plugin=$2 root=$3 library=$4
for v in plugin library; do
        eval "p=\$$v"
        case $p in
        /*) ;;
        *) eval "$v=\$PWD/$p" ;;
        esac
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0 failed=0
include="-I$root/include"

verdict() { # verdict WHAT STATUS
        if [ "$2" -eq 0 ]; then
                passed=$((passed + 1))
        else
                failed=$((failed + 1))
                echo "FAILED: $1"
        fi
}

# ---- generating ------------------------------------------------------------------------------------------------------

cd "$root/test/corpus/schemas" || exit 1
mkdir "$out/gen" "$out/again" "$out/map"
schemas=$(find . -name '*.capnp' | sed 's,^\./,,' | LC_ALL=C sort)
for s in $schemas; do
        "$capnp" compile -o "$plugin:$out/gen" "$s" 2>>"$out/notes"
        verdict "capnpc-c $s" $?
done
[ "$(grep -vc ' note: ' "$out/notes")" -eq 0 ]
verdict 'only notes are told' $?
[ -z "$(cut -d: -f1-2 "$out/notes" | grep -v 'note$' | sort | uniq -d)" ]
verdict 'one note for each declaration' $?

# What a note says is so: the new name is in the header.
sed -n 's/^\([^:]*\): .* is called \([A-Za-z0-9_]*\).*/\1 \2/p' "$out/notes" >"$out/called"
[ "$(wc -l <"$out/called")" -gt 40 ]
verdict 'notes give names' $?
while read -r s name; do
        grep -qw "$name" "$out/gen/$s-c.h" || echo "$s: $name"
done <"$out/called" >"$out/missing"
[ ! -s "$out/missing" ] || cat "$out/missing"
[ ! -s "$out/missing" ]
verdict 'what notes say is so' $?

# All in one run: the same to the byte.
# shellcheck disable=SC2086
"$capnp" compile -o "$plugin:$out/again" $schemas 2>/dev/null && diff -r "$out/gen" "$out/again"
verdict 'the same in one run' $?

# ---- compiling -------------------------------------------------------------------------------------------------------

c_flags='-std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wwrite-strings -Wundef -Werror'
cxx_flags='-x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only'
cd "$out/gen" || exit 1
for s in $schemas; do
        echo "#include \"$s-c.h\"" >once.c++
        for cc in gcc clang; do
                command -v $cc >/dev/null || continue
                # shellcheck disable=SC2086
                $cc $c_flags -I. $include -c "$s-c.c" -o "$s.o"
                verdict "$cc $s" $?
        done
        for cxx in g++ clang++; do
                command -v $cxx >/dev/null || continue
                # shellcheck disable=SC2086
                $cxx $cxx_flags -I. $include once.c++
                verdict "$cxx $s" $?
        done
done

# ---- one program -----------------------------------------------------------------------------------------------------

for u in "$root"/test/corpus/schemas/use*.c; do
        # shellcheck disable=SC2086
        gcc $c_flags -D_POSIX_C_SOURCE=200809L -I. $include -c "$u" -o "${u##*/}.o"
        verdict "gcc ${u##*/}" $?
done
# What a value of an enum may be is what UBSan knows.
cxx=$(command -v clang++ || command -v g++)
"$cxx" -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsanitize=undefined -fno-sanitize-recover=all -I. $include \
        -c "$root/test/corpus/schemas/use-enums.c++" -o use-enums.o
verdict "$cxx use-enums.c++" $?

# The code of one schema twice, as when a library brings its own.
cp left/item.capnp-c.c again.c && gcc -Ileft -I. $include -c again.c -o again.o
# shellcheck disable=SC2046
"$cxx" -fsanitize=undefined -o program $(find . -name '*.o') "$library" "-Wl,-rpath,${library%/*}" &&
        [ "$(./program)" = used ]
verdict 'the program' $?

# ---- a map -----------------------------------------------------------------------------------------------------------

cat >"$out/names" <<'END'
# Files by the end of their path and by id; a member by its declaration's id.
prefix right/item.capnp            right
prefix 0xe4c0967b1d8f25a3          left
name   left/item.capnp:Item.x      metres
name   both.capnp:Item             pair
END
cd "$root/test/corpus/schemas" || exit 1
for s in left/item.capnp right/item.capnp both.capnp; do
        "$capnp" compile -o- "$s" | "$plugin" --names "$out/names" "$out/map"
        verdict "capnpc-c --names of $s" $?
done 2>"$out/notes"
[ ! -s "$out/notes" ]
verdict 'no note with a map' $?
(cd "$out/map" && mkdir env && CAPNPC_C_NAMES="$out/names" "$capnp" compile -o "$plugin:env" \
        --src-prefix="$root/test/corpus/schemas" "$root/test/corpus/schemas/both.capnp" && cmp env/both.capnp-c.h both.capnp-c.h)
verdict 'CAPNPC_C_NAMES' $?

cat >"$out/map/main.c" <<'END'
#include "both.capnp-c.h"
int main(void)
{
        left_item_reader l = pair_left(two());
        right_item_reader r = pair_right(two());

        return left_item_metres(l) == 2 && !strcmp(right_item_y(r).p, "two") ? 0 : 1;
}
END
cd "$out/map" && gcc -Wall -Wextra -Werror -I. $include -o main main.c ./*-c.c ./*/item.capnp-c.c "$library" \
        "-Wl,-rpath,${library%/*}" && ./main
verdict 'a program with the names of a map' $?

"$capnp" compile -o- "$root/test/corpus/schemas/left/item.capnp" --src-prefix="$root/test/corpus/schemas" |
        "$plugin" --prefix some --no-doc "$out/again" && grep -q 'some_item_reader' "$out/again/left/item.capnp-c.h"
verdict '--prefix' $?
for line in 'prefix a' 'name a:B 1x' 'rename a:B c' 'name a:B c d'; do
        echo "$line" >"$out/names"
        : | "$plugin" --names "$out/names" 2>"$out/said"
        [ $? -eq 1 ] && grep -q ':1: ' "$out/said"
        verdict "a map that says '$line'" $?
done
: | "$plugin" --prefix 1x 2>/dev/null
[ $? -eq 2 ]
verdict '--prefix 1x' $?

[ -z "${CAPOS_TEST_COUNTS:-}" ] || echo "test-schemas $passed $failed" >>"$CAPOS_TEST_COUNTS"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
