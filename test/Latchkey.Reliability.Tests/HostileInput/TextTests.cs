using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Reliability.Tests.HostileInput;

/// <summary>Text that PostgreSQL can't hold, a NUL or half a character, wherever a caller may put it: refused, never a fault of the server.</summary>
public sealed class TextTests(TextTests.OnPostgres on) : IClassFixture<TextTests.OnPostgres>
{
    private const string JwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";

    public static TheoryData<string> Texts => ["reg_\u0000", "reg_a\u0000b", "https://client.example.com/\u0000", "a\u0000b", "reg_\\ud800", "\\ud800", "reg_\u0001", "\uFFFD"];

    [Theory, MemberData(nameof(Texts))]
    public async Task Nowhere_does_it_make_the_server_fail(string text)
    {
        // What is written \ud800 stands for itself in JSON alone.
        var json = JsonText(text);
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(on.Server.Issuer) };
        var encoded = Uri.EscapeDataString(text);
        List<HttpRequestMessage> requests =
        [
            Form("/token", $"grant_type=client_credentials&client_id={encoded}&client_secret=x"),
            Form("/token", $"grant_type=refresh_token&client_id=first-party&refresh_token={encoded}"),
            Form("/token", $"grant_type=authorization_code&client_id=first-party&code={encoded}&redirect_uri={encoded}&code_verifier={encoded}"),
            Form("/token", "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=" + Assertion(json)),
            Form("/token", $"grant_type={Uri.EscapeDataString(JwtBearer)}&client_id=machine&client_secret={DeclaredStates.Machine.Secret}&assertion=" + TestKey.Shared.Sign(
                new JsonObject { ["typ"] = "JWT" },
                JsonNode.Parse($$"""{ "iss": "https://idp.example.com", "sub": {{json.Replace("\\ud800", "x", StringComparison.Ordinal)}}, "aud": "{{on.Server.Issuer}}", "iat": {{Now}}, "exp": {{Now + 60}}, "jti": "{{Guid.NewGuid()}}" }""")!.AsObject())),
            Form("/par", $"client_id=first-party&login_hint={encoded}"),
            Form("/device/code", $"client_id=device&scope={encoded}"),
            Form("/revoke", $"client_id=first-party&token={encoded}"),
            Form("/introspect", $"token={encoded}", Basic("api-server", DeclaredStates.ApiServer.Secret!)),
            Form("/token", "grant_type=client_credentials", Basic(Uri.EscapeDataString(text), "x")),
            Form("/token", "grant_type=client_credentials", Basic(text, text)),
            Form("/device", $"user_code={encoded}"),
            Json("/register", $$"""{ "client_name": {{json}}, "redirect_uris": ["https://a.example.com/cb"] }"""),
            Json("/register", $$"""{ "client_name": "x", "software_id": {{json}}, "software_version": {{json}}, "redirect_uris": ["https://a.example.com/cb"] }"""),
            Json("/register", $$"""{ "client_name#de": {{json}}, "contacts": [{{json}}], "redirect_uris": [{{json}}] }"""),
            new(HttpMethod.Get, "/authorize?response_type=code&client_id=" + encoded),
            new(HttpMethod.Get, Authorize("claims", $$"""{ "id_token": { {{json}}: { "values": [{{json}}] } } }""")),
            new(HttpMethod.Get, Authorize("authorization_details", $$"""[{ "type": {{json}}, "actions": [{{json}}] }]""")),
            new(HttpMethod.Get, Authorize("request", Assertion(json))),
            new(HttpMethod.Get, Authorize("id_token_hint", Assertion(json))),
            Revocation($$"""{ "sub_id": { "format": "opaque", "id": {{json}} } }"""),
            Revocation($$"""{ "sub_id": { "format": "email", "email": {{json}} } }"""),
            new(HttpMethod.Get, $"/authorize?response_type=code&client_id=first-party&state={encoded}&redirect_uri=https%3A%2F%2Ffirst.example.com%2Fcallback"),
            new(HttpMethod.Get, "/device?user_code=" + encoded),
            new(HttpMethod.Get, "/register/" + encoded),
            With(new(HttpMethod.Get, "/account"), "Cookie", "latchkey=" + encoded),
        ];
        foreach (var request in requests)
        {
            using (request)
            using (var answer = await http.SendAsync(request))
                Assert.True((int)answer.StatusCode < 500, $"{request.RequestUri} with {request.Headers} is answered {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
        }
    }

    [Fact]
    public async Task And_the_audit_loses_nothing_by_it()
    {
        var database = on.Server.Services.GetRequiredService<Database>();
        using var http = new HttpClient { BaseAddress = new Uri(on.Server.Issuer) };
        using var machine = on.Server.Client(DeclaredStates.Machine);
        foreach (var name in (string[])["a\u0000b", "reg_\u0000"])
        {
            using var request = Form("/token", "grant_type=client_credentials", Basic(name, "x"));
            using var answer = await http.SendAsync(request);
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        }

        (await machine.ClientCredentialsAsync("no:scope")).ExpectError("invalid_scope");
        await Eventually.HoldsAsync("all of it is in the audit", async () =>
        {
            on.Server.Clock.Advance(TimeSpan.FromMilliseconds(100));
            var names = (await database.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(), 1000))).ConvertAll(entry => entry.Event);
            return names.Contains(AuditEvents.TokenRefused) && names.Count(name => name == AuditEvents.ClientAuthenticationFailed) >= 2;
        });
    }

    private static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    private static string JsonText(string text) =>
        '"' + string.Concat(text.Select(character => character < ' ' ? $"\\u{(int)character:x4}" : character.ToString())) + '"';

    // Signed by nobody: what is read before the signature is what is tried.
    private string Assertion(string json) => string.Join('.',
        Part("""{"alg":"ES256","typ":"JWT"}"""),
        Part($$"""{ "iss": {{json}}, "sub": {{json}}, "aud": "{{on.Server.Issuer}}", "iat": {{Now}}, "exp": {{Now + 60}}, "jti": {{json}} }"""),
        Part(new string('x', 64)));

    private static string Authorize(string parameter, string value) =>
        $"/authorize?response_type=code&client_id=first-party&redirect_uri=https%3A%2F%2Ffirst.example.com%2Fcallback&{parameter}={Uri.EscapeDataString(value)}";

    private static HttpRequestMessage Revocation(string json)
    {
        var request = Json("/global-token-revocation", json);
        request.Headers.Authorization = Basic(DeclaredStates.Machine.Id, DeclaredStates.Machine.Secret!);
        return request;
    }

    private static string Part(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static AuthenticationHeaderValue Basic(string id, string secret) => new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{id}:{secret}")));

    private static HttpRequestMessage Form(string path, string form, AuthenticationHeaderValue? authorization = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(form, Encoding.UTF8, "application/x-www-form-urlencoded") };
        request.Headers.Authorization = authorization;
        return request;
    }

    private static HttpRequestMessage Json(string path, string json) => new(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8, "application/json") };

    private static HttpRequestMessage With(HttpRequestMessage request, string header, string value)
    {
        request.Headers.Add(header, value);
        return request;
    }

    public sealed class OnPostgres(PostgresServer postgres) : IAsyncLifetime
    {
        private InProcessServer? _server;

        public InProcessServer Server => _server ?? throw new InvalidOperationException("The server has not been started.");

        public async ValueTask InitializeAsync()
        {
            var state = DeclaredStates.Standard();
            state.Client(DeclaredStates.Machine)["grant_types"]!.AsArray().Add(JwtBearer);
            state.Client(DeclaredStates.Machine)["global_token_revocation"] = true;
            state["trusted_issuers"] = JsonNode.Parse($$"""
                [ { "issuer": "https://idp.example.com", "jwks": { "keys": [ {{TestKey.Shared.PublicJwk().ToJsonString()}} ] }, "maximum_lifetime": 600,
                    "rules": [ { "client_id": "machine", "user_claim": "sub", "user_match": "sub", "scope": "api:read" } ] } ]
                """);
            _server = await InProcessServer.StartAsync(state, options => options with { Registration = Latchkey.Server.Registration.RegistrationMode.Open }, database: await postgres.CreateDatabaseAsync());
        }

        public async ValueTask DisposeAsync()
        {
            if (_server is not null) await _server.DisposeAsync();
        }
    }
}
