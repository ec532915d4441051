// Logging in with an OpenID Connect provider: the code flow with PKCE (RFC 7636). The browser alone talks to the provider;
// the ID token is sent once, to begin the session, and the gateway checks it there.
"use strict";

const KEPT = "login"; // in sessionStorage, while the browser is at the provider's
const REDIRECT = `${location.origin}/console/login/callback`;

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function begin({ authorize, client, next }) {
  const kept = { verifier: random(), state: random(), nonce: random(), next };
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(kept.verifier));
  const address = new URL(authorize);
  const query = {
    response_type: "code",
    client_id: client,
    redirect_uri: REDIRECT,
    scope: "openid email",
    state: kept.state,
    nonce: kept.nonce,
    code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  location.assign(address);
}

async function finish({ token, client }) {
  const given = new URLSearchParams(location.search);
  const kept = JSON.parse(sessionStorage.getItem(KEPT));
  sessionStorage.removeItem(KEPT);
  history.replaceState(null, "", location.pathname); // the code is used once, and stays in no history
  if (given.has("error")) throw new Error(given.get("error_description") ?? given.get("error"));
  if (!kept || given.get("state") !== kept.state) throw new Error("state");
  const fields = {
    grant_type: "authorization_code",
    code: given.get("code"),
    client_id: client,
    redirect_uri: REDIRECT,
    code_verifier: kept.verifier,
  };
  const answer = await fetch(token, { method: "POST", body: new URLSearchParams(fields), credentials: "omit" });
  if (!answer.ok) throw new Error(`${new URL(token).host}: ${answer.status}`);
  const idToken = (await answer.json()).id_token;
  const claims = JSON.parse(atob(idToken.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  if (claims.nonce !== kept.nonce) throw new Error("nonce");
  const session = await fetch("/console/session", {
    method: "POST",
    headers: { Authorization: `Bearer ${idToken}` },
    body: new URLSearchParams({ login: "" }),
    redirect: "manual",
  });
  if (session.type === "opaqueredirect") return location.replace(kept.next);
  const page = new DOMParser().parseFromString(await session.text(), "text/html");
  throw new Error(page.querySelector(".failure")?.textContent ?? session.status);
}

const login = document.querySelector("#login");
login?.addEventListener("click", () => begin(login.dataset));

const callback = document.querySelector("#callback");
if (callback) {
  finish(callback.dataset).catch(error => {
    callback.textContent = `${callback.dataset.failed} (${error.message})`;
    callback.setAttribute("role", "alert");
    callback.className = "failure";
  });
}
