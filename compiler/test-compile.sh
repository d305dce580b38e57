#!/bin/sh
# Compiles what is generated: test-compile.sh CAPNP CAPNPC_C SOURCE_ROOT
#
# Every golden, the schemas of the interoperability peers and the reference's own, with each compiler there is: as C11
# with more warnings than the project has, and the headers as C++17.
set -u
capnp=$1 plugin=$2 root=$3
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

system=$(dirname "$(dirname "$capnp")")/include
"$here/generate.sh" "$capnp" "$plugin" "$root/schema" "$out" "$here"/golden/*.capnp &&
        "$here/generate.sh" "$capnp" "$plugin" "$root/schema" "$out" "$root"/test/peers/*.capnp &&
        "$capnp" compile --src-prefix="$system" -o "$plugin:$out" "$system"/capnp/*.capnp
verdict 'generating' $?

c_flags='-std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wwrite-strings -Wundef -Werror'
cd "$out" || exit 1

# The public headers: without a warning in both languages, and without the names of stdio.
cat >public.c <<'END'
#include <capos/capnp.h>
#include <capos/capos-client.h>
#if defined(EOF) || defined(BUFSIZ)
#error "a public header includes <stdio.h>"
#endif
extern int used;
END
for cc in 'gcc -std=c11' 'clang -std=c11' 'g++ -x c++ -std=c++17' 'clang++ -x c++ -std=c++17'; do
        command -v "${cc%% *}" >/dev/null || continue
        # shellcheck disable=SC2086
        $cc -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only -I"$root/include" public.c
        verdict "$cc of the public headers" $?
done

for f in *-c.c capnp/*-c.c; do
        echo "#include \"${f%.c}.h\"" >once.c++
        for cc in gcc clang; do
                command -v $cc >/dev/null || continue
                # shellcheck disable=SC2086
                $cc $c_flags -I. -I"$root/include" -c "$f" -o x.o
                verdict "$cc $f" $?
        done
        for cxx in g++ clang++; do
                command -v $cxx >/dev/null || continue
                $cxx -x c++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I. -I"$root/include" once.c++
                verdict "$cxx ${f%.c}.h" $?
        done
done

[ -z "${CAPOS_TEST_COUNTS:-}" ] || echo "test-compile $passed $failed" >>"$CAPOS_TEST_COUNTS"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
