// The guide's programs without a page, as printed: the functions of the authorization code flow, client credentials with Basic and with the
// form, the cached service token, the device flow, the API that verifies with jose, and the token a test makes for itself. Addresses and scopes
// come from the run, the TypeScript annotations are gone. One argument says which; what came out is the last line.
import crypto from 'crypto';
import readline from 'readline';
import { SignJWT, createRemoteJWKSet, generateKeyPair, jwtVerify } from 'jose';

const AUTH_SERVER = process.env.AUTH_SERVER;
const REDIRECT_URI = process.env.REDIRECT_URI;
const session = {};
const print = (value) => console.log(JSON.stringify(value));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Step 1: Generate authorization URL
function getAuthorizationUrl() {
  const state = crypto.randomBytes(32).toString('hex');
  const codeVerifier = crypto.randomBytes(32).toString('base64url');
  const codeChallenge = crypto
    .createHash('sha256')
    .update(codeVerifier)
    .digest('base64url');
  // Store state and codeVerifier in session
  session.oauthState = state;
  session.codeVerifier = codeVerifier;
  const url = new URL(`${AUTH_SERVER}/authorize`);
  url.searchParams.set('response_type', 'code');
  url.searchParams.set('client_id', process.env.CLIENT_ID);
  url.searchParams.set('redirect_uri', REDIRECT_URI);
  url.searchParams.set('scope', 'openid profile email');
  url.searchParams.set('state', state);
  url.searchParams.set('code_challenge', codeChallenge);
  url.searchParams.set('code_challenge_method', 'S256');
  return url.toString();
}

// Step 2: Handle callback and exchange code for tokens
async function handleCallback(code, state) {
  if (state !== session.oauthState) {
    throw new Error('Invalid state parameter');
  }
  const tokenResponse = await fetch(`${AUTH_SERVER}/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: REDIRECT_URI,
      client_id: process.env.CLIENT_ID,
      client_secret: process.env.CLIENT_SECRET,
      code_verifier: session.codeVerifier,
    }),
  });
  const tokens = await tokenResponse.json();
  // tokens.access_token, tokens.refresh_token, tokens.id_token
  return tokens;
}

async function getClientToken() {
  const response = await fetch(`${AUTH_SERVER}/token`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Authorization': `Basic ${Buffer.from(
        `${process.env.CLIENT_ID}:${process.env.CLIENT_SECRET}`
      ).toString('base64')}`,
    },
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      scope: 'api:read api:write',
    }),
  });
  const data = await response.json();
  return data.access_token;
}

// Service-to-service authentication
class ServiceClient {
  token = null;
  tokenExpiry = 0;
  async getToken() {
    if (this.token && Date.now() < this.tokenExpiry) {
      return this.token;
    }
    const response = await fetch(`${AUTH_SERVER}/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: process.env.CLIENT_ID,
        client_secret: process.env.CLIENT_SECRET,
        scope: 'api:read api:write',
      }),
    });
    const data = await response.json();
    this.token = data.access_token;
    this.tokenExpiry = Date.now() + (data.expires_in * 1000) - 60000;
    return this.token;
  }
  async callService(url, options = {}) {
    const token = await this.getToken();
    return fetch(url, {
      ...options,
      headers: {
        ...options.headers,
        Authorization: `Bearer ${token}`,
      },
    });
  }
}

class TokenCache {
  cache = new Map();
  async getToken(key, fetcher) {
    const cached = this.cache.get(key);
    if (cached && Date.now() < cached.expiry) {
      return cached.token;
    }
    const response = await fetcher();
    this.cache.set(key, {
      token: response.access_token,
      expiry: Date.now() + (response.expires_in * 1000) - 60000,
    });
    return response.access_token;
  }
}

async function startDeviceFlow() {
  const response = await fetch(`${AUTH_SERVER}/device/code`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      client_id: process.env.CLIENT_ID,
      scope: 'openid profile',
    }),
  });
  const data = await response.json();
  print({ verification_uri: data.verification_uri, user_code: data.user_code });
  // Poll for token
  while (true) {
    await sleep(data.interval * 1000);
    const tokenResponse = await fetch(`${AUTH_SERVER}/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: data.device_code,
        client_id: process.env.CLIENT_ID,
      }),
    });
    const tokens = await tokenResponse.json();
    if (tokens.access_token) {
      return tokens;
    }
    if (tokens.error === 'authorization_pending') {
      continue;
    }
    if (tokens.error === 'slow_down') {
      data.interval += 5;
      continue;
    }
    throw new Error(`Device flow failed: ${tokens.error}`);
  }
}

const JWKS = createRemoteJWKSet(
  new URL(`${AUTH_SERVER}/.well-known/jwks.json`),
  { cooldownDuration: 600000 } // 10 minutes
);

async function verifyToken(token) {
  const { payload } = await jwtVerify(token, JWKS, {
    issuer: AUTH_SERVER,
    audience: process.env.AUDIENCE,
  });
  return payload;
}

async function createTestToken(claims = {}) {
  const { privateKey } = await generateKeyPair('RS256');
  return new SignJWT({
    sub: 'user-123',
    iss: 'https://auth.example.com',
    aud: 'https://api.example.com',
    exp: Math.floor(Date.now() / 1000) + 3600,
    ...claims,
  })
    .setProtectedHeader({ alg: 'RS256' })
    .sign(privateKey);
}

// Below here: not the guide's.
const line = async () => { for await (const text of readline.createInterface({ input: process.stdin })) return JSON.parse(text); };

async function cachedTwice() {
  const cache = new TokenCache();
  let fetched = 0;
  const fetcher = async () => { fetched++; return { access_token: await getClientToken(), expires_in: 900 }; };
  return { same: await cache.getToken('api', fetcher) === await cache.getToken('api', fetcher), fetched };
}

async function signIn() {
  print({ url: getAuthorizationUrl() });
  const answer = await line();
  return handleCallback(answer.code, answer.state);
}

try {
  switch (process.argv[2]) {
    case 'sign-in': print({ done: await signIn() }); break;
    case 'client': print({ done: await verifyToken(await getClientToken()) }); break;
    case 'service': print({ done: await verifyToken(await new ServiceClient().getToken()) }); break;
    case 'call': print({ done: await (await new ServiceClient().callService(process.env.API_URL)).json() }); break;
    case 'cache': print({ done: await cachedTwice() }); break;
    case 'device': print({ done: await startDeviceFlow() }); break;
    case 'test-token': print({ done: await createTestToken({ iss: AUTH_SERVER, scope: 'api:read' }) }); break;
  }
} catch (error) {
  print({ error: error.message });
}
process.exit();
