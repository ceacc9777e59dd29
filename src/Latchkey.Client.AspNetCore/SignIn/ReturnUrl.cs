using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>Where to go after signing in. Only to this app: a sign-in that ends elsewhere is an open redirector (RFC 9700 section 4.11.1).</summary>
internal static class ReturnUrl
{
    private const int Longest = 2048;

    /// <summary>Whether it is a path of this app, whatever a browser makes of slashes, backslashes and line breaks.</summary>
    public static bool IsLocal(string? url)
    {
        if (url is not ['/', ..] || url.Length > Longest) return false;
        // "//host" and "/\host" are other sites; and browsers take tabs and line breaks out before they look.
        if (url.Length > 1 && url[1] is '/' or '\\') return false;
        foreach (var character in url)
        {
            if (character is '\\' or <= ' ' or >= (char)0x7f) return false;
        }

        return true;
    }

    /// <summary>What a request asks for, if it may.</summary>
    public static string? Of(HttpRequest request) =>
        request.Query["return_url"] is [{ } url] && IsLocal(url) ? url : null;

    /// <summary>The page that a request is for, to come back to; null for what is no page.</summary>
    public static string? Current(HttpRequest request)
    {
        if (!HttpMethods.IsGet(request.Method)) return null;
        var url = request.PathBase.Add(request.Path).ToUriComponent() + request.QueryString.ToUriComponent();
        return IsLocal(url) ? url : null;
    }
}
