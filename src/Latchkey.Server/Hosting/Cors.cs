using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Hosting;

/// <summary>
/// What scripts of other origins may call: any origin, never with cookies, and only the endpoints that programs use. The authorization endpoint and
/// the pages are not among them (OAuth 2.1 section 3.1).
/// </summary>
internal static class Cors
{
    private static readonly string[] Endpoints = ["/token", "/userinfo", "/revoke", "/par", "/register"];

    /// <summary>Lets the answer be read, if the endpoint is one of those.</summary>
    /// <returns>True if it is.</returns>
    public static bool Apply(HttpContext context)
    {
        var path = context.Request.Path;
        if (!path.StartsWithSegments("/.well-known", StringComparison.Ordinal) && !Array.Exists(Endpoints, endpoint => path.Equals(endpoint, StringComparison.Ordinal))
            && !path.StartsWithSegments("/register", StringComparison.Ordinal))
            return false;
        var headers = context.Response.Headers;
        headers.AccessControlAllowOrigin = "*";
        headers.AccessControlExposeHeaders = "WWW-Authenticate, DPoP-Nonce, X-Request-Id";
        return true;
    }

    /// <summary>Answers a preflight (Fetch, CORS protocol): the same for every endpoint that is open.</summary>
    public static void AnswerPreflight(HttpContext context)
    {
        var headers = context.Response.Headers;
        headers.AccessControlAllowMethods = "GET, POST, PUT, DELETE";
        headers.AccessControlAllowHeaders = "Authorization, Content-Type, DPoP, MCP-Protocol-Version";
        headers.AccessControlMaxAge = "7200";
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
