using Latchkey.Protocol;
using Latchkey.Verification.Providers;

namespace Latchkey.Client.Tokens;

/// <summary>
/// There is no token for a call that was to carry one, so the call was not made. <see cref="OAuthException.Error"/> is the OAuth error code: the
/// provider's own, such as <c>invalid_client</c> or <c>invalid_grant</c>; <c>temporarily_unavailable</c> where the provider could not be asked;
/// <c>login_required</c> where nobody is signed in or only the person can get the next token.
/// </summary>
public sealed class TokenUnavailableException : OAuthException
{
    /// <summary>The code where only the person can help: they have to sign in (OpenID Connect Core section 3.1.2.6).</summary>
    public const string LoginRequired = "login_required";

    /// <summary>The code where a later try may well succeed (RFC 6749 section 4.1.2.1).</summary>
    public const string TemporarilyUnavailable = "temporarily_unavailable";

    /// <summary>Makes the exception.</summary>
    /// <param name="error">The OAuth error code.</param>
    /// <param name="description">One sentence, without any token.</param>
    /// <param name="refusal">The check of ours that failed, if one did.</param>
    /// <param name="cause">What it came from.</param>
    public TokenUnavailableException(string error, string? description = null, Refusal? refusal = null, Exception? cause = null)
        : base(error, description, refusal, cause)
    {
    }

    /// <summary>Whether the same call may well succeed a little later: after <see cref="OAuthException.RetryAfter"/> if the provider named a time.</summary>
    public bool IsTransient { get; init; }

    /// <summary>Whether the person has to sign in again: no further try can succeed without.</summary>
    public bool NeedsSignIn => Error is LoginRequired or "invalid_grant" or "interaction_required" or "consent_required";

    internal static TokenUnavailableException From(Exception cause) => cause switch
    {
        TokenUnavailableException same => same,
        OAuthException refused => new(refused.Error, refused.Description, refused.Refusal, refused)
        {
            Status = refused.Status,
            RequestId = refused.RequestId,
            RetryAfter = refused.RetryAfter,
            ErrorUri = refused.ErrorUri,
            IsTransient = refused.Error == TemporarilyUnavailable || refused.Status is 429 or >= 500,
        },
        ProviderException provider => new(provider.IsTransient ? TemporarilyUnavailable : InvalidResponse, null, provider.Refusal, provider)
        {
            IsTransient = provider.IsTransient,
        },
        _ => new(TemporarilyUnavailable, "The request for a token was broken off after a minute.", null, cause) { IsTransient = true },
    };

    /// <summary>The same for another caller: an exception that many threads throw at once would mix their stack traces.</summary>
    internal TokenUnavailableException Again() =>
        new(Error, Description, Refusal, this) { Status = Status, RequestId = RequestId, RetryAfter = RetryAfter, ErrorUri = ErrorUri, IsTransient = IsTransient };
}
