using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.Authorize;

/// <summary>PKCE at the authorization endpoint (RFC 7636 section 4.4.1, OAuth 2.1 section 4.1.1): S256 from every client.</summary>
internal static class CodeChallenge
{
    /// <summary>What is wrong with the challenge; null if nothing is.</summary>
    public static OAuthError? Check(Parameters parameters, Client client)
    {
        var challenge = parameters[ParameterNames.CodeChallenge];
        var method = parameters[ParameterNames.CodeChallengeMethod];
        if (challenge is null)
        {
            if (client.Metadata.RequirePkce || client.Metadata.IsPublic)
                return OAuthError.InvalidRequest("The parameter code_challenge is missing; use PKCE with code_challenge_method=S256.");
            return method is null ? null : OAuthError.InvalidRequest("There is a code_challenge_method but no code_challenge; send both.");
        }

        // Without a method the challenge would be the verifier itself (RFC 7636 section 4.3), which is refused like plain.
        if (method != Pkce.S256) return OAuthError.InvalidRequest("The only code_challenge_method is S256; send it with the challenge made by it.");
        return Pkce.IsChallenge(challenge)
            ? null
            : OAuthError.InvalidRequest("The code_challenge is not the S256 hash of a verifier; send its 43 characters of unpadded base64url.");
    }
}
