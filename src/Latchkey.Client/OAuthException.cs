using Latchkey.Protocol;

namespace Latchkey.Client;

/// <summary>
/// Something that was asked of the provider did not succeed: either the provider said so with an OAuth error, or its answer failed a check
/// of ours and <see cref="Refusal"/> says which. Never holds a token, code or secret, so it may be logged.
/// What is wrong with the connection or the form of an answer (unreachable, HTML, too big) is a
/// <see cref="Verification.Providers.ProviderException"/> instead.
/// </summary>
public class OAuthException : Exception
{
    /// <summary>The <see cref="Error"/> of what the provider did not refuse but we did: its answer failed a check.</summary>
    public const string InvalidResponse = "invalid_response";

    /// <summary>What the provider refused.</summary>
    /// <param name="error">The error code it sent, such as <c>invalid_grant</c>.</param>
    /// <param name="description">The sentence it sent; control characters and what was secret in the request have been taken out.</param>
    /// <param name="refusal">The check of ours that failed; null when the provider refused.</param>
    public OAuthException(string error, string? description = null, Refusal? refusal = null)
        : base(Describe(error, description, refusal))
    {
        Error = error;
        Description = description;
        Refusal = refusal;
    }

    /// <summary>What was refused, because of something else.</summary>
    /// <param name="error">The error code.</param>
    /// <param name="description">One sentence.</param>
    /// <param name="refusal">The check of ours that failed, if one did.</param>
    /// <param name="cause">What it came from.</param>
    public OAuthException(string error, string? description, Refusal? refusal, Exception? cause)
        : base(Describe(error, description, refusal), cause)
    {
        Error = error;
        Description = description;
        Refusal = refusal;
    }

    /// <summary>What failed a check of ours.</summary>
    /// <param name="refusal">Which check, by which section, and what to do.</param>
    public OAuthException(Refusal refusal)
        : this(InvalidResponse, null, refusal)
    {
    }

    /// <summary>The code by the registry "OAuth Extensions Error", such as <c>invalid_grant</c>; <see cref="InvalidResponse"/> for a check of ours.</summary>
    public string Error { get; }

    /// <summary>The provider's <c>error_description</c>: text of a stranger, for developers, cut to 500 characters; null if it sent none.</summary>
    public string? Description { get; }

    /// <summary>The provider's <c>error_uri</c> if it is an http or https address; null otherwise.</summary>
    public Uri? ErrorUri { get; init; }

    /// <summary>The check of ours that failed; null when the provider refused.</summary>
    public Refusal? Refusal { get; }

    /// <summary>The HTTP status the provider answered with; null where the error did not come in an HTTP answer.</summary>
    public int? Status { get; init; }

    /// <summary>How the provider names the request in its log (<c>X-Request-Id</c> or <c>Request-Id</c>); null if it does not say.</summary>
    public string? RequestId { get; init; }

    /// <summary>What was refused and why, on one line; with the provider's name of the request, if there is one.</summary>
    public override string Message => RequestId is null ? base.Message : $"{base.Message} (request {RequestId})";

    /// <summary>How long the provider asks to wait before the next try (<c>Retry-After</c>); null if it does not say.</summary>
    public TimeSpan? RetryAfter { get; init; }

    private static string Describe(string error, string? description, Refusal? refusal) =>
        refusal is not null ? refusal.ToString() : description is null ? error : $"{error}: {description}";
}
