// An MCP app on the official TypeScript clients, with no code of its own for the sign-in but what the interface asks for.
// node mcp-client.mjs sdk|client document|registration|known   (environment: MCP_URL, REDIRECT_URI, and CLIENT_ID or METADATA_URL)
import { createInterface } from 'node:readline';

const [, , library, way] = process.argv;
const { MCP_URL, REDIRECT_URI, CLIENT_ID, METADATA_URL } = process.env;
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = library === 'sdk'
  ? { ...(await import('@modelcontextprotocol/sdk/client/index.js')), ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')), ...(await import('@modelcontextprotocol/sdk/client/auth.js')) }
  : await import('@modelcontextprotocol/client');

const say = (value) => process.stdout.write(JSON.stringify(value) + '\n');
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

class Provider {
  redirectUrl = REDIRECT_URI;
  clientMetadataUrl = way === 'document' ? METADATA_URL : undefined;
  clientMetadata = {
    client_name: 'Test app', redirect_uris: [REDIRECT_URI], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    token_endpoint_auth_method: 'none', application_type: 'native',
  };
  known = way === 'known' ? { client_id: CLIENT_ID } : undefined;
  saved = [];
  state() { return (this.sentState = crypto.randomUUID()); }
  clientInformation() { return this.known; }
  saveClientInformation(known) { this.known = known; }
  tokens() { return this.kept; }
  saveTokens(tokens) { this.kept = tokens; this.saved.push(tokens); }
  redirectToAuthorization(url) { this.url = url; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  saveDiscoveryState(state) { this.discovery = state; }
  discoveryState() { return this.discovery; }
  invalidateCredentials(what) {
    (this.invalidated ??= []).push(what);
    if (what === 'all' || what === 'client') this.known = undefined;
    if (what === 'all' || what === 'tokens') this.kept = undefined;
  }
}

const provider = new Provider();
async function connect() {
  for (let attempt = 0; attempt < 3; attempt++) {
    const transport = new StreamableHTTPClientTransport(new URL(MCP_URL), { authProvider: provider });
    const client = new Client({ name: 'test-app', version: '1.0.0' });
    try {
      await client.connect(transport);
      return client;
    } catch (error) {
      if (!(error instanceof UnauthorizedError)) throw error;
      say({ open: provider.url.href });
      const back = new URL((await lines.next()).value);
      if (back.searchParams.get('state') !== provider.sentState) throw new Error('state differs');
      if (library === 'sdk') await transport.finishAuth(back.searchParams.get('code'));
      else await transport.finishAuth(back.searchParams);
    }
  }
  throw new Error('not connected after three tries');
}

try {
  let client = await connect();
  const tools = (await client.listTools()).tools.map((tool) => tool.name);
  await client.callTool({ name: 'add_note', arguments: { text: 'buy milk' } });
  const whoami = (await client.callTool({ name: 'whoami', arguments: {} })).content[0].text;
  const notes = (await client.callTool({ name: 'list_notes', arguments: {} })).content[0].text;

  // The access token is lost: the refresh token brings another, without a person.
  const first = provider.kept;
  provider.kept = { ...first, access_token: 'expired' };
  client = await connect();
  await client.listTools();
  say({ done: {
    tools, whoami, notes, clientId: provider.known?.client_id, scope: first.scope, refreshed: provider.kept.access_token !== first.access_token && provider.kept.access_token !== 'expired',
    rotated: provider.kept.refresh_token !== first.refresh_token, authorizationUrl: provider.url.href, invalidated: provider.invalidated ?? [],
  } });
  process.exit(0);
} catch (error) {
  say({ error: `${error?.stack ?? error}${error?.cause ? ` / ${error.cause}` : ''}` });
  process.exit(1);
}
