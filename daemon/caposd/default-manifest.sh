#!/bin/sh
# Writes a manifest in text form as the bytes of a message, and as those of the text, for #include:
# default-manifest.sh TEXT SCHEMA MESSAGE-OUTPUT TEXT-OUTPUT
set -eu
capnp encode "$2" Manifest <"$1" >"$3.bin"
od -An -v -tx1 "$3.bin" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' >"$3"
rm "$3.bin"
od -An -v -tx1 "$1" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g' | sed '$s/,$//' >"$4"
