#!/bin/bash
# From the built-in manifest to one's own: shown, changed, checked, explained, started. Each mistake is told with its
# place, by the check and by a start alike: manifest.sh BUILD
set -u
capos=$1/bin/capos
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
cd "$top" || exit 1
passed=0 failed=0

# row NAME CODE PATTERN COMMAND...: the exit code, and what is said on either output.
row() {
        local name=$1 code=$2 pattern=$3 said r
        shift 3
        said=$(timeout 60 "$@" 2>&1 </dev/null)
        r=$?
        if [ $r = "$code" ] && grep -qE -- "$pattern" <<<"$said"; then
                passed=$((passed + 1))
        else
                failed=$((failed + 1))
                printf '%s: exit code %s, wanted %s and /%s/:\n%s\n' "$name" $r "$code" "$pattern" "$said"
        fi
}

change() { sed -e "$1" good >"$2"; }

"$capos" manifest show >good || failed=$((failed + 1))
change "s/Welcome to capOS\./Mind the step./" motd.m
change 's/0xc9c49edc60427cb2/0x9af912bd1eaaead7/' interface
change 's/(name = "chat"/&, facet = "readr"/' facet
change 's/"capos-chat"/"capos-chatt"/' missing
change "s|\"capos-chat\"|\"$top/good\"|" not-executable
change "s|\"capos-chat\"|\"$top\"|" folder
change 's/program = "capos-system-info",/& arguments = ["--colour"],/' arguments
change 's/calls = 16,/& callsPerSecond = 9,/' rate
change 's/maxLease/maxLees/' spelling
change 's/program = "capos-settings",/& grants = [(name = "system_info"), (name = "chat", facet = "f")],/' holder

sed -e 's|authentication = (|&oidc = [(name = "work", issuer = "https://op.example", clientId = "i", audience = "us",|' \
    -e '/oidc = /s|$|\
 rules = [(claims = [(name = "groups", value = "admins"), (name = "level", value = "3*")], account = "ada"),\
 (claims = [(name = "hd", value = "example.org")], create = true, profile = "operator")])],\
 passkeys = (relyingParty = "a.example", origins = ["https://a.example"], attestation = self,\
 aaguids = ["ee882879-721c-4913-9775-3dfcce97072a"]),|' good >ways

row shown-is-good 0 'good is good: 3 services' "$capos" manifest check good
row built-in-is-good 0 'built-in manifest is good' "$capos" manifest check
row shown-as-json 0 '^\{"motd":"' "$capos" manifest show --json
row good-as-json 0 '^\{"good":true,"services":3\}$' "$capos" manifest check --json
row explained-as-json 0 'Mind the step' "$capos" manifest explain --json motd.m
row field-is-no-json 2 '"code":"usage"' "$capos" manifest explain --json motd
row motd-is-good 0 "motd.m is good" "$capos" manifest check motd.m
row spelling 1 '^.*spelling:[0-9]+:[0-9]+:.*maxLease' "$capos" manifest check spelling
row no-file 1 'nothing: No such file' "$capos" manifest check nothing
row rate 1 'rate:[0-9]+:[0-9]+: profiles\[0\]\.quota\.callsPerSecond: .*10 and more' "$capos" manifest check rate
for verb in 'manifest check' 'up --listen plain:127.0.0.1:0 --state state --manifest'; do
        # shellcheck disable=SC2086
        set -- "$capos" $verb
        row interface 1 'interface:[0-9:]+ services.1..interfaceId: capos-chat does not serve 0x9af91' "$@" interface
        row facet 1 'facet:[0-9]+:[0-9]+: profiles.1..bundle.2..facet: chat refuses `readr`' "$@" facet
        row missing 1 'missing:[0-9]+:[0-9]+: services\[1\]\.program: there is no program capos-chatt' "$@" missing
        row not-executable 1 'services\[1\]\.program: .*/good: Permission denied' "$@" not-executable
        row folder 1 'services\[1\]\.program: .* is not a program' "$@" folder
        row arguments 1 'system_info .*does not take its arguments' "$@" arguments
done

row explain-field 0 'profiles\.lease :Text = "8h"' "$capos" manifest explain profiles.lease
row explain-text 0 'message of the day' "$capos" manifest explain motd
row explain-place 0 'services\[1\]\.interfaceId :UInt64' "$capos" manifest explain 'services[1].interfaceId'
row explain-unknown 1 'no field profiles\.leese; profiles has: name bundle' "$capos" manifest explain profiles.leese

row explain-file 0 'Message of the day: Mind the step\.' "$capos" manifest explain motd.m
row explain-provider 0 'provider +by work, https://op\.example' "$capos" manifest explain ways
row explain-rule 0 'groups = admins and level = 3\*: account ada, with any of its' "$capos" manifest explain ways
row explain-create 0 'hd = example\.org: an account of its own, made with profile op' "$capos" manifest explain ways
row explain-tokens 0 'programs, too, by access tokens for us' "$capos" manifest explain ways
row explain-passkeys 0 'passkey +open, for a\.example, from https://a\.example' "$capos" manifest explain ways
row explain-makes 0 'new ones: attested by their own key, of the makes that are named, 1' "$capos" manifest explain ways
row explain-held 0 'capos-settings, .*; holds: system_info, chat \(facet `f`\)' "$capos" manifest explain holder
row explain-none 0 'provider +closed' "$capos" manifest explain
row explain-grants 0 'anonymous +open, with profile anonymous' "$capos" manifest explain

# What a login would get; of accounts that are not there.
login=("$capos" manifest explain)
row login-key 0 'a key of its own: profile operator' "${login[@]}" motd.m --account ada --profiles operator --method key
row login-bound 0 'bound to tls-exporter' "${login[@]}" motd.m --account ada --profiles operator --method key
row login-plain 0 'bound to nothing' "${login[@]}" motd.m --account ada --profiles operator --method key --from plain
row login-grants 0 'chat +for 8 h: the bundle names it' "${login[@]}" --account ada --profiles operator --method key
row login-absent 0 'chat +not there: the profile.s bundle does not name it' "${login[@]}" --method anonymous
row login-profile 3 'denied\.profile: its profile is not for accounts' \
        "${login[@]}" --account ada --profiles anonymous --method password
row login-key-alone 3 'denied\.profile: it demands a proof that is bound to the channel' \
        "${login[@]}" --account ada --profiles operator --method key --server-key
row login-off 3 'denied\.method-disabled: switched off' "${login[@]}" --method guest
row login-rule 0 'meets authentication\.oidc.0.\.rules.0.: profile operator' \
        "${login[@]}" ways --account ada --profiles operator --method oidc
row login-device 3 'denied\.method-disabled: no profile takes' \
        "${login[@]}" ways --account ada --profiles operator --method oidc-device
change 's/authentication = (/admission = (deny = ["192.0.2.0\/24"]),\n  &/' deny
row login-closed 3 'closed: the manifest takes no connections from there' \
        "${login[@]}" deny --method anonymous --from 192.0.2.7
row login-admitted 0 'profile anonymous' "${login[@]}" deny --method anonymous --from 192.0.3.7
row login-nobody 2 '--account NAME' "${login[@]}" --method key
row login-how 2 '--method METHOD' "${login[@]}" --account ada
row login-no-method 2 'there is no fly; there are password key' "${login[@]}" --method fly
row login-no-where 2 'or an IP address, not nowhere' "${login[@]}" --method anonymous --from nowhere
row login-no-store 1 'cannot be read: No such file.*--profiles' "${login[@]}" --account ada --method key --state nowhere
echo '( motd = 1 )' >wrong
row login-wrong 1 '^wrong:1:10: motd' "${login[@]}" wrong --method key
row login-json 0 '"outcome":"ok","profile":"operator"' \
        "${login[@]}" --account ada --profiles operator --method password --json

# The message that the file says is the one that people read.

# What a service of somebody's own begins with; test/install/walk.py goes on with it.
row new 0 'make check' "$capos" service new tide_house2
row new-is-named 0 'interface TideHouse2 @0x[89a-f][0-9a-f]{15} ' cat tide_house2/tide_house2.capnp
row new-keeps-no-other-name 1 '^$' grep -rqi hello tide_house2
row new-has-its-path 0 "program = \"$top/tide_house2/tide_house2\"" cat tide_house2/tide_house2.manifest
row new-there 1 'tide_house2: it is there already' "$capos" service new tide_house2 --language python
row new-python 0 '"language":"python"' "$capos" service new tide --language python --json
row new-python-runs 0 '^tide/tide\.py$' find tide -name '*.py' -perm -u+x -not -name 'test-*'
row new-language 2 'there is c and python' "$capos" service new x --language cobol
for name in '' 1x x_ _x x__y x_1 X x-y ../x "$(printf %033d 0 | tr 0 x)"; do
        row "new-name-$name" 2 'a service.s name has' "$capos" service new "$name"
done
row new-taken 2 'has a meaning already' "$capos" service new session
row new-nowhere 1 'No such file' bash -c "mkdir gone && cd gone && rmdir ../gone && '$capos' service new x"
row new-leaves-nothing 0 '^$' find . -name x

export XDG_RUNTIME_DIR=$top/run
mkdir -m 700 run
coproc instance { exec "$capos" up --listen plain:127.0.0.1:0 --state state --manifest motd.m 2>log; }
pid=$instance_PID
read -r -t 60 line <&"${instance[0]}"
address=$(awk '{ print $(NF - 2) ":" $(NF - 1) ":" $NF }' <<<"$line")
row login 0 'Logged in' "$capos" login "$address" --anonymous
row motd 0 'Mind the step\.' "$capos" call system_info motd
row logout 0 . "$capos" logout
stored=("${login[@]}" --method password --state state --account)
"$capos" account add ada --state state --profile operator </dev/null >/dev/null 2>&1
row login-stored 3 'denied\.credentials: the account has no password' "${stored[@]}" ada
"$capos" account lock ada --state state >/dev/null
printf 'a secret of eight' | "$capos" account passwd ada --password-stdin --state state >/dev/null
row login-locked 3 'its password: denied\.credentials: locked' "${stored[@]}" ada
row login-unknown 3 'bob .*: there is none' "${stored[@]}" bob
kill -TERM "$pid"
wait "$pid"
ls -A state >before
row login-stopped 3 'its password: denied\.credentials: locked' "${stored[@]}" ada
row login-leaves-nothing 0 '^$' bash -c 'ls -A state | diff before -'

[ -z "${CAPOS_TEST_COUNTS:-}" ] || echo "e2e-manifest $passed $failed" >>"$CAPOS_TEST_COUNTS"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
