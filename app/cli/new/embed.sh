#!/bin/sh
# Writes files as members of a table in C, for #include: embed.sh OUTPUT FILE...
# Each is { folder, name, text }, where folder is that the file lies in.
set -eu
to=$1
shift
for file in "$@"; do
        printf '{"%s", "%s", (const char[]){' "$(basename "$(dirname "$file")")" "$(basename "$file")"
        od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/(char)0x\1,/g'
        echo '0}},'
done >"$to"
