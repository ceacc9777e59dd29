using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Bench;

/// <summary>A client of the bench, the same at every subject.</summary>
internal sealed record BenchClient(string Id, string? Secret)
{
    public static BenchClient Service { get; } = new("bench-cc", "bench-cc-secret-0123456789abcdef");

    public static BenchClient Web { get; } = new("bench-web", "bench-web-secret-0123456789abcdef");

    public static BenchClient Public { get; } = new("bench-pub", null);

    /// <summary>Its access tokens are opaque where that is the only kind that can be introspected.</summary>
    public static BenchClient Opaque { get; } = new("bench-opaque", "bench-opaque-secret-0123456789abcdef");
}

/// <summary>Requests as bytes.</summary>
internal static class Requests
{
    public const string RedirectUri = "http://127.0.0.1:3000/callback";
    public const string UserName = "alice";
    public const string Password = "correct horse battery staple";
    public const string ApiScope = "api:read";
    public const string WithIdToken = "openid profile email offline_access api:read";
    public const string WithoutIdToken = "offline_access api:read";

    private const string Verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk-dBjftJeZ4CVP";

    private static readonly string Challenge =
        System.Buffers.Text.Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    public static byte[] Get(Subject subject, string path, string? cookie = null, string? bearer = null) => Encoding.ASCII.GetBytes(
        $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{subject.Port}\r\n{(cookie is null ? "" : $"Cookie: {cookie}\r\n")}{(bearer is null ? "" : $"Authorization: Bearer {bearer}\r\n")}Accept: */*\r\n\r\n");

    /// <summary>A form of a client that authenticates with its secret, or names itself in the form if it has none.</summary>
    public static byte[] Post(Subject subject, string path, string form, BenchClient client)
    {
        if (client.Secret is null) form += $"&client_id={client.Id}";
        return Encoding.ASCII.GetBytes(PostHead(subject, path, client) + $"{form.Length}\r\n\r\n{form}");
    }

    /// <summary>What comes before the length of the form.</summary>
    public static string PostHead(Subject subject, string path, BenchClient client)
    {
        var basic = client.Secret is null ? "" : $"Authorization: Basic {Convert.ToBase64String(Encoding.ASCII.GetBytes($"{client.Id}:{client.Secret}"))}\r\n";
        return $"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{subject.Port}\r\n{basic}Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\nContent-Length: ";
    }

    public static string Authorize(Subject subject, BenchClient client, string scope) =>
        subject.Endpoint("authorization_endpoint") + $"?response_type=code&client_id={client.Id}&redirect_uri={Escape(RedirectUri)}&scope={Escape(scope)}"
        + $"&state=st4te-0123456789&nonce=n0nce-0123456789&code_challenge={Challenge}&code_challenge_method=S256";

    public static byte[] Exchange(Subject subject, BenchClient client, string code) => Post(
        subject, subject.Endpoint("token_endpoint"), $"grant_type=authorization_code&code={Escape(code)}&redirect_uri={Escape(RedirectUri)}&code_verifier={Verifier}", client);

    /// <summary>The code in a redirect back to the client; null if it is none.</summary>
    public static string? CodeOf(string? location)
    {
        if (location?.StartsWith(RedirectUri, StringComparison.Ordinal) != true) return null;
        foreach (var pair in location[(location.IndexOf('?') + 1)..].Split('&'))
        {
            if (pair.StartsWith("code=", StringComparison.Ordinal)) return Uri.UnescapeDataString(pair["code=".Length..]);
        }

        return null;
    }

    public static string Escape(string value) => Uri.EscapeDataString(value);
}
