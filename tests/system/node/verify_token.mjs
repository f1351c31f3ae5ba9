// A stock resource server's check of an access token, by npm's `jose`.
//   verify_token.mjs JWKS_URL AUDIENCE ISSUER TOKEN
// Prints the claims and exits 0 when the token is good for that audience, else exits 1 and says why.
import { createRemoteJWKSet, jwtVerify } from 'jose';

const [jwksUrl, audience, issuer, token] = process.argv.slice(2);
if (!token) {
  console.error('usage: verify_token.mjs JWKS_URL AUDIENCE ISSUER TOKEN');
  process.exit(1);
}
try {
  const keys = createRemoteJWKSet(new URL(jwksUrl));
  // As RFC 9068 section 4 asks it of a resource server.
  const { payload } = await jwtVerify(token, keys, {
    audience,
    issuer,
    typ: 'at+jwt',
    algorithms: ['ES256'],
    requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
  });
  console.log(JSON.stringify(payload));
} catch (error) {
  console.error(`${error.code ?? error.name}: ${error.message}`);
  process.exit(1);
}
