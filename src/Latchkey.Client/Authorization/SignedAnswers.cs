using Latchkey.Client.Endpoints;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Verification.Jose;

namespace Latchkey.Client.Authorization;

/// <summary>Opens signed authorization answers: JARM, "JWT Secured Authorization Response Mode for OAuth 2.0", sections 2.1 and 2.4.</summary>
internal sealed class SignedAnswers(EndpointCaller caller)
{
    /// <summary>How to look up the answer's parameters: among what was signed, or in the plain answer where no signed one was asked for.</summary>
    public async ValueTask<Func<string, string?>> OpenAsync(AuthorizationTransaction transaction, Parameters callback, CancellationToken cancellationToken)
    {
        var response = callback[ParameterNames.Response];
        if (transaction.ResponseMode is not ("jwt" or "query.jwt" or "form_post.jwt"))
            return response is null ? name => callback[name] : throw new OAuthException(ClientRefusals.SignedAnswerUnexpected());
        // Taking a plain one instead would let anyone take the signature off.
        if (response is null) throw new OAuthException(ClientRefusals.SignedAnswerMissing());
        response = Encrypted.Open(response, caller.Options);
        var verdict = await JwtVerifier.VerifyAsync(response, caller.Provider, JwtKinds.SignedAnswer(caller.Options), caller.Clock, cancellationToken).ConfigureAwait(false);
        if (verdict.Refused(out var refusal, out var answer)) throw new OAuthException(refusal);
        return name => answer.Claims.Text(name) is { Length: > 0 } text ? text : null;
    }
}
