using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using Latchkey.Client.Authorization;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Verification.Providers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Client.Tests.Rogue;

/// <summary>A provider that misbehaves as it is told, on a port of 127.0.0.1. Unless told, it answers as a decent one would.</summary>
internal sealed class RogueProvider : IAsyncDisposable
{
    public const string ClientId = "rogue-client";
    public const string Secret = "rogue-secret-0123456789";
    public const string RedirectUri = "https://app.test/callback";
    public const string Subject = "person-1";
    public const string AccessToken = "opaque-access-token-1";

    private readonly WebApplication _app;
    private readonly HttpClient _http = new(ProviderHttp.CreateHandler());

    private RogueProvider(WebApplication app) => _app = app;

    public string Issuer { get; private set; } = "";

    public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 11, 24, 12, 0, 0, TimeSpan.Zero));

    public JwsSigner Key { get; set; } = TestKeys.Rsa;

    public List<JwsSigner> Published { get; } = [TestKeys.Rsa];

    public JsonObject Metadata { get; private set; } = [];

    /// <summary>The members of the next token answers; null leaves one out.</summary>
    public JsonObject Token { get; } = new() { ["access_token"] = AccessToken, ["token_type"] = "Bearer", ["expires_in"] = 300 };

    /// <summary>Answers in place of the decent one, by path.</summary>
    public ConcurrentDictionary<string, Func<Sent, RogueAnswer>> Answers { get; } = new(StringComparer.Ordinal);

    public ConcurrentQueue<Sent> Requests { get; } = [];

    public static async Task<RogueProvider> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        var app = builder.Build();
        var rogue = new RogueProvider(app);
        app.Run(rogue.AnswerAsync);
        await app.StartAsync();
        rogue.Issuer = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        rogue.Metadata = new JsonObject
        {
            ["issuer"] = rogue.Issuer,
            ["authorization_endpoint"] = rogue.Issuer + "/authorize",
            ["token_endpoint"] = rogue.Issuer + "/token",
            ["jwks_uri"] = rogue.Issuer + "/jwks",
            ["userinfo_endpoint"] = rogue.Issuer + "/userinfo",
            ["device_authorization_endpoint"] = rogue.Issuer + "/device",
            ["revocation_endpoint"] = rogue.Issuer + "/revoke",
            ["introspection_endpoint"] = rogue.Issuer + "/introspect",
            ["end_session_endpoint"] = rogue.Issuer + "/logout",
            ["response_types_supported"] = new JsonArray("code"),
            ["code_challenge_methods_supported"] = new JsonArray("S256"),
        };
        return rogue;
    }

    public LatchkeyClient Client(Action<LatchkeyClientOptions>? change = null, ProviderOptions? limits = null, TimeProvider? clock = null)
    {
        var options = new LatchkeyClientOptions
        {
            Issuer = Issuer,
            ClientId = ClientId,
            Credential = ClientCredential.Secret(Secret),
            RedirectUri = RedirectUri,
            Scope = "openid api:read",
        };
        change?.Invoke(options);
        return new LatchkeyClient(options, _http, clock ?? Clock, limits: limits);
    }

    /// <summary>Requests to one path, in order.</summary>
    public IReadOnlyList<Sent> To(string path) => [.. Requests.Where(sent => sent.Path == path)];

    /// <summary>The callback of a sign-in as a decent provider makes it, with changes.</summary>
    public Parameters Callback(AuthorizationStart start, params (string Name, string? Value)[] changes)
    {
        var answer = new Dictionary<string, string?> { ["code"] = "code-1", ["state"] = start.Transaction.State, ["iss"] = Issuer };
        foreach (var (name, value) in changes) answer[name] = value;
        return Parameters.Parse(string.Join('&', answer.Where(pair => pair.Value is not null).Select(pair => $"{pair.Key}={HttpUtility.UrlEncode(pair.Value)}")));
    }

    /// <summary>Signs in whole: starts, lets the token answer carry an ID token with these changes, completes.</summary>
    public async Task<TokenSet> SignInAsync(
        LatchkeyClient client, Action<JsonObject>? claims = null, Action<JsonObject>? header = null, JwsSigner? key = null, AuthorizationParameters? parameters = null)
    {
        var start = await client.StartAuthorizationAsync(parameters);
        Token["id_token"] = IdToken(start, claims, header, key);
        return await client.CompleteAuthorizationAsync(start.Transaction, Callback(start));
    }

    /// <summary>An ID token of a sign-in, right but for the changes.</summary>
    public string IdToken(AuthorizationStart? start, Action<JsonObject>? claims = null, Action<JsonObject>? header = null, JwsSigner? key = null)
    {
        var now = Clock.GetUtcNow().ToUnixTimeSeconds();
        var payload = new JsonObject
        {
            ["iss"] = Issuer, ["sub"] = Subject, ["aud"] = ClientId, ["exp"] = now + 300, ["iat"] = now, ["auth_time"] = now - 10,
        };
        if (start?.Transaction.Nonce is { } nonce) payload["nonce"] = nonce;
        claims?.Invoke(payload);
        return Sign(payload, header, key);
    }

    public string Sign(JsonObject payload, Action<JsonObject>? header = null, JwsSigner? key = null)
    {
        key ??= Key;
        var head = new JsonObject { ["alg"] = key.Algorithm, ["kid"] = key.KeyId };
        header?.Invoke(head);
        var input = $"{Encode(head.ToJsonString())}.{Encode(payload.ToJsonString())}";
        return head["alg"]?.GetValue<string>() switch
        {
            "none" => input + ".",
            // Signed with what is public: the classic confusion.
            "HS256" => $"{input}.{Base64Url.EncodeToString(HMACSHA256.HashData(key.PublicKey.ToArray(), Encoding.ASCII.GetBytes(input)))}",
            _ => $"{input}.{Signature(key, input)}",
        };
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _http.Dispose();
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static string Signature(JwsSigner key, string input)
    {
        var signature = new byte[key.SignatureSize];
        key.Sign(Encoding.ASCII.GetBytes(input), signature);
        return Base64Url.EncodeToString(signature);
    }

    private async Task AnswerAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var sent = new Sent(context.Request.Method, context.Request.Path, context.Request.QueryString.Value ?? "", await reader.ReadToEndAsync(),
            context.Request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        Requests.Enqueue(sent);
        var answer = Answers.TryGetValue(sent.Path, out var own) ? own(sent) : Decent(sent);
        if (answer.Hangs) await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        context.Response.StatusCode = answer.Status;
        context.Response.ContentType = answer.ContentType;
        foreach (var (name, value) in answer.Headers) context.Response.Headers.Append(name, value);
        if (answer.Body.Length > 0) await context.Response.WriteAsync(answer.Body);
    }

    private RogueAnswer Decent(Sent sent) => sent.Path switch
    {
        "/.well-known/openid-configuration" => RogueAnswer.Json(Metadata),
        "/jwks" => new(Encoding.UTF8.GetString(JsonWebKeyWriter.Set(Published.Select(key => key.PublicKey)))),
        "/token" => RogueAnswer.Json(Token),
        "/userinfo" => RogueAnswer.Json(new JsonObject { ["sub"] = Subject, ["name"] = "Person One" }),
        "/device" => RogueAnswer.Json(new JsonObject
        {
            ["device_code"] = "device-code-1", ["user_code"] = "WDJB-MJHT", ["verification_uri"] = Issuer + "/activate", ["expires_in"] = 600,
        }),
        "/revoke" => new("{}"),
        "/introspect" => RogueAnswer.Json(new JsonObject { ["active"] = true, ["sub"] = Subject, ["client_id"] = ClientId, ["scope"] = "api:read" }),
        _ => RogueAnswer.Json(new JsonObject { ["error"] = "invalid_request" }, 404),
    };
}

/// <summary>A request as the rogue saw it.</summary>
internal sealed record Sent(string Method, string Path, string Query, string Body, IReadOnlyDictionary<string, string> Headers)
{
    public Parameters Form => Parameters.Parse(Body);
}

/// <summary>What the rogue answers.</summary>
internal sealed record RogueAnswer(string Body, int Status = 200, string ContentType = "application/json")
{
    public IReadOnlyList<(string Name, string Value)> Headers { get; init; } = [];

    public bool Hangs { get; init; }

    public static RogueAnswer Json(JsonObject json, int status = 200) => new(json.ToJsonString(), status);

    public static RogueAnswer Error(string error, string? description = null, int status = 400)
    {
        var json = new JsonObject { ["error"] = error };
        if (description is not null) json["error_description"] = description;
        return Json(json, status);
    }
}

/// <summary>Keys made once a process.</summary>
internal static class TestKeys
{
    public static JwsSigner Rsa { get; } = Make("RS256", "rsa-1");

    public static JwsSigner OtherRsa { get; } = Make("RS256", "rsa-2");

    public static JwsSigner Elliptic { get; } = Make("ES256", "ec-1");

    private static JwsSigner Make(string algorithm, string id) => JwsSigner.Open(algorithm, id, JwsSigner.Generate(algorithm));
}
