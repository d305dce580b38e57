/* Passkeys: what the browser's own interface asks for and answers. The bridge relays; the instance judges. */

import { bytes } from "./key";

type Json = { toJSON(): unknown };

export function possible(): boolean {
  return typeof PublicKeyCredential !== "undefined" && !/^[\d.]+$|^\[/.test(location.hostname);
}

function buffer(b: Uint8Array): ArrayBuffer {
  return b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength) as ArrayBuffer;
}

/* An AuthenticationResponseJSON for a step's challenge. */
export async function get(s: WebDown_Step): Promise<string> {
  const c = await navigator.credentials.get({ publicKey: {
    challenge: buffer(bytes(s.challenge)), rpId: s.relyingParty || location.hostname, userVerification: "required",
    allowCredentials: [],
  } });
  if (!c)
    throw new Error("no passkey was chosen");
  return JSON.stringify((c as unknown as Json).toJSON());
}

function decoded(text: string): ArrayBuffer {
  return buffer(bytes(text.replace(/-/g, "+").replace(/_/g, "/")));
}

/* A RegistrationResponseJSON for PublicKeyCredentialCreationOptionsJSON. */
export async function create(json: string): Promise<string> {
  const o = JSON.parse(json);
  const c = await navigator.credentials.create({ publicKey: {
    ...o, challenge: decoded(o.challenge), user: { ...o.user, id: decoded(o.user.id) },
    excludeCredentials: (o.excludeCredentials ?? []).map((x: { id: string }) => ({ ...x, id: decoded(x.id) })),
  } });
  if (!c)
    throw new Error("no passkey was made");
  return JSON.stringify((c as unknown as Json).toJSON());
}
