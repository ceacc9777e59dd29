using Latchkey.Server.Hosting;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Authorize;

/// <summary>Sends browsers on.</summary>
internal static class BrowserRedirect
{
    /// <summary>
    /// Redirects: by 303 after a POST, so that the browser never posts a password on (RFC 9700 section 4.12), by 302 after a GET. What was in our own
    /// URL is not told to where the browser goes.
    /// </summary>
    public static void RedirectTo(this HttpContext context, string location)
    {
        context.NoStore();
        context.Response.Headers["Referrer-Policy"] = "no-referrer";
        context.Response.StatusCode = HttpMethods.IsPost(context.Request.Method) ? StatusCodes.Status303SeeOther : StatusCodes.Status302Found;
        context.Response.Headers.Location = location;
        context.Response.ContentLength = 0;
    }
}
