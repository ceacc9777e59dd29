using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Verification.Providers;
using Microsoft.Extensions.Time.Testing;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Verification.Tests.Providers;

/// <summary>A provider whose every answer the test writes, with tokens that Microsoft.IdentityModel signs.</summary>
internal sealed class ScriptedProvider : HttpMessageHandler
{
    public const string Issuer = "https://id.test";
    private static readonly RSA Rsa = RSA.Create(2048);

    public ScriptedProvider()
    {
        Answers["/.well-known/openid-configuration"] = () => Json($$"""{"issuer":"{{Issuer}}","jwks_uri":"{{Issuer}}/keys","token_endpoint":"{{Issuer}}/token"}""");
        Answers["/keys"] = () => Json(Set(Jwk()).ToJsonString());
    }

    public Dictionary<string, Func<HttpResponseMessage>> Answers { get; } = [];

    public List<string> Asked { get; } = [];

    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.FromUnixTimeSeconds(1_800_000_000));

    public static RsaSecurityKey Key { get; } = new(Rsa) { KeyId = "one" };

    public Provider Provider(string issuer = Issuer, ProviderOptions? options = null) => new(issuer, new HttpClient(this), Clock, options);

    /// <summary>The public key as a JWK.</summary>
    public static JsonObject Jwk(string keyId = "one", bool withPrivateHalf = false)
    {
        var parameters = Rsa.ExportParameters(withPrivateHalf);
        var jwk = new JsonObject
        {
            ["kty"] = "RSA", ["use"] = "sig", ["alg"] = "RS256", ["kid"] = keyId,
            ["n"] = Base64UrlEncoder.Encode(parameters.Modulus), ["e"] = Base64UrlEncoder.Encode(parameters.Exponent),
        };
        if (withPrivateHalf) jwk["d"] = Base64UrlEncoder.Encode(parameters.D);
        return jwk;
    }

    public static JsonObject Set(params JsonNode[] keys) => new() { ["keys"] = new JsonArray(keys) };

    /// <summary>A good access token, as Microsoft.IdentityModel writes it.</summary>
    public string Token(SecurityKey? key = null, string algorithm = "RS256", string audience = "https://api.test") => new JsonWebTokenHandler().CreateToken(new SecurityTokenDescriptor
    {
        Issuer = Issuer,
        Audience = audience,
        TokenType = "at+jwt",
        IssuedAt = Clock.GetUtcNow().UtcDateTime,
        NotBefore = Clock.GetUtcNow().UtcDateTime,
        Expires = Clock.GetUtcNow().AddMinutes(5).UtcDateTime,
        Claims = new Dictionary<string, object> { ["sub"] = "user-alice", ["client_id"] = "web", ["jti"] = "1" },
        SigningCredentials = new SigningCredentials(key ?? Key, algorithm),
    });

    public static HttpResponseMessage Json(string json, HttpStatusCode status = HttpStatusCode.OK) => Text(json, "application/json", status);

    public static HttpResponseMessage Text(string text, string type, HttpStatusCode status = HttpStatusCode.OK) =>
        new(status) { Content = new StringContent(text, Encoding.UTF8, type) };

    /// <summary>A body that says it is there and never ends: after its first bytes it gives one more each time it is asked, or none at all.</summary>
    public static HttpResponseMessage Endless(Stream body) => new(HttpStatusCode.OK)
    {
        Content = new StreamContent(body) { Headers = { ContentType = new("application/json") } },
    };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        lock (Asked) Asked.Add(request.RequestUri!.AbsolutePath);
        if (!Answers.TryGetValue(request.RequestUri!.AbsolutePath, out var answer)) return new(HttpStatusCode.NotFound) { RequestMessage = request };
        var response = answer();
        response.RequestMessage ??= request;
        await Task.Yield();
        return response;
    }
}

/// <summary>Never ends: hangs at once, or drips a byte with each tick of the clock.</summary>
internal sealed class SlowStream(FakeTimeProvider clock, bool drips) : Stream
{
    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => 0; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!drips) await Task.Delay(Timeout.InfiniteTimeSpan, clock, cancellationToken);
        await Task.Delay(TimeSpan.FromSeconds(1), clock, cancellationToken);
        buffer.Span[0] = (byte)' ';
        return 1;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
