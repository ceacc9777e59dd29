using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Client.Authorization;
using Latchkey.Client.AspNetCore.Sessions;
using Latchkey.Protocol;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>
/// Sign-ins under way, each in an encrypted cookie of its own, so that tabs don't get in each other's way and only the browser that started a sign-in
/// can finish it. The cookie goes with the callback, whatever comes of that.
/// </summary>
internal sealed class TransactionCookies(IDataProtectionProvider protection, string scheme)
{
    // A browser sends all of them with every request, and servers take only so much in headers.
    private const int TabsAtOnce = 6;
    private const string Suffix = "-signin-";

    private readonly IDataProtector _protector = protection.CreateProtector("Latchkey.Client.AspNetCore.SignIn.v1", scheme);

    /// <summary>Gives the browser what it needs to finish a sign-in.</summary>
    public void Append(HttpContext context, AuthorizationTransaction transaction, TimeSpan lifetime)
    {
        var prefix = BrowserCookie.Name(context.Request, scheme, Suffix);
        var earlier = context.Request.Cookies.Where(cookie => cookie.Key.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        var tooMany = earlier.OrderBy(cookie => Read(cookie.Value)?.ExpiresAt ?? DateTimeOffset.MinValue).Take(earlier.Count - TabsAtOnce + 1);
        foreach (var (name, _) in tooMany) context.Response.Cookies.Delete(name, BrowserCookie.Options(context.Request));
        var options = Options(context.Request, transaction.ResponseMode);
        options.MaxAge = lifetime;
        context.Response.Cookies.Append(prefix + Digest(transaction.State), _protector.Protect(transaction.ToJson()), options);
    }

    /// <summary>Takes the sign-in that a callback answers from the browser; null if this browser has none of that state.</summary>
    public AuthorizationTransaction? Take(HttpContext context, Parameters callback, string? responseMode)
    {
        if (State(callback) is not { Length: > 0 } state) return null;
        var name = BrowserCookie.Name(context.Request, scheme, Suffix) + Digest(state);
        if (context.Request.Cookies[name] is not { } value) return null;
        context.Response.Cookies.Delete(name, Options(context.Request, responseMode));
        return Read(value);
    }

    /// <summary>The attributes of cookies that a callback needs.</summary>
    public static CookieOptions Options(HttpRequest request, string? responseMode)
    {
        var options = BrowserCookie.Options(request);
        // A form that another site posts brings no Lax cookies along.
        if (request.IsHttps && responseMode?.StartsWith("form_post", StringComparison.Ordinal) == true) options.SameSite = SameSiteMode.None;
        return options;
    }

    private AuthorizationTransaction? Read(string value)
    {
        try
        {
            return AuthorizationTransaction.FromJson(_protector.Unprotect(value));
        }
        catch (CryptographicException)
        {
            // Of a key that is gone, or not ours.
            return null;
        }
    }

    // Of a signed answer (JARM) the state is looked at before the signature is, but only to find the cookie: the client judges the answer.
    private static string? State(Parameters callback)
    {
        if (callback["response"] is not { } response) return callback["state"];
        var parts = response.Split('.');
        if (parts.Length != 3) return null;
        try
        {
            using var payload = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(parts[1]));
            return payload.RootElement.ValueKind == JsonValueKind.Object && payload.RootElement.TryGetProperty("state", out var state) && state.ValueKind == JsonValueKind.String
                ? state.GetString() : null;
        }
        // The last is half a surrogate pair, which JSON can write and no string can hold.
        catch (Exception exception) when (exception is JsonException or FormatException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string Digest(string state) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(state)).AsSpan(0, 12));
}
