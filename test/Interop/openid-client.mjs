// openid-client against the real server. One argument says which scenario; the settings are JSON in the variable SETTINGS. Where a person is
// needed it prints {"open": URL} and reads the URL that the browser came back to; at the end it prints {"done": …} or {"error": …}.
import https from 'node:https';
import readline from 'node:readline/promises';
import * as client from 'openid-client';
import * as jose from 'jose';

const settings = JSON.parse(process.env.SETTINGS);
const print = (value) => console.log(JSON.stringify(value));
const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const open = async (url) => {
  print({ open: url.href ?? url });
  return new URL((await input.next()).value);
};

async function proof() {
  switch (settings.method) {
    case 'client_secret_basic': return client.ClientSecretBasic(settings.client_secret);
    case 'client_secret_post': return client.ClientSecretPost(settings.client_secret);
    case 'private_key_jwt': return client.PrivateKeyJwt({ key: await jose.importPKCS8(settings.key, 'ES256'), kid: settings.kid });
    case 'tls_client_auth': case 'self_signed_tls_client_auth': return client.TlsClientAuth();
    default: return client.None();
  }
}

const discover = async () =>
  client.discovery(new URL(settings.issuer), settings.client_id, settings.metadata, await proof(),
    { execute: [client.allowInsecureRequests], algorithm: settings.algorithm ?? 'oidc' });

// With DPoP every request that takes a handle gets one; the library retries by itself where a nonce is asked for.
const bound = async (config) => settings.dpop ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair(settings.dpop)) } : undefined;

// fetch over connections with a certificate, {cert, key} in PEM, or with none, at servers of the test's own authority.
const over = (credentials) => (url, { method, headers, body } = {}) => new Promise((resolve, reject) => {
  if (!String(url).startsWith('https:')) return resolve(fetch(url, { method, headers, body }));
  const request = https.request(url, { method, headers: Object.fromEntries(new Headers(headers)), ca: settings.ca, agent: false, ...credentials }, async (response) => {
    const parts = [];
    for await (const part of response) parts.push(part);
    resolve(new Response(Buffer.concat(parts), { status: response.statusCode, headers: Object.entries(response.headers).map(([name, value]) => [name, String(value)]) }));
  });
  request.on('error', reject);
  request.end(body?.toString());
});

async function codeFlow(config, scope, extra = {}, options = undefined) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const expectedState = client.randomState();
  const expectedNonce = client.randomNonce();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: settings.redirect_uri, scope, state: expectedState, nonce: expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...extra,
  });
  return client.authorizationCodeGrant(config, await open(url), { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }, undefined, options);
}

const scenarios = {
  // Discovery, code with PKCE, state and nonce, userinfo, refresh, introspection, revocation, the logout URL.
  async code() {
    const config = await discover();
    const tokens = await codeFlow(config, 'openid profile email offline_access');
    const claims = tokens.claims();
    const user = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token);
    const refreshedUser = await client.fetchUserInfo(config, refreshed.access_token, claims.sub);
    const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const access = await jose.jwtVerify(refreshed.access_token, keys, { issuer: settings.issuer, typ: 'at+jwt' });
    const idToken = refreshed.id_token && await jose.jwtVerify(refreshed.id_token, keys, { issuer: settings.issuer, audience: settings.client_id });
    const result = {
      claims, user, refreshedUser, access: access.payload, header: access.protectedHeader, refreshedIdToken: idToken?.payload,
      rotated: refreshed.refresh_token !== undefined && refreshed.refresh_token !== tokens.refresh_token,
      logout: client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: settings.post_logout_redirect_uri, state: 'bye' }).href,
    };
    if (settings.method !== 'none') {
      result.active = await client.tokenIntrospection(config, refreshed.access_token);
      await client.tokenRevocation(config, refreshed.refresh_token ?? tokens.refresh_token, { token_type_hint: 'refresh_token' });
      result.inactive = await client.tokenIntrospection(config, refreshed.access_token);
    } else {
      await client.tokenRevocation(config, refreshed.refresh_token ?? tokens.refresh_token);
    }
    try {
      await client.refreshTokenGrant(config, refreshed.refresh_token ?? tokens.refresh_token);
    } catch (error) {
      result.afterRevocation = error.error;
    }
    return result;
  },

  // Everything that can be bound to a key: the code (dpop_jkt), the access token, the refresh token of a public client, userinfo.
  async dpop() {
    const config = await discover();
    const options = await bound(config);
    const extra = { dpop_jkt: await options.DPoP.calculateThumbprint() };
    const tokens = await codeFlow(config, 'openid profile offline_access', extra, options);
    const sub = tokens.claims().sub;
    const user = await client.fetchUserInfo(config, tokens.access_token, sub, options);
    const refreshed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
    const again = await client.fetchUserInfo(config, refreshed.access_token, sub, options);
    const result = { type: tokens.token_type, thumbprint: extra.dpop_jkt, access: jose.decodeJwt(refreshed.access_token), user, again };
    try {
      await client.fetchUserInfo(config, refreshed.access_token, sub);
    } catch (error) {
      result.asBearer = error.status ?? error.cause?.status ?? error.code;
    }
    try {
      await client.refreshTokenGrant(config, refreshed.refresh_token, undefined, await bound(config));
      result.otherKey = 'taken';
    } catch (error) {
      result.otherKey = error.error;
    }
    return result;
  },

  // Pushed (RFC 9126), signed (RFC 9101) and both; with signed answers (JARM) where the settings say so.
  async signed() {
    const config = await discover();
    if (settings.jarm) client.useJwtResponseMode(config);
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const expectedState = client.randomState();
    const expectedNonce = client.randomNonce();
    const parameters = {
      redirect_uri: settings.redirect_uri, scope: 'openid profile', state: expectedState, nonce: expectedNonce,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
    };
    let url;
    if (settings.way.includes('jar')) {
      const key = { key: await jose.importPKCS8(settings.key, 'ES256'), kid: settings.kid };
      url = await client.buildAuthorizationUrlWithJAR(config, parameters, key);
    }
    if (settings.way.includes('par')) url = await client.buildAuthorizationUrlWithPAR(config, url ? url.searchParams : parameters);
    url ??= client.buildAuthorizationUrl(config, parameters);
    const shown = [...url.searchParams.keys()];
    const back = await open(url);
    const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true });
    return { shown, answered: [...back.searchParams.keys()], claims: tokens.claims(), user: await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub) };
  },

  // The person says no.
  async denied() {
    const config = await discover();
    try {
      await codeFlow(config, 'openid');
      return { unexpected: true };
    } catch (error) {
      return { error: error.error, description: error.error_description };
    }
  },

  // form_post is for servers; the answer's fields come back as a query here.
  async max_age() {
    const config = await discover();
    const tokens = await codeFlow(config, 'openid', { max_age: '60', prompt: 'login' });
    return { claims: tokens.claims() };
  },

  async credentials() {
    const config = await discover();
    const tokens = await client.clientCredentialsGrant(config, { scope: 'api:read', ...(settings.resource && { resource: settings.resource }) }, await bound(config));
    const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const { payload } = await jose.jwtVerify(tokens.access_token, keys, { issuer: settings.issuer, typ: 'at+jwt' });
    return { tokens: { ...tokens }, payload };
  },

  // Mutual TLS (RFC 8705): the certificate goes into the handshakes with the provider's aliases, and with the API that the token is brought to.
  async mtls() {
    const config = await client.discovery(new URL(settings.issuer), settings.client_id, { use_mtls_endpoint_aliases: true }, await proof(),
      { execute: [client.allowInsecureRequests], algorithm: 'oidc', [client.customFetch]: over(settings.own) });
    const tokens = await client.clientCredentialsGrant(config, { scope: 'api:read' });
    const calls = {};
    for (const [name, credentials] of Object.entries({ own: settings.own, other: settings.other, none: {} })) {
      const response = await over(credentials)(`${settings.api}/read`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
      calls[name] = { status: response.status, challenge: response.headers.get('www-authenticate') };
    }
    config[client.customFetch] = over(settings.other);
    const impostor = await client.clientCredentialsGrant(config, { scope: 'api:read' }).then(() => 'taken', (error) => error.error);
    return { type: tokens.token_type, confirmation: jose.decodeJwt(tokens.access_token).cnf, calls, impostor };
  },

  async device() {
    const config = await discover();
    const started = await client.initiateDeviceAuthorization(config, { scope: 'openid profile' });
    await open(started.verification_uri_complete);
    const options = await bound(config);
    const tokens = await client.pollDeviceAuthorizationGrant(config, started, undefined, options);
    return { type: tokens.token_type, claims: tokens.claims(), user: await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub, options) };
  },

  // Signs in, and exchanges the access token for one that is narrower.
  async exchange() {
    const config = await discover();
    const tokens = await codeFlow(config, 'openid api:read api:write');
    const exchanged = await client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
      subject_token: tokens.access_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      resource: settings.resource, scope: 'api:read',
    });
    const keys = jose.createRemoteJWKSet(new URL(config.serverMetadata().jwks_uri));
    const { payload } = await jose.jwtVerify(exchanged.access_token, keys, { issuer: settings.issuer, typ: 'at+jwt', audience: settings.resource });
    return { tokens: { ...exchanged }, payload };
  },

  // Asks a person by the back channel and waits for them.
  async ciba() {
    const config = await discover();
    const started = await client.initiateBackchannelAuthentication(config, { scope: 'openid profile', login_hint: settings.login_hint, binding_message: 'W4-7Q' });
    await open(new URL(`${settings.issuer}/account`));
    const tokens = await client.pollBackchannelAuthenticationGrant(config, started);
    return { claims: tokens.claims(), user: await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub) };
  },

  async metadata() {
    const config = await discover();
    return config.serverMetadata();
  },
};

try {
  print({ done: await scenarios[process.argv[2]]() });
} catch (error) {
  print({ error: `${error.code ?? error.name}: ${error.message} ${error.cause ? JSON.stringify(error.cause, Object.getOwnPropertyNames(error.cause)) : ''}` });
} finally {
  process.stdin.destroy();
}
