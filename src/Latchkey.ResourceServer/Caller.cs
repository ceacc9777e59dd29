using System.Security.Claims;
using Latchkey.Protocol.Names;

namespace Latchkey.ResourceServer;

/// <summary>What an API asks of the caller that the guard let in.</summary>
public static class Caller
{
    /// <summary>
    /// Whether the caller's token has a scope, whole and by case. It is found in <c>scope</c> (one string with spaces, or several claims) and in
    /// <c>scp</c>.
    /// </summary>
    /// <param name="caller">The caller.</param>
    /// <param name="scope">One scope token (RFC 6749 section 3.3).</param>
    public static bool HasScope(this ClaimsPrincipal caller, string scope)
    {
        foreach (var claim in caller.Claims)
        {
            if (claim.Type is not (ClaimNames.Scope or "scp")) continue;
            var text = claim.Value.AsSpan();
            foreach (var part in text.Split(' '))
            {
                if (text[part].SequenceEqual(scope)) return true;
            }
        }

        return false;
    }

    /// <summary>
    /// Whether a person is behind the token, and not the client itself: it has a <c>sub</c>, which is not its <c>client_id</c> (RFC 9068 section 5,
    /// RFC 9700 section 4.15). A token of a client alone must never act as the user whose <c>sub</c> happens to be like its name; where nothing tells the
    /// client, as in some introspection answers, the answer is no.
    /// </summary>
    /// <param name="caller">The caller.</param>
    public static bool IsUser(this ClaimsPrincipal caller) =>
        caller.FindFirst(ClaimNames.Subject)?.Value is { Length: > 0 } subject
        && caller.FindFirst(ClaimNames.ClientId)?.Value is { Length: > 0 } client && subject != client;
}
