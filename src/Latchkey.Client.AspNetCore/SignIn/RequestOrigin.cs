using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>Which site made the browser send a request. Every browser of today says so in headers that no page can set.</summary>
internal static class RequestOrigin
{
    /// <summary>Whether a page of this very origin sent it, or the person did (the address bar, a bookmark).</summary>
    public static bool IsOwn(HttpRequest request, bool orPerson)
    {
        if (request.Headers["Sec-Fetch-Site"] is [{ } site]) return site == "same-origin" || (orPerson && site == "none");
        // Old browsers: the origin of a POST, the page that a link stood on.
        if (request.Headers.Origin is [{ } origin]) return IsOwn(request, origin);
        if (request.Headers.Referer is [{ } referer]) return Uri.TryCreate(referer, UriKind.Absolute, out var page) && IsOwn(request, page.GetLeftPart(UriPartial.Authority));
        // Neither: a program, which no site can send.
        return true;
    }

    /// <summary>Whether the browser goes to a page, rather than a script fetching data.</summary>
    public static bool IsNavigation(HttpRequest request) =>
        request.Headers["Sec-Fetch-Mode"] is [{ } mode] ? mode is "navigate" or "nested-navigate" : request.Headers.XRequestedWith != "XMLHttpRequest";

    private static bool IsOwn(HttpRequest request, string origin) =>
        origin.Equals($"{request.Scheme}://{request.Host.ToUriComponent()}", StringComparison.OrdinalIgnoreCase);
}
