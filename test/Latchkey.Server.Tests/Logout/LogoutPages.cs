using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Latchkey.Server.Tests.Logout;

/// <summary>What tests of signing out have in common.</summary>
internal static class LogoutPages
{
    /// <summary>A state as the conformance suite sends it: 128 characters.</summary>
    public static string LongState { get; } = Convert.ToHexStringLower(SHA512.HashData("state"u8));

    /// <summary>Opens the sign-out endpoint; what is null is left out.</summary>
    public static Task<Stop> LogoutAsync(this PageWalker browser, string issuer, params (string Name, string? Value)[] parameters)
    {
        var query = string.Join('&', parameters.Where(parameter => parameter.Value is not null)
            .Select(parameter => $"{parameter.Name}={Uri.EscapeDataString(parameter.Value!)}"));
        return browser.GetAsync($"{issuer}/logout{(query.Length > 0 ? "?" + query : "")}");
    }

    /// <summary>Says yes where the page asks.</summary>
    public static async Task<Stop> ConfirmAsync(this PageWalker browser, Stop stop) =>
        stop.Has("decision", "logout") ? await browser.SubmitAsync(stop, ("decision", "logout")) : stop;

    /// <summary>What <c>prompt=none</c> answers: null while somebody is signed in.</summary>
    public static async Task<string?> SilentErrorAsync(this PageWalker browser, OAuthClient client) =>
        (await browser.GetAsync(client.Request("openid", ("prompt", "none")).Url)).Answer.Error;

    public static async Task AssertSignedOutAsync(this PageWalker browser, OAuthClient client) =>
        Assert.Equal("login_required", await browser.SilentErrorAsync(client));

    public static async Task AssertSignedInAsync(this PageWalker browser, OAuthClient client) =>
        Assert.NotEqual("login_required", await browser.SilentErrorAsync(client));

    /// <summary>The page that asks before anybody is signed out.</summary>
    public static Stop ExpectQuestion(this Stop stop) => stop.Has("decision", "logout") ? stop : throw new Xunit.Sdk.XunitException($"No question at {stop}");

    /// <summary>The page at the end.</summary>
    public static Stop ExpectSignedOutPage(this Stop stop) =>
        stop.Title.StartsWith("You are signed out", StringComparison.Ordinal) ? stop : throw new Xunit.Sdk.XunitException($"Not signed out at {stop}");

    /// <summary>An ID token that this server never wrote, made from one that it did.</summary>
    public static string Forge(string idToken, string how)
    {
        var (header, claims, signature) = idToken.Split('.') is [var one, var two, var three] ? (one, two, three) : throw new ArgumentException("No JWT.", nameof(idToken));
        var kid = Jwt.Header(idToken).GetProperty("kid").GetString()!;
        return how switch
        {
            "alg none, no signature" => $"{Encode("""{"alg":"none"}""")}.{claims}.",
            "alg none, its signature" => $"{Encode($$"""{"alg":"none","typ":"JWT","kid":"{{kid}}"}""")}.{claims}.{signature}",
            "another key, our kid" => SignByAnother(header, claims),
            "other claims" => $"{header}.{Encode(Encoding.UTF8.GetString(Base64Url.DecodeFromChars(claims)).Replace("\"iat\":", "\"iat\":1", StringComparison.Ordinal))}.{signature}",
            "cut short" => idToken[..^10],
            "no JWT" => "hint",
            _ => throw new ArgumentOutOfRangeException(nameof(how)),
        };
    }

    private static string SignByAnother(string header, string claims)
    {
        using var key = RSA.Create(2048);
        var input = Encoding.ASCII.GetBytes($"{header}.{claims}");
        return $"{header}.{claims}.{Base64Url.EncodeToString(key.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
    }

    private static string Encode(string json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json));
}
