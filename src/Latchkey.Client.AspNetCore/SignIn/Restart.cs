using Latchkey.Client.AspNetCore.Sessions;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>
/// The mark that a lost sign-in has been started once more. It is a cookie, because all that comes back from the provider is the state; so a browser
/// that keeps no cookies shows itself at the first step, and nobody is sent round in circles.
/// </summary>
internal static class Restart
{
    /// <summary>The query parameter that says so to the login path.</summary>
    public const string Parameter = "again";

    private const string Suffix = "-again";

    public static bool IsMarked(HttpContext context, string scheme) => context.Request.Cookies.ContainsKey(BrowserCookie.Name(context.Request, scheme, Suffix));

    public static void Mark(HttpContext context, string scheme, string? responseMode)
    {
        var options = TransactionCookies.Options(context.Request, responseMode);
        options.MaxAge = TimeSpan.FromMinutes(5);
        context.Response.Cookies.Append(BrowserCookie.Name(context.Request, scheme, Suffix), "1", options);
    }

    public static void Clear(HttpContext context, string scheme, string? responseMode)
    {
        if (IsMarked(context, scheme)) context.Response.Cookies.Delete(BrowserCookie.Name(context.Request, scheme, Suffix), TransactionCookies.Options(context.Request, responseMode));
    }
}
