// A real client of MCP, driven by lines of JSON on standard input, and telling what comes of it on standard output.
//
//     {"n": 1, "op": "open", ...}             starts the server as a host would, and connects
//     {"n": 2, "op": "list"}                  tools
//     {"n": 3, "op": "call", "name", "arguments", "manual"?, "inputResponses"?, "requestState"?}
//     {"n": 4, "op": "listen"}                has changes of the list told
//     {"op": "cancel", "of": 3}               gives a call up
//     {"op": "answer", "at": 1, "q": 1, "result"}  the person's answer to a question
//     {"n": 5, "op": "close"}                 then there may be another `open`
//
// Each op with an n is answered {"n", "ok"} or {"n", "error": {"kind", "code", "text"}}. What happens in between is
// {"event": "asked" | "changed" | "progress" | "trouble", "at": 1}, at: the n of the connection's `open`. All decisions
// are the test's; all of MCP is the client's.
import readline from 'node:readline';

const say = (message) => process.stdout.write(JSON.stringify(message) + '\n');

/** Runs ops until the input ends. open: (config, hooks) => {list, call, listen, close}. */
export function drive(open) {
    const running = new Map();
    const asked = new Map();
    let client;
    let at;

    /** What happens to the connection that was opened by this op. */
    function hooks(at) {
        let questions = 0;
        return {
            asked: (params) =>
                new Promise((resolve) => {
                    questions += 1;
                    asked.set(`${at} ${questions}`, resolve);
                    say({ event: 'asked', at, q: questions, params });
                }),
            changed: () => say({ event: 'changed', at }),
            trouble: (error) => say({ event: 'trouble', at, text: error.message }),
        };
    }

    const ops = {
        open: async (m) => {
            at = m.n;
            client = await open(m, hooks(at));
            return { version: client.version };
        },
        list: () => client.list(),
        call: (m, signal) => {
            const onprogress = (p) => say({ event: 'progress', at, of: m.n, ...p });
            return client.call(m, { signal, onprogress, timeout: 600000, resetTimeoutOnProgress: true });
        },
        listen: () => client.listen(),
        close: () => client.close(),
    };

    async function run(m) {
        const stop = new AbortController();
        running.set(m.n, stop);
        try {
            say({ n: m.n, ok: (await ops[m.op](m, stop.signal)) ?? null });
        } catch (e) {
            say({ n: m.n, error: { kind: e.constructor.name, code: e.code ?? null, text: String(e.message ?? e) } });
        }
    }

    const input = readline.createInterface({ input: process.stdin });
    input.on('line', (line) => {
        const m = JSON.parse(line);
        if (m.op === 'answer') asked.get(`${m.at} ${m.q}`)(m.result);
        else if (m.op === 'cancel') running.get(m.of).abort('no longer wanted');
        else run(m);
    });
    input.on('close', () => process.exit(0));
}
