using Latchkey.Client.Tokens;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Client.AspNetCore.SignIn;

/// <summary>Finds the tokens of the person for whom a request is under way.</summary>
internal static class UserTokenSources
{
    /// <exception cref="TokenUnavailableException">Nobody is signed in.</exception>
    public static async ValueTask<ITokenSource> OfAsync(HttpContext? context, string scheme, string? scope, string? resource)
    {
        if (context is null)
            throw new TokenUnavailableException(TokenUnavailableException.LoginRequired, "There is no HTTP request under way, so nobody is signed in; a background task uses AddMachineToken.");
        var current = await CurrentSession.OfAsync(context, scheme).ConfigureAwait(false)
            ?? throw new TokenUnavailableException(TokenUnavailableException.LoginRequired, "Nobody is signed in.");
        return current.Part.Tokens.For(current.Session.Key, scope, resource);
    }
}
