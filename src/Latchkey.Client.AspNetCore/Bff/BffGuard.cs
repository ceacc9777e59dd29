using Latchkey.Client.AspNetCore.Pages;
using Latchkey.Client.AspNetCore.SignIn;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.Bff;

/// <summary>Holds that a page of this very origin sent a call (RFC 10017 section 6.1.3.3).</summary>
internal static class BffGuard
{
    /// <summary>Whether it did; if not, the refusal has been answered.</summary>
    public static async ValueTask<bool> AllowsAsync(HttpContext context, BffOptions options)
    {
        var refusal = !context.Request.Headers.ContainsKey(options.Header) ? SignInRefusals.CsrfHeader
            : !RequestOrigin.IsOwn(context.Request, orPerson: false) ? SignInRefusals.CrossSite
            : null;
        if (refusal is null) return true;
        await NoticePage.WriteErrorAsync(context, StatusCodes.Status403Forbidden, "csrf", refusal.ToString());
        return false;
    }
}
