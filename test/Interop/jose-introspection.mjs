// Asks a server about a token as an API that wants the answer encrypted (RFC 9701); npm jose decrypts it and verifies what is in it.
import * as jose from 'jose';

const { ISSUER: issuer, CLIENT_ID: id, CLIENT_SECRET: secret, TOKEN: token, KEY: pem } = process.env;
const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
const response = await fetch(metadata.introspection_endpoint, {
  method: 'POST',
  headers: { accept: 'application/token-introspection+jwt' },
  body: new URLSearchParams({ token, client_id: id, client_secret: secret }),
});
const body = await response.text();
if (response.status !== 200 || response.headers.get('content-type') !== 'application/token-introspection+jwt') {
  console.log(JSON.stringify({ error: `${response.status} ${response.headers.get('content-type')} ${body}` }));
  process.exit(0);
}

const { alg, enc } = jose.decodeProtectedHeader(body);
if (!metadata.introspection_encryption_alg_values_supported.includes(alg) || !metadata.introspection_encryption_enc_values_supported.includes(enc)) {
  console.log(JSON.stringify({ error: `${alg} and ${enc} are not in the metadata` }));
  process.exit(0);
}

const { plaintext } = await jose.compactDecrypt(body, await jose.importPKCS8(pem, alg));
const { payload, protectedHeader } = await jose.jwtVerify(new TextDecoder().decode(plaintext), jose.createRemoteJWKSet(new URL(metadata.jwks_uri)), {
  issuer, audience: id, typ: 'token-introspection+jwt', algorithms: metadata.introspection_signing_alg_values_supported,
});
console.log(JSON.stringify({ done: { enc, alg: protectedHeader.alg, claims: payload } }));
