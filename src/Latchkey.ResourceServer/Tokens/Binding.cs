using Latchkey.Protocol.Names;

namespace Latchkey.ResourceServer.Tokens;

/// <summary>Whether the request proves possession of what its token is bound to (RFC 7800 section 3).</summary>
internal static class Binding
{
    public static Denial? Judge(VerifiedToken token, string scheme)
    {
        var bound = token.Claims.Members.Has("cnf");
        if (scheme == TokenTypes.Bearer && !bound) return null;
        return bound
            ? Denial.InvalidToken(new("LK-RS-BOUND", "The token is bound to a key, and the request does not prove its possession.", "RFC 9449 7.2",
                "Send the token as DPoP with a proof, or over the certificate's connection."), scheme)
            : Denial.InvalidToken(new("LK-RS-NOT-BOUND", "The token was sent as DPoP, but is bound to no key.", "RFC 9449 7.1", "Send it as Bearer."), scheme);
    }
}
