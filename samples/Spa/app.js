// The whole app. There is no token here to steal: the browser sends its session cookie, which no script can read, and this header, which no other site can send.
const ask = path => fetch(path, { headers: { "X-CSRF": "1", accept: "application/json" } });
const at = id => document.getElementById(id);
const show = (id, visible = true) => { at(id).hidden = !visible; };

function say(title, text) {
  at("title").textContent = title;
  at("text").textContent = text;
}

function signedOut(text) {
  say("You are not signed in", text);
  for (const id of ["claims", "answer", "call", "logout"]) show(id, false);
  show("login");
}

async function start() {
  const response = await ask("/bff/user");
  if (!response.ok) return signedOut("This page knows nobody. Its server will, once you have signed in.");
  const user = await response.json();
  say(`Welcome, ${user.name ?? user.sub}`, "This is what the page's server knows about you. The page itself holds no token.");
  for (const [name, value] of Object.entries(user)) {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    description.textContent = typeof value === "string" ? value : JSON.stringify(value);
    at("claims").append(term, description);
  }
  for (const id of ["claims", "call", "logout"]) show(id);
}

at("call").addEventListener("click", async () => {
  const response = await ask("/api/read");
  if (response.status === 401) return signedOut("Your session is over. Sign in again to go on.");
  at("answer").textContent = JSON.stringify(await response.json(), null, 2);
  show("answer");
  at("text").textContent = `The API answered ${response.status}. The server added the token on the way.`;
});

await start();
