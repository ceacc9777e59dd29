// The guide's programs without a page: client credentials with Basic and with the form, the device flow, and the caller that verifies
// with jose. One argument says which; what came out is the last line.
import { createRemoteJWKSet, jwtVerify } from 'jose';

const AUTH_SERVER = process.env.AUTH_SERVER;
const print = (value) => console.log(JSON.stringify(value));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

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

async function getServiceToken() {
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
  if (!(data.expires_in > 60)) throw new Error('the guide subtracts a minute from expires_in');
  return data.access_token;
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

try {
  switch (process.argv[2]) {
    case 'client': print({ done: await verifyToken(await getClientToken()) }); break;
    case 'service': print({ done: await verifyToken(await getServiceToken()) }); break;
    case 'device': print({ done: await startDeviceFlow() }); break;
  }
} catch (error) {
  print({ error: error.message });
}
