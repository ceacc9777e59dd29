// node oidc-provider on 127.0.0.1, for what Latchkey's own server does not speak yet. Reads its clients from SETTINGS (JSON) and prints one
// JSON line with its issuer when it listens.
import { createServer } from 'node:http';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { errors } from 'oidc-provider';

const settings = JSON.parse(process.env.SETTINGS);
const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';
const counts = { nonces: 0 };
const asked = [];

const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;

const keys = await Promise.all(['RS256', 'ES256', 'Ed25519'].map(async (alg) =>
  ({ ...await exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey), alg, use: 'sig', kid: `key-${alg}` })));
const algorithms = ['RS256', 'PS256', 'ES256', 'Ed25519'];

const provider = new Provider(issuer, {
  clients: settings.clients,
  jwks: { keys },
  // Stricter than it is by default: what RFC 10070 asks of an assertion is demanded.
  assertJwtClientAuthClaimsAndHeader: async (ctx, claims, header) => {
    if (claims.aud !== issuer) throw new errors.InvalidClientAuth('aud must be the issuer alone, as a string');
    if (header.typ !== 'client-authentication+jwt') throw new errors.InvalidClientAuth('typ must be client-authentication+jwt');
    if (claims.exp - claims.iat > 120) throw new errors.InvalidClientAuth('the assertion lives too long');
  },
  claims: { openid: ['sub'], profile: ['name'] },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, name: `${id} at oidc-provider` }) }),
  scopes: ['openid', 'profile', 'offline_access', 'api:read'],
  cookies: { keys: [randomBytes(32).toString('hex')] },
  pkce: { required: () => true },
  enabledJWA: {
    authorizationSigningAlgValues: algorithms, clientAuthSigningAlgValues: algorithms, dPoPSigningAlgValues: algorithms, idTokenSigningAlgValues: algorithms,
    requestObjectSigningAlgValues: algorithms,
  },
  rotateRefreshToken: true,
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    // Whoever is asked decides when GET /ciba/allow or /ciba/deny is called.
    ciba: {
      enabled: true,
      deliveryModes: ['poll'],
      processLoginHint: async (ctx, hint) => (hint === 'nobody' ? undefined : hint),
      validateBindingMessage: async () => {},
      validateRequestContext: async () => {},
      verifyUserCode: async () => {},
      triggerAuthenticationDevice: async (ctx, request, account, client) => { asked.push({ request, accountId: account.accountId, clientId: client.clientId }); },
    },
    introspection: { enabled: true },
    revocation: { enabled: true },
    requestObjects: { enabled: true },
    encryption: { enabled: true },
    jwtUserinfo: { enabled: true },
    jwtResponseModes: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: (ctx) => !settings.without_nonces?.includes(ctx.oidc?.client?.clientId) },
    resourceIndicators: {
      enabled: true,
      // A client that names no resource gets tokens for the one it was set up with, if any.
      defaultResource: (ctx, client) => settings.default_resources?.[client.clientId],
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'api:read', audience: resource, accessTokenFormat: settings.jwt_resources?.includes(resource) ? 'jwt' : 'opaque',
      }),
    },
  },
});

// RFC 8693, as far as the client's part of it goes.
provider.registerGrantType(tokenExchange, async (ctx) => {
  const { params, client } = ctx.oidc;
  if (params.subject_token_type !== accessTokenType) throw new errors.InvalidRequest('unsupported subject_token_type');
  const subject = await provider.AccessToken.find(params.subject_token);
  if (!subject) throw new errors.InvalidGrant('the subject token is unknown');
  const token = new provider.AccessToken({
    accountId: subject.accountId, client, grantId: subject.grantId, gty: 'token_exchange', scope: params.scope ?? subject.scope, aud: params.audience,
  });
  const value = await token.save();
  ctx.body = { access_token: value, issued_token_type: accessTokenType, token_type: 'Bearer', expires_in: token.expiration, scope: token.scope };
}, ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type', 'audience', 'resource', 'scope'], ['resource', 'audience']);

async function decide(allow) {
  const { request, accountId, clientId } = asked.shift();
  if (!allow) {
    await provider.backchannelResult(request, new errors.AccessDenied('the person said no'));
    return;
  }

  const grant = new provider.Grant({ accountId, clientId });
  grant.addOIDCScope('openid profile offline_access');
  await grant.save();
  await provider.backchannelResult(request, grant, { authTime: Math.floor(Date.now() / 1000) });
}

provider.on('server_error', (ctx, error) => console.error(error));
provider.on('grant.error', (ctx, error) => {
  if (error.error === 'use_dpop_nonce') counts.nonces += 1;
});

server.on('request', (request, response) => {
  if (request.url === '/counts') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(counts));
    return;
  }

  if (request.url.startsWith('/ciba/')) {
    decide(request.url.endsWith('/allow')).then(() => response.end(), (error) => { response.statusCode = 500; response.end(String(error)); });
    return;
  }

  provider.callback()(request, response);
});
console.log(JSON.stringify({ issuer }));
