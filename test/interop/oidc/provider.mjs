/*
 * An identity provider on this machine, as npm's oidc-provider is one: codes for devices, browsers
 * with PKCE, client credentials, and token exchange (RFC 8693), which it has for whoever registers
 * it. Whoever logs in at its pages is whom they say; `admin…` is in the group `admins`.
 *
 *     node provider.mjs PORT
 *
 * Its keys are made at each start. It prints `ready PORT`, and `asked PATH` for each request.
 */
import * as crypto from 'node:crypto';
import http from 'node:http';

import { decodeProtectedHeader, createLocalJWKSet, jwtVerify } from 'jose';
import Provider from 'oidc-provider';

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const RESOURCE = 'urn:example:capos';
const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;

const key = (type, options, alg) => ({
  ...crypto.generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  alg,
  use: 'sig',
  kid: crypto.randomUUID(),
});
const keys = [
  key('rsa', { modulusLength: 2048 }, 'RS256'),
  key('rsa', { modulusLength: 2048 }, 'PS256'),
  key('ec', { namedCurve: 'P-256' }, 'ES256'),
  key('ec', { namedCurve: 'P-384' }, 'ES384'),
  key('ed25519', {}, 'EdDSA'),
];
const isPublic = ({ d, p, q, dp, dq, qi, ...rest }) => rest;

const resource = {
  scope: 'login',
  audience: 'capos-api',
  accessTokenFormat: 'jwt',
  accessTokenTTL: 600,
  jwt: { sign: { alg: 'ES256' } },
};
const person = (alg) => ({
  client_id: `capos-${alg}`,
  client_secret: 'a secret & more',
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', DEVICE],
  response_types: ['code'],
  id_token_signed_response_alg: alg,
});
const program = (id, grants) => ({
  client_id: id,
  client_secret: `secret of ${id}`,
  redirect_uris: [],
  response_types: [],
  grant_types: grants,
});

const provider = new Provider(issuer, {
  jwks: { keys },
  clients: [
    ...keys.map((k) => person(k.alg)),
    program('ci', ['client_credentials']),
    program('deputy', [EXCHANGE]),
  ],
  claims: { openid: ['sub', 'groups'] },
  conformIdTokenClaims: false,
  cookies: { keys: [crypto.randomUUID()] },
  enabledJWA: { idTokenSigningAlgValues: keys.map((k) => k.alg) },
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => resource,
      defaultResource: () => undefined,
    },
  },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, groups: [id.startsWith('admin') ? 'admins' : 'people'] }),
  }),
});

/* A token of another client's, for whom it was made, becomes one of the deputy's for the instance. */
provider.registerGrantType(EXCHANGE, async (ctx) => {
  const { subject_token: subject } = ctx.oidc.params;
  const { payload } = await jwtVerify(subject, createLocalJWKSet({ keys: keys.map(isPublic) }), {
    issuer,
    audience: resource.audience,
    typ: decodeProtectedHeader(subject).typ,
  });
  const token = new provider.ClientCredentials({ client: ctx.oidc.client, scope: 'login' });

  token.resourceServer = new provider.ResourceServer(RESOURCE, resource);
  token.extra = { act: { sub: payload.sub } };
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    token_type: 'Bearer',
    expires_in: token.expiration,
  };
}, ['subject_token', 'subject_token_type', 'resource']);

provider.on('server_error', (_, e) => console.log(`server_error ${e.stack}`));
const serve = provider.callback();
http.createServer((q, a) => {
  console.log(`asked ${new URL(q.url, issuer).pathname}`);
  serve(q, a);
}).listen(port, '127.0.0.1', () => console.log(`ready ${port}`));
