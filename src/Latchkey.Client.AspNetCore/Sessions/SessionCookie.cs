using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.Sessions;

/// <summary>The one cookie of a session: 256 random bits, and nothing that says whose session it is.</summary>
internal static class SessionCookie
{
    private const int IdLength = 43;

    /// <summary>Puts a new session's id into the answer. An id that the browser brought along is never used again (session fixation).</summary>
    /// <returns>The key to keep the session under.</returns>
    public static string Issue(HttpContext context, string scheme)
    {
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        context.Response.Cookies.Append(BrowserCookie.Name(context.Request, scheme), id, BrowserCookie.Options(context.Request));
        return Key(scheme, id);
    }

    /// <summary>The key of the session whose id the browser holds; null if it holds none.</summary>
    public static string? Find(HttpContext context, string scheme) =>
        BrowserCookie.IsSafe(context.Request) && context.Request.Cookies[BrowserCookie.Name(context.Request, scheme)] is { Length: IdLength } id ? Key(scheme, id) : null;

    /// <summary>Takes the id from the browser.</summary>
    public static void Delete(HttpContext context, string scheme) =>
        context.Response.Cookies.Delete(BrowserCookie.Name(context.Request, scheme), BrowserCookie.Options(context.Request));

    // With the scheme in it: an id that one scheme gave out finds nothing under another one's cookie.
    private static string Key(string scheme, string id) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($"{scheme}\n{id}")));
}
