using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Reliability.Tests.StoreFaults;

/// <summary>Endpoints and grants that only some clients use, and the state that they need.</summary>
internal static class ClientScenarios
{
    private const string Ciba = "urn:openid:params:grant-type:ciba";
    private const string Exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
    private const string JwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    private const string Idp = "https://idp.example.com";

    private static readonly TestClient Till = new("till", "till-secret-0123456789abcdefghij", TestClient.Basic, null);
    private static readonly TestClient Behind = new("behind", "behind-secret-0123456789abcdefg", TestClient.Basic, null);
    private static readonly TestClient Agent = new("agent", "agent-secret-0123456789abcdefgh", TestClient.Basic, null);

    private static readonly ConditionalWeakTable<InProcessServer, PageWalker> SignedIn = [];

    public static Dictionary<string, Func<InProcessServer, Task<Attempt>>> All { get; } = new(StringComparer.Ordinal)
    {
        ["POST /par"] = PushAsync,
        ["GET /authorize, pushed"] = PushedAsync,
        ["POST /register"] = RegisterAsync,
        ["GET /register/{id}"] = ReadRegistrationAsync,
        ["DELETE /register/{id}"] = UnregisterAsync,
        ["POST /backchannel-authentication"] = AskAsync,
        ["POST /token ciba, pending"] = CibaPendingAsync,
        ["POST /token ciba, approved"] = CibaApprovedAsync,
        ["POST /account, allow a backchannel request"] = CibaAllowAsync,
        ["POST /token token-exchange"] = ExchangeAsync,
        ["POST /token jwt-bearer"] = AssertAsync,
        ["POST /token refresh_token, bound by DPoP"] = BoundRefreshAsync,
        ["POST /token client_credentials, with a DPoP proof"] = ProvenAsync,
    };

    public static JsonObject State()
    {
        var state = DeclaredStates.Standard();
        state.Add(Till, client =>
        {
            client["grant_types"] = new JsonArray(Ciba, "refresh_token");
            client["backchannel_token_delivery_mode"] = "poll";
        });
        state.Add(Behind, client =>
        {
            client["grant_types"] = new JsonArray(Exchange);
            client["token_exchange"] = JsonNode.Parse("""{ "targets": [ { "resource": "https://files.example.com", "scope": "files:read", "subject_scope": "api:read" } ] }""");
        });
        state.Resource(DeclaredStates.Api)["clients"]!.AsArray().Add(Behind.Id);
        state.Add(Agent, client => client["grant_types"] = new JsonArray(JwtBearer));
        state["trusted_issuers"] = JsonNode.Parse($$"""
            [ { "issuer": "{{Idp}}", "jwks": { "keys": [ {{TestKey.Shared.PublicJwk().ToJsonString()}} ] }, "maximum_lifetime": 600,
                "rules": [ { "client_id": "agent", "user_claim": "name", "scope": "api:read" } ] } ]
            """);
        return state;
    }

    private static async Task<Attempt> PushAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.FirstParty);
        var request = client.Request("openid");
        var browser = await SignedInAsync(server);
        return new(async () => (await PushAsync(client, request)).Status, async _ =>
        {
            var again = await PushAsync(client, request);
            if (again.Status != HttpStatusCode.Created) return again.ToString();
            return (await browser.GetAsync(UrlOf(client, again))).Answer.Code is null ? "no code for what was pushed" : null;
        });
    }

    private static async Task<Attempt> PushedAsync(InProcessServer server)
    {
        var client = server.Client(DeclaredStates.FirstParty);
        var request = client.Request("openid");
        var browser = await SignedInAsync(server);
        var url = UrlOf(client, await PushAsync(client, request));
        return new(async () => (await browser.GetAsync(url)).Status, async committed =>
        {
            var again = await browser.GetAsync(url);
            if (again.Answer.Code is { } code) return (await client.RedeemAsync(request, code)).Status == HttpStatusCode.OK ? null : "the code is good for nothing";
            // Its one answer may have been the one that was lost.
            return committed && again.Status == HttpStatusCode.BadRequest ? null : again.ToString();
        });
    }

    private static Task<Attempt> RegisterAsync(InProcessServer server) =>
        Task.FromResult(new Attempt(async () => (await RegisterAnewAsync(server)).Status, async _ =>
        {
            var again = await RegisterAnewAsync(server);
            if (again.Status != HttpStatusCode.Created) return again.ToString();
            return (await ManageAsync(server, HttpMethod.Get, again)).Status == HttpStatusCode.OK ? null : "the registration can't be read";
        }));

    private static async Task<Attempt> ReadRegistrationAsync(InProcessServer server)
    {
        var registered = await RegisterAnewAsync(server);
        return new(
            async () => (await ManageAsync(server, HttpMethod.Get, registered)).Status,
            async _ => await ManageAsync(server, HttpMethod.Get, registered) is { Status: HttpStatusCode.OK } ? null : "the registration can't be read");
    }

    private static async Task<Attempt> UnregisterAsync(InProcessServer server)
    {
        var registered = await RegisterAnewAsync(server);
        return new(async () => (await ManageAsync(server, HttpMethod.Delete, registered)).Status, async committed =>
        {
            var again = await ManageAsync(server, HttpMethod.Delete, registered);
            if (again.Status != (committed ? HttpStatusCode.Unauthorized : HttpStatusCode.NoContent)) return again.ToString();
            return (await ManageAsync(server, HttpMethod.Get, registered)).Status == HttpStatusCode.Unauthorized ? null : "the registration is still there";
        });
    }

    private static async Task<Attempt> AskAsync(InProcessServer server)
    {
        var till = server.Client(Till);
        await ForgetWaitingAsync(server);
        return new(async () => (await AskAsync(till)).Status, async _ =>
        {
            var again = await AskAsync(till);
            if (again.Status != HttpStatusCode.OK) return again.ToString();
            var poll = await PollAsync(till, again["auth_req_id"]!);
            return poll.Error == "authorization_pending" ? null : poll.ToString();
        });
    }

    private static async Task<Attempt> CibaPendingAsync(InProcessServer server)
    {
        var till = server.Client(Till);
        await ForgetWaitingAsync(server);
        var id = (await AskAsync(till)).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        return new(async () => (await PollAsync(till, id)).Status, async committed =>
        {
            var again = await PollAsync(till, id);
            return again.Error == (committed ? "slow_down" : "authorization_pending") ? null : again.ToString();
        });
    }

    private static async Task<Attempt> CibaApprovedAsync(InProcessServer server)
    {
        var till = server.Client(Till);
        var (id, _, allow) = await WaitingAsync(server, till);
        await allow();
        return new(async () => (await PollAsync(till, id)).Status, async committed =>
        {
            var again = await PollAsync(till, id);
            if (committed) return again.Error == "invalid_grant" ? null : $"a request is answered twice: {again}";
            if (again.Status != HttpStatusCode.OK) return again.ToString();
            var refreshed = await till.RefreshAsync(again["refresh_token"]!);
            return refreshed.Status == HttpStatusCode.OK ? null : refreshed.ToString();
        });
    }

    private static async Task<Attempt> CibaAllowAsync(InProcessServer server)
    {
        var till = server.Client(Till);
        var (id, _, allow) = await WaitingAsync(server, till);
        return new(async () => (await allow()).Status, async _ =>
        {
            await allow();
            var poll = await PollAsync(till, id);
            return poll.Status == HttpStatusCode.OK ? null : poll.ToString();
        });
    }

    private static async Task<Attempt> ExchangeAsync(InProcessServer server)
    {
        var behind = server.Client(Behind);
        var subject = (await server.Client(DeclaredStates.FirstParty).SignInAsync(await SignedInAsync(server), "openid api:read")).AccessToken;
        return new(async () => (await SendAsync()).Status, async _ => await SendAsync() is { Status: not HttpStatusCode.OK } wrong ? wrong.ToString() : null);

        Task<Answer> SendAsync() => behind.TokenAsync(
            ("grant_type", Exchange), ("subject_token", subject), ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"), ("resource", DeclaredStates.Files));
    }

    private static Task<Attempt> AssertAsync(InProcessServer server)
    {
        var agent = server.Client(Agent);
        var now = server.Clock.GetUtcNow().ToUnixTimeSeconds();
        var assertion = TestKey.Shared.Sign(new JsonObject { ["typ"] = "JWT" }, new JsonObject
        {
            ["iss"] = Idp, ["sub"] = "00u1abcd", ["name"] = "alice", ["aud"] = server.Issuer, ["iat"] = now, ["exp"] = now + 300, ["jti"] = Guid.NewGuid().ToString(),
        });
        return Task.FromResult(new Attempt(async () => (await SendAsync()).Status, async committed =>
        {
            var again = await SendAsync();
            if (committed) return again.Error == "invalid_grant" ? null : $"an assertion works twice: {again}";
            return again.Status == HttpStatusCode.OK ? null : again.ToString();
        }));

        Task<Answer> SendAsync() => agent.TokenAsync(("grant_type", JwtBearer), ("assertion", assertion));
    }

    private static async Task<Attempt> BoundRefreshAsync(InProcessServer server)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var client = server.Client(DeclaredStates.FirstParty);
        client.Proof = url => new ForgedProof(key, "POST", url, server.Clock.GetUtcNow()).Sign();
        var token = (await client.SignInAsync(await SignedInAsync(server), "openid offline_access")).RefreshToken!;
        return new(async () => (await client.RefreshAsync(token)).Status, async _ =>
        {
            var again = await client.RefreshAsync(token);
            if (again.Status != HttpStatusCode.OK) return again.ToString();
            if ((await client.RefreshAsync(again["refresh_token"]!)).Status != HttpStatusCode.OK) return "the successor is good for nothing";
            client.Proof = null;
            return (await client.RefreshAsync(again["refresh_token"]!)).Status == HttpStatusCode.BadRequest ? null : "the binding is gone";
        });
    }

    private static Task<Attempt> ProvenAsync(InProcessServer server)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var client = server.Client(DeclaredStates.Machine);
        var proof = new ForgedProof(key, "POST", server.Issuer + "/token", server.Clock.GetUtcNow()).Sign();
        client.Proof = _ => proof;
        return Task.FromResult(new Attempt(async () => (await client.ClientCredentialsAsync("api:read")).Status, async committed =>
        {
            var again = await client.ClientCredentialsAsync("api:read");
            if (committed) return again.Error == "invalid_dpop_proof" ? null : $"a proof works twice: {again}";
            return again.Status == HttpStatusCode.OK ? null : again.ToString();
        }));
    }

    /// <summary>Alice's browser at a server, signed in once for all that don't try the sign-in itself: a password takes long.</summary>
    public static async Task<PageWalker> SignedInAsync(InProcessServer server)
    {
        if (SignedIn.TryGetValue(server, out var browser)) return browser;
        browser = server.Browser();
        await browser.SignInAsync(await browser.GetAsync(server.Issuer + "/account"));
        SignedIn.Add(server, browser);
        return browser;
    }

    private static Task<Answer> PushAsync(OAuthClient client, AuthorizationRequest request) =>
        client.PostAsync("/par", request.Parameters.Select(parameter => (parameter.Name, (string?)parameter.Value)));

    private static string UrlOf(OAuthClient client, Answer pushed) =>
        $"{client.Issuer}/authorize?client_id={client.Client.Id}&request_uri={Uri.EscapeDataString(pushed["request_uri"]!)}";

    private static Task<Answer> RegisterAnewAsync(InProcessServer server) => server.Client(DeclaredStates.FirstParty).SendAsync(new HttpRequestMessage(HttpMethod.Post, server.Issuer + "/register")
    {
        Content = new StringContent("""{"client_name":"My tool","redirect_uris":["http://127.0.0.1/callback"],"token_endpoint_auth_method":"none"}""", Encoding.UTF8, "application/json"),
    });

    private static Task<Answer> ManageAsync(InProcessServer server, HttpMethod method, Answer registered)
    {
        var request = new HttpRequestMessage(method, registered["registration_client_uri"]!);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", registered["registration_access_token"]!);
        return server.Client(DeclaredStates.FirstParty).SendAsync(request);
    }

    private static Task<Answer> AskAsync(OAuthClient till) =>
        till.PostAsync("/backchannel-authentication", ("scope", "openid offline_access"), ("login_hint", DeclaredStates.Alice.Username));

    private static Task<Answer> PollAsync(OAuthClient till, string id) => till.TokenAsync(("grant_type", Ciba), ("auth_req_id", id));

    /// <summary>A request that waits for the person, who has its page before them.</summary>
    private static async Task<(string Id, PageWalker Browser, Func<Task<Stop>> Allow)> WaitingAsync(InProcessServer server, OAuthClient till)
    {
        await ForgetWaitingAsync(server);
        var browser = await SignedInAsync(server);
        var id = (await AskAsync(till)).Expect(HttpStatusCode.OK)["auth_req_id"]!;
        var page = await browser.GetAsync(server.Issuer + "/account");
        var form = ((AngleSharp.Html.Dom.IHtmlInputElement)page.Document!.QuerySelector("input[name=backchannel_request]")!).Form!;
        return (id, browser, () => browser.SubmitAsync(page, form, ("decision", "allow")));
    }

    // A person is asked for a few things at a time and no more.
    private static async Task ForgetWaitingAsync(InProcessServer server) =>
        await server.Services.GetRequiredService<Database>().WriteAsync(sql => sql.ExecuteAsync("DELETE FROM backchannel_requests"));
}
