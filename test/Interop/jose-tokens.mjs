// Access tokens as npm jose makes them, good and bad, with the keys that verify the good ones: one JSON line.
import * as jose from 'jose';

const { ISSUER: issuer, RESOURCE: resource } = process.env;
const keys = {};
for (const alg of ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA', 'ES384']) keys[alg] = { kid: `key-${alg}`, ...(await jose.generateKeyPair(alg, { extractable: true })) };
const stranger = await jose.generateKeyPair('RS256');
const jwks = { keys: [] };
for (const [alg, key] of Object.entries(keys)) jwks.keys.push({ ...(await jose.exportJWK(key.publicKey)), kid: key.kid, alg, use: 'sig' });

const sign = (alg, { header = {}, claims = {}, key = keys[alg].privateKey, lifetime = '5m' } = {}) => {
  const jwt = new jose.SignJWT({ client_id: 'web', scope: 'api:read', ...claims })
    .setProtectedHeader({ alg, kid: keys[alg]?.kid, typ: 'at+jwt', ...header })
    .setIssuer(claims.iss ?? issuer).setAudience(claims.aud ?? resource).setSubject('user-alice').setJti(crypto.randomUUID()).setIssuedAt().setExpirationTime(lifetime);
  return jwt.sign(key);
};
const spki = new TextEncoder().encode(await jose.exportSPKI(keys.RS256.publicKey));

const tokens = [
  ['RS256', await sign('RS256'), null],
  ['PS256', await sign('PS256'), null],
  ['ES256', await sign('ES256'), null],
  ['Ed25519', await sign('Ed25519'), null],
  ['EdDSA', await sign('EdDSA'), null],
  ['an algorithm that this API does not take', await sign('ES384'), 'LK-JWT-ALGORITHM'],
  ['Ed25519 under its older name with the key for the newer', await sign('EdDSA', { header: { kid: keys.Ed25519.kid } }), 'LK-JWT-KEY-UNKNOWN'],
  ['several audiences', await sign('RS256', { claims: { aud: ['https://other.test', resource] } }), null],
  ['application/at+jwt', await sign('ES256', { header: { typ: 'application/at+jwt' } }), null],
  ['an ID token', await sign('RS256', { header: { typ: 'JWT' } }), 'LK-JWT-TYPE'],
  ['expired', await sign('RS256', { lifetime: '-2m' }), 'LK-JWT-EXPIRED'],
  ['another audience', await sign('RS256', { claims: { aud: 'https://other.test' } }), 'LK-JWT-AUDIENCE'],
  ['another issuer', await sign('RS256', { claims: { iss: 'https://other.test' } }), 'LK-JWT-ISSUER'],
  ['Ed25519 of a strange key', await sign('Ed25519', { key: (await jose.generateKeyPair('Ed25519')).privateKey }), 'LK-JWT-SIGNATURE'],
  ['a strange key', await sign('RS256', { key: stranger.privateKey }), 'LK-JWT-SIGNATURE'],
  ['HS256 with the public key', await sign('HS256', { key: spki, header: { kid: keys.RS256.kid } }), 'LK-JWT-ALGORITHM'],
  ['unsecured', new jose.UnsecuredJWT({ client_id: 'web' }).setIssuer(issuer).setAudience(resource).setExpirationTime('5m').encode(), 'LK-JWT-TYPE'],
  ['encrypted', await new jose.EncryptJWT({ client_id: 'web' }).setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', typ: 'at+jwt' })
    .setIssuer(issuer).encrypt((await jose.generateKeyPair('RSA-OAEP-256')).publicKey), 'LK-JWT-ENCRYPTED'],
];
console.log(JSON.stringify({ done: { jwks, tokens: tokens.map(([name, token, code]) => ({ name, token, code })) } }));
