/* Passkeys: what the browser's own interface asks for and answers. The bridge relays; the instance judges. */

import { host } from "./host";
import { bytes } from "./key";

type Json = { toJSON(): unknown };

const ALGORITHMS = [-8, -7, -257]; /* EdDSA, ES256, RS256 */

/* Why this page cannot use the passkeys of an instance; "": it can. */
export function unusable(m: RemoteAuthMethod): string {
  const origins = m.origins ?? [];
  if (host) /* it goes on in a browser, whose page knows */
    return "";
  if (typeof PublicKeyCredential === "undefined")
    return "This browser has no passkeys.";
  return origins.includes(location.origin) ? ""
    : `The instance takes passkeys from ${origins.join(", ") || "no page"}, and this page is ${location.origin}.`;
}

function buffer(b: Bytes | undefined): ArrayBuffer {
  const u = bytes(b);
  return u.buffer.slice(u.byteOffset, u.byteOffset + u.byteLength) as ArrayBuffer;
}

/* Until when the instance waits. */
function left(untilMs: string | undefined): number {
  return Math.max(0, Number(untilMs) - Date.now());
}

/* What the browser asks the person is over when nobody waits for it any more. */
let asked = new AbortController();

export function stop(): void {
  asked.abort();
}

async function ask(how: (signal: AbortSignal) => Promise<Credential | null>, none: string): Promise<string> {
  stop();
  asked = new AbortController();
  const c = await how(asked.signal).catch((e) => {
    throw e instanceof DOMException && NAMED[e.name] ? new Error(NAMED[e.name]) : e;
  });
  if (!c)
    throw new Error(none);
  return JSON.stringify((c as unknown as Json).toJSON());
}

const NAMED: { [name: string]: string } = {
  NotAllowedError: "No passkey was used: it was given up, took too long, or there is none for this instance here.",
  InvalidStateError: "This device has a passkey of the account already.",
  AbortError: "It was given up.",
};

/* An AuthenticationResponseJSON for a step's challenge. */
export function get(s: WebDown_Step): Promise<string> {
  return ask((signal) => navigator.credentials.get({ signal, publicKey: {
    challenge: buffer(s.challenge), rpId: s.relyingParty || location.hostname, userVerification: "required",
    allowCredentials: [], timeout: left(s.expiresAtMs),
  } }), "no passkey was chosen");
}

/* A RegistrationResponseJSON. */
export function create(o: PasskeyOptions): Promise<string> {
  const name = o.account ?? "";
  return ask((signal) => navigator.credentials.create({ signal, publicKey: {
    rp: { id: o.relyingParty ?? "", name: "capOS" }, user: { id: buffer(o.user), name, displayName: name },
    challenge: buffer(o.challenge), pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
    timeout: left(o.untilMs),
    excludeCredentials: (o.known ?? []).map((id) => ({ type: "public-key", id: buffer(id) })),
    authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "required" },
    attestation: o.attested ? "direct" : "none",
  } }), "no passkey was made");
}
