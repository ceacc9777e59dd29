// The web app of the guide, as it is printed there. Only what a run needs differs: the addresses come from the environment,
// the TypeScript annotations are gone, and below the last line of the guide it listens.
import express from 'express';
import session from 'express-session';
import crypto from 'crypto';

const app = express();
app.use(session({ secret: 'session-secret', resave: false, saveUninitialized: true }));

const AUTH_SERVER = process.env.AUTH_SERVER;
const CLIENT_ID = process.env.CLIENT_ID;
const CLIENT_SECRET = process.env.CLIENT_SECRET;
const REDIRECT_URI = process.env.REDIRECT_URI;

// Login: redirect to authorization server
app.get('/login', (req, res) => {
  const state = crypto.randomBytes(32).toString('hex');
  const codeVerifier = crypto.randomBytes(32).toString('base64url');
  const codeChallenge = crypto.createHash('sha256').update(codeVerifier).digest('base64url');
  req.session.oauthState = state;
  req.session.codeVerifier = codeVerifier;
  const url = new URL(`${AUTH_SERVER}/authorize`);
  url.searchParams.set('response_type', 'code');
  url.searchParams.set('client_id', CLIENT_ID);
  url.searchParams.set('redirect_uri', REDIRECT_URI);
  url.searchParams.set('scope', 'openid profile email');
  url.searchParams.set('state', state);
  url.searchParams.set('code_challenge', codeChallenge);
  url.searchParams.set('code_challenge_method', 'S256');
  res.redirect(url.toString());
});

// Callback: exchange code for tokens
app.get('/callback', async (req, res) => {
  const { code, state, error } = req.query;
  if (error) {
    return res.status(400).json({ error: req.query.error_description });
  }
  if (state !== req.session.oauthState) {
    return res.status(403).json({ error: 'Invalid state' });
  }
  try {
    const tokenResponse = await fetch(`${AUTH_SERVER}/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: code,
        redirect_uri: REDIRECT_URI,
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        code_verifier: req.session.codeVerifier,
      }),
    });
    const tokens = await tokenResponse.json();
    if (tokens.error) {
      return res.status(400).json({ error: tokens.error_description });
    }
    req.session.accessToken = tokens.access_token;
    req.session.refreshToken = tokens.refresh_token;
    res.redirect('/dashboard');
  } catch (err) {
    res.status(500).json({ error: 'Token exchange failed' });
  }
});

// Protected route
app.get('/dashboard', async (req, res) => {
  if (!req.session.accessToken) {
    return res.redirect('/login');
  }
  try {
    const response = await fetch(`${AUTH_SERVER}/userinfo`, {
      headers: { Authorization: `Bearer ${req.session.accessToken}` },
    });
    if (response.status === 401) {
      // Token expired, try refresh
      const refreshed = await refreshToken(req.session.refreshToken);
      if (refreshed) {
        req.session.accessToken = refreshed.access_token;
        req.session.refreshToken = refreshed.refresh_token;
        return res.redirect('/dashboard');
      }
      return res.redirect('/login');
    }
    const user = await response.json();
    res.json({ message: `Welcome, ${user.name}`, user });
  } catch (err) {
    res.status(500).json({ error: 'Failed to fetch user info' });
  }
});

async function refreshToken(refreshToken) {
  const response = await fetch(`${AUTH_SERVER}/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
    }),
  });
  if (!response.ok) return null;
  return response.json();
}

// Below here: not the guide's. The test looks at the tokens so that it can end one before its time.
app.get('/test/tokens', (req, res) => res.json({ access_token: req.session.accessToken, refresh_token: req.session.refreshToken }));
app.listen(Number(process.env.PORT), 'localhost', () => console.log(JSON.stringify({ listening: true })));
