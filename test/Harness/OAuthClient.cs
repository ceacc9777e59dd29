using System.Buffers.Text;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Latchkey.Tests.Harness;

/// <summary>
/// A client's program that says exactly what a test tells it: builds authorization requests, sends forms with its proof, and hands back status and
/// JSON without judging them.
/// </summary>
public sealed class OAuthClient : IDisposable
{
    private readonly HttpClient _http;

    /// <summary>A client of a server.</summary>
    /// <param name="issuer">The server's issuer.</param>
    /// <param name="client">Who it is.</param>
    /// <param name="certificate">What it shows where connections are asked for a certificate.</param>
    public OAuthClient(string issuer, TestClient client, X509Certificate2? certificate = null)
    {
        Issuer = issuer;
        Client = client;
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
#pragma warning disable CA5359 // the server's certificate is of the test's making
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true;
#pragma warning restore CA5359
        if (certificate is not null) handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate;
        _http = new HttpClient(handler);
    }

    public string Issuer { get; }

    public TestClient Client { get; }

    /// <summary>The time that its assertions are written at.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Makes the DPoP header of a POST to a URL; nothing is sent where it is null or says null.</summary>
    public Func<string, string?>? Proof { get; set; }

    /// <summary>
    /// An authorization request with PKCE, state and nonce.
    /// </summary>
    /// <param name="scope">The scopes.</param>
    /// <param name="changes">Parameters to add or to change; null takes one away. A name that is given twice is sent twice.</param>
    public AuthorizationRequest Request(string scope = "openid profile email", params IEnumerable<(string Name, string? Value)> changes)
    {
        var verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        var parameters = new List<(string Name, string? Value)>
        {
            ("response_type", "code"),
            ("client_id", Client.Id),
            ("redirect_uri", Client.RedirectUri),
            ("scope", scope),
            ("state", Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16))),
            ("nonce", Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16))),
            ("code_challenge", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)))),
            ("code_challenge_method", "S256"),
        };
        var given = changes.ToList();
        parameters.RemoveAll(parameter => given.Any(change => change.Name == parameter.Name));
        parameters.AddRange(given);
        return new(Issuer + "/authorize", [.. parameters.Where(parameter => parameter.Value is not null).Select(parameter => (parameter.Name, parameter.Value!))], verifier);
    }

    /// <summary>
    /// The whole way: a person allows, the code is redeemed. Fails the test where anything goes wrong.
    /// </summary>
    /// <param name="person">Whose browser it is; a new one of alice if null.</param>
    /// <param name="scope">The scopes.</param>
    /// <param name="changes">Changes of the authorization request.</param>
    public async Task<Tokens> SignInAsync(PageWalker? person = null, string scope = "openid profile email", params IEnumerable<(string Name, string? Value)> changes)
    {
        using var own = person is null ? new PageWalker(Issuer) : null;
        var request = Request(scope, changes);
        var stop = await (person ?? own!).AuthorizeAsync(request.Url);
        if (stop.Answer.Code is not { } code) throw new InvalidOperationException($"There is no code at {stop}");
        var answer = await RedeemAsync(request, code);
        return new Tokens(answer.Expect(HttpStatusCode.OK), request);
    }

    /// <summary>Redeems a code.</summary>
    public Task<Answer> RedeemAsync(AuthorizationRequest request, string code, params IEnumerable<(string Name, string? Value)> changes) =>
        TokenAsync(Merge([("grant_type", "authorization_code"), ("code", code), ("redirect_uri", request["redirect_uri"]), ("code_verifier", request.CodeVerifier)], changes));

    /// <summary>Uses a refresh token.</summary>
    public Task<Answer> RefreshAsync(string refreshToken, params IEnumerable<(string Name, string? Value)> changes) =>
        TokenAsync(Merge([("grant_type", "refresh_token"), ("refresh_token", refreshToken)], changes));

    /// <summary>Asks for a token of its own.</summary>
    public Task<Answer> ClientCredentialsAsync(string? scope, params IEnumerable<(string Name, string? Value)> changes) =>
        TokenAsync(Merge([("grant_type", "client_credentials"), ("scope", scope)], changes));

    /// <summary>Starts the device flow.</summary>
    public Task<Answer> DeviceAsync(string? scope, params IEnumerable<(string Name, string? Value)> changes) =>
        PostAsync("/device/code", Merge([("scope", scope)], changes));

    /// <summary>Polls once.</summary>
    public Task<Answer> PollAsync(string deviceCode, params IEnumerable<(string Name, string? Value)> changes) =>
        TokenAsync(Merge([("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", deviceCode)], changes));

    /// <summary>Introspects a token.</summary>
    public Task<Answer> IntrospectAsync(string token, params IEnumerable<(string Name, string? Value)> changes) =>
        PostAsync("/introspect", Merge([("token", token)], changes));

    /// <summary>Revokes a token.</summary>
    public Task<Answer> RevokeAsync(string token, params IEnumerable<(string Name, string? Value)> changes) =>
        PostAsync("/revoke", Merge([("token", token)], changes));

    /// <summary>Posts a form to the token endpoint, with the client's proof.</summary>
    public Task<Answer> TokenAsync(params IEnumerable<(string Name, string? Value)> form) => PostAsync("/token", form);

    /// <summary>Reads the userinfo.</summary>
    public Task<Answer> UserInfoAsync(string accessToken, string scheme = "Bearer", params IEnumerable<string> proofs)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, Issuer + "/userinfo");
        request.Headers.Authorization = new AuthenticationHeaderValue(scheme, accessToken);
        foreach (var proof in proofs) request.Headers.Add("DPoP", proof);
        return SendAsync(request);
    }

    /// <summary>Gets a JSON document of the server, such as <c>/.well-known/openid-configuration</c>.</summary>
    public Task<Answer> GetAsync(string path) => SendAsync(new HttpRequestMessage(HttpMethod.Get, Issuer + path));

    /// <summary>Posts a form to an endpoint with the client's proof; a field that is null is left out.</summary>
    public Task<Answer> PostAsync(string path, params IEnumerable<(string Name, string? Value)> form)
    {
        var fields = form.Where(field => field.Value is not null).Select(field => KeyValuePair.Create(field.Name, field.Value!)).ToList();
        var request = new HttpRequestMessage(HttpMethod.Post, Issuer + path);
        switch (Client.Method)
        {
            case TestClient.Basic:
                request.Headers.Authorization = BasicHeader(Client.Id, Client.Secret!);
                break;
            case TestClient.Post:
                AddUnlessSet(fields, "client_id", Client.Id);
                AddUnlessSet(fields, "client_secret", Client.Secret!);
                break;
            case TestClient.PrivateKeyJwt:
                AddUnlessSet(fields, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
                AddUnlessSet(fields, "client_assertion", Assertion());
                break;
            default:
                AddUnlessSet(fields, "client_id", Client.Id);
                break;
        }

        if (Proof?.Invoke(Issuer + path) is { } proof) request.Headers.Add("DPoP", proof);
        request.Content = new FormUrlEncodedContent(fields);
        return SendAsync(request);
    }

    /// <summary>A client assertion (RFC 7523), with changes.</summary>
    public string Assertion(Action<JsonObject>? changeClaims = null, Action<JsonObject>? changeHeader = null)
    {
        var now = Clock.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = Client.Id,
            ["sub"] = Client.Id,
            ["aud"] = Issuer,
            ["iat"] = now,
            ["exp"] = now + 60,
            ["jti"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16)),
        };
        var header = new JsonObject { ["typ"] = "client-authentication+jwt" };
        changeClaims?.Invoke(claims);
        changeHeader?.Invoke(header);
        return Client.Key!.Sign(header, claims);
    }

    /// <summary>Sends a request that the test made itself.</summary>
    public async Task<Answer> SendAsync(HttpRequestMessage request)
    {
        using (request)
        {
            using var response = await _http.SendAsync(request);
            return await Answer.ReadAsync(response);
        }
    }

    /// <summary>The header of <c>client_secret_basic</c> with both parts form-encoded (RFC 6749 section 2.3.1).</summary>
    public static AuthenticationHeaderValue BasicHeader(string id, string secret) =>
        new("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{WebUtility.UrlEncode(id)}:{WebUtility.UrlEncode(secret)}")));

    public void Dispose() => _http.Dispose();

    private static void AddUnlessSet(List<KeyValuePair<string, string>> fields, string name, string value)
    {
        if (!fields.Exists(field => field.Key == name)) fields.Add(new(name, value));
    }

    private static IEnumerable<(string, string?)> Merge(IEnumerable<(string Name, string? Value)> form, IEnumerable<(string Name, string? Value)> changes)
    {
        var given = changes.ToList();
        return form.Where(field => !given.Exists(change => change.Name == field.Name)).Concat(given);
    }
}

/// <summary>An authorization request and what its client must remember.</summary>
public sealed record AuthorizationRequest(string Endpoint, IReadOnlyList<(string Name, string Value)> Parameters, string CodeVerifier)
{
    /// <summary>The URL to open.</summary>
    public string Url => Endpoint + "?" + string.Join('&', Parameters.Select(parameter => $"{Uri.EscapeDataString(parameter.Name)}={Uri.EscapeDataString(parameter.Value)}"));

    public string? this[string name] => Parameters.FirstOrDefault(parameter => parameter.Name == name).Value;

    public string? State => this["state"];

    public string? Nonce => this["nonce"];
}

/// <summary>An answer of an endpoint: status, headers, body.</summary>
public sealed record Answer(HttpStatusCode Status, IReadOnlyDictionary<string, string> Headers, string Body)
{
    /// <summary>The body as JSON.</summary>
    public JsonElement Json => JsonElement.Parse(Body);

    /// <summary>A member of the JSON as text; null if it is not there.</summary>
    public string? this[string name] =>
        Json.TryGetProperty(name, out var value) ? value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText() : null;

    public string? Error => this["error"];

    public string? ErrorDescription => this["error_description"];

    /// <summary>Fails with the whole answer unless it has this status.</summary>
    public Answer Expect(HttpStatusCode status) =>
        Status == status ? this : throw new Xunit.Sdk.XunitException($"Expected {(int)status}, got {this}");

    /// <summary>Fails with the whole answer unless it is this error.</summary>
    public Answer ExpectError(string error, HttpStatusCode status = HttpStatusCode.BadRequest) =>
        Status == status && Error == error ? this : throw new Xunit.Sdk.XunitException($"Expected {(int)status} {error}, got {this}");

    /// <summary>A header; null if it is not there.</summary>
    public string? Header(string name) => Headers.GetValueOrDefault(name);

    public override string ToString() => $"{(int)Status}\n{string.Join('\n', Headers.Select(header => $"{header.Key}: {header.Value}"))}\n\n{Body}";

    internal static async Task<Answer> ReadAsync(HttpResponseMessage response) =>
        new(
            response.StatusCode,
            response.Headers.Concat(response.Content.Headers).ToDictionary(header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase),
            await response.Content.ReadAsStringAsync());
}

/// <summary>What a client got for a code, and the request it asked with.</summary>
public sealed record Tokens(Answer Answer, AuthorizationRequest Request)
{
    public string AccessToken => Answer["access_token"]!;

    public string? RefreshToken => Answer["refresh_token"];

    public string? IdToken => Answer["id_token"];

    public string Scope => Answer["scope"]!;
}
