// A real OIDC provider (npm's `oidc-provider`) over HTTPS on loopback, for people who are not there to log in.
//   oidc_provider.mjs CERTIFICATE KEY PORT KEYS_FILE
// Prints one JSON line when it serves, then one for each line on standard input:
//   rotate    signs with new keys from now on; the old ones stay published
//   retire    publishes the newest keys only
//   counts    how often each path was asked for
// Ends with its standard input. PORT 0 takes any. KEYS_FILE, private keys included, is made when it is not there, so that a
// test can sign what no provider would, and a provider that starts again has the keys it had.
//
// Login: `login_hint` names the person, and no one asks for a password. Resources: api://writ/ALG gives access tokens (JWT,
// RFC 9068) for the audience api://writ, signed with ALG; any other resource is its own audience.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createInterface } from 'node:readline';

import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

const [certificate, key, port, keysFile] = process.argv.slice(2);
console.info = console.error; // the provider's notices; standard output has the answers
const PEOPLE = {
  sarah: { roles: ['sales'], scopes: ['test.use', 'crm.contacts.read', 'crm.contacts.write'] },
  cfo: { roles: ['finance-lead'], scopes: ['test.use', 'crm.contacts.read', 'finance.revenue.read'] },
  dora: { roles: [], scopes: ['test.use'] }, // known to nobody but this provider
  gina: { roles: [], scopes: ['test.use'], tenant: 'globex-corp' },
  oona: { roles: [], scopes: ['test.use'], tenant: 'other-corp' },
};
const SCOPES = [...new Set(Object.values(PEOPLE).flatMap((person) => person.scopes))];
const AUDIENCE = 'api://writ';

// --- Keys: one set for each generation, the newest first ---

const generations = existsSync(keysFile) ? JSON.parse(readFileSync(keysFile)) : [];

async function rotate() {
  const kinds = [['RS256', 'rsa'], ['ES256', 'ec'], ['EdDSA', 'ed']];
  const keys = kinds.map(async ([alg, name]) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...await exportJWK(privateKey), kid: `${name}-${Date.now().toString(36)}-${generations.length}`, use: 'sig' };
  });
  generations.unshift(await Promise.all(keys));
  save();
}

function save() {
  writeFileSync(keysFile, JSON.stringify(generations), { mode: 0o600 });
}

// --- The provider ---

function resourceServer(ctx, resource) {
  const writ = resource.startsWith(`${AUDIENCE}/`);
  const alg = writ ? resource.slice(AUDIENCE.length + 1) : 'ES256';
  return { scope: SCOPES.join(' '), audience: writ ? AUDIENCE : resource, accessTokenFormat: 'jwt', accessTokenTTL: 600,
    jwt: { sign: { alg } } };
}

// Consent without a question: of what is asked for, what the person has.
async function grantOf(ctx) {
  const { accountId } = ctx.oidc.session;
  const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId });
  grant.addOIDCScope('openid');
  for (const resource of Object.keys(ctx.oidc.resourceServers)) {
    const has = PEOPLE[accountId].scopes;
    grant.addResourceScope(resource, has.join(' '));
    grant.rejectResourceScope(resource, SCOPES.filter((scope) => !has.includes(scope)).join(' '));
  }
  await grant.save();
  return grant;
}

function claimsOf(id) {
  return { email: `${id}@idp.example.test`, roles: PEOPLE[id].roles, tid: PEOPLE[id].tenant ?? 'acme-corp' };
}

function makeProvider(issuer) {
  return new Provider(issuer, {
    jwks: { keys: generations.flat() },
    cookies: { keys: ['of the tests'] },
    clients: [{ client_id: 'writ-tests', token_endpoint_auth_method: 'none', redirect_uris: ['https://client.example.test/back'] }],
    findAccount: (ctx, id) => id in PEOPLE && { accountId: id, claims: () => ({ sub: id, ...claimsOf(id) }) },
    extraTokenClaims: (ctx, token) => claimsOf(token.accountId),
    loadExistingGrant: grantOf,
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    ttl: { Session: 600, Interaction: 600, Grant: 600, IdToken: 600, AccessToken: 600, AuthorizationCode: 60 },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: { enabled: true, getResourceServerInfo: resourceServer },
    },
  });
}

async function login(provider, request, response) {
  const { params } = await provider.interactionDetails(request, response);
  await provider.interactionFinished(request, response, { login: { accountId: params.login_hint } });
}

// --- Serving and commands ---

if (generations.length === 0) await rotate();
const counts = {};
let provider;
const server = createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, response) => {
  const path = request.url.split('?')[0];
  counts[path] = (counts[path] ?? 0) + 1;
  if (!path.startsWith('/interaction/')) return provider.callback()(request, response);
  return login(provider, request, response).catch((error) => response.writeHead(500).end(String(error)));
});
server.listen(Number(port), '127.0.0.1', () => {
  const issuer = `https://localhost:${server.address().port}`;
  provider = makeProvider(issuer);
  console.log(JSON.stringify({ issuer }));
  const commands = createInterface({ input: process.stdin });
  commands.on('line', async (command) => {
    if (command === 'rotate') await rotate();
    if (command === 'retire') generations.splice(1);
    if (command !== 'counts') {
      save();
      provider = makeProvider(issuer);
    }
    console.log(JSON.stringify({ counts, kids: generations.flat().map((one) => one.kid) }));
  });
  commands.on('close', () => process.exit(0));
});
