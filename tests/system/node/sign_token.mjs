// Signs what no provider would: a JSON document on standard input, the token on standard output.
//   {"header": {…}, "claims": {…}, "with": "none" | "jwk" | "secret", "key": a private JWK}
// `secret` is the attack of RFC 8725 section 2.1: HMAC, keyed with the published key's PEM, which everybody can read.
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { CompactSign, importJWK } from 'jose';

const { header, claims, with: how, key } = JSON.parse(readFileSync(0));
const text = JSON.stringify(claims);
const base64url = (part) => Buffer.from(part).toString('base64url');
if (how === 'none') {
  process.stdout.write(`${base64url(JSON.stringify(header))}.${base64url(text)}.`);
} else {
  const secret = () => new TextEncoder().encode(createPublicKey({ key, format: 'jwk' }).export({ type: 'spki', format: 'pem' }));
  const signer = how === 'secret' ? secret() : await importJWK(key, header.alg);
  process.stdout.write(await new CompactSign(new TextEncoder().encode(text)).setProtectedHeader(header).sign(signer));
}
