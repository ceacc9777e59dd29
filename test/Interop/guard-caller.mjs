// openid-client as the caller of an API behind Latchkey.ResourceServer, with access tokens of another provider. SETTINGS is JSON; prints what each
// call was answered: {"done": {name: {status, challenge, body}}}. For a person it prints {"open": URL} and reads the URL that the browser came back to.
import readline from 'node:readline/promises';
import * as client from 'openid-client';

const settings = JSON.parse(process.env.SETTINGS);
const print = (value) => console.log(JSON.stringify(value));
const read = `${settings.api}/read`;
let held = false;
let sent;

async function configure(id, secret) {
  const config = await client.discovery(new URL(settings.issuer), id, undefined, secret ? client.ClientSecretBasic(secret) : client.None(), { execute: [client.allowInsecureRequests] });
  config[client.customFetch] = (url, options) => {
    if (!String(url).startsWith(settings.api)) return fetch(url, options);
    sent = Object.fromEntries(new Headers(options.headers));
    return held ? Promise.resolve(new Response('{}')) : fetch(url, options);
  };
  return config;
}

const answer = async (response) => ({ status: response.status, challenge: response.headers.get('www-authenticate'), body: await response.text() });
const plain = async (authorization, dpop) => answer(await fetch(read, { headers: { authorization, ...(dpop && { dpop }) } }));
const call = (config, token, DPoP, url = read, method = 'GET') =>
  client.fetchProtectedResource(config, token, new URL(url), method, undefined, undefined, { DPoP }).then(answer, (error) => answer(error.response));

// What openid-client would send, and doesn't.
async function proof(...request) {
  held = true;
  await call(...request);
  held = false;
  return sent.dpop;
}

async function bound(config, token, DPoP) {
  const stranger = client.getDPoPHandle(config, await client.randomDPoPKeyPair(settings.algorithm));
  const results = { 'with its proof': await call(config, token, DPoP) };
  results['the same proof again'] = await plain(`DPoP ${token}`, sent.dpop);
  results['with the next proof, and a query'] = await call(config, token, DPoP, `${read}?page=2`);
  results['as Bearer'] = await plain(`Bearer ${token}`);
  results['as Bearer with a proof'] = await plain(`Bearer ${token}`, await proof(config, token, DPoP));
  results['without a proof'] = await plain(`DPoP ${token}`);
  results['a proof for another address'] = await plain(`DPoP ${token}`, await proof(config, token, DPoP, `${settings.api}/recent`));
  results['a proof for another method'] = await plain(`DPoP ${token}`, await proof(config, token, DPoP, read, 'POST'));
  results['a proof of another key'] = await plain(`DPoP ${token}`, await proof(config, token, stranger));
  results['a proof for another token'] = await plain(`DPoP ${token}`, await proof(config, `${token}x`, DPoP));
  return results;
}

const scenarios = {
  async machine() {
    const machine = await configure('machine-dpop', settings.secret);
    const DPoP = client.getDPoPHandle(machine, await client.randomDPoPKeyPair(settings.algorithm));
    const parameters = { scope: 'api:read', resource: settings.resource };
    const tokens = await client.clientCredentialsGrant(machine, parameters, { DPoP });
    const results = await bound(machine, tokens.access_token, DPoP);

    const free = await configure('machine', settings.secret);
    const unbound = (await client.clientCredentialsGrant(free, parameters)).access_token;
    results['an unbound token'] = await call(free, unbound);
    results['an unbound token with a proof'] = await call(free, unbound, DPoP);
    return results;
  },
  async person() {
    const config = await configure('public-dpop');
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair(settings.algorithm));
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const expectedState = client.randomState();
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: settings.redirect_uri, scope: 'api:read', resource: settings.resource, state: expectedState,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256',
    });
    print({ open: url.href });
    const back = new URL((await readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]().next()).value);
    const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier, expectedState }, { resource: settings.resource }, { DPoP });
    return bound(config, tokens.access_token, DPoP);
  },
  // An API that wants a nonce in every proof.
  async nonce() {
    const config = await configure('machine-dpop', settings.secret);
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair(settings.algorithm));
    const tokens = await client.clientCredentialsGrant(config, { scope: 'api:read', resource: settings.resource }, { DPoP });
    return { first: await call(config, tokens.access_token, DPoP), second: await call(config, tokens.access_token, DPoP) };
  },
};

try {
  print({ done: await scenarios[process.argv[2]]() });
  process.exit(0);
} catch (error) {
  print({ error: `${error.stack} ${JSON.stringify(error.cause)}` });
  process.exit(1);
}
