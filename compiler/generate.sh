#!/bin/sh
# generate.sh CAPNP CAPNPC_C SCHEMA_FOLDER OUTPUT_FOLDER FILE...: each FILE's output lies directly in OUTPUT_FOLDER.
set -eu
capnp=$1 plugin=$2 schema=$3 out=$4
shift 4

case $plugin in
/*) ;;
*) plugin=$PWD/$plugin ;;
esac

prefixes=
for f; do
        prefixes="$prefixes --src-prefix=$(dirname "$f")"
done

# Folder names without spaces: the build files see to that.
# shellcheck disable=SC2086
exec "$capnp" compile -I"$schema" $prefixes -o "$plugin:$out" "$@"
