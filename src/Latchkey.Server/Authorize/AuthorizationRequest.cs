using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Server.AuthorizationDetails;
using Latchkey.Server.Configuration;
using Latchkey.Server.UserInfo;

namespace Latchkey.Server.Authorize;

/// <summary>A request at <c>/authorize</c> that is right in everything; what is left to settle is the person's.</summary>
internal sealed record AuthorizationRequest
{
    public required Client Client { get; init; }

    /// <summary>Where the answer goes.</summary>
    public required ReturnAddress Return { get; init; }

    /// <summary>The request as it came, to wait with.</summary>
    public required ReceivedRequest Received { get; init; }

    /// <summary>The redirect URI as it was sent; null if the request had none.</summary>
    public required string? RedirectUri { get; init; }

    /// <summary>The S256 challenge; null only where the client need not send one.</summary>
    public required string? CodeChallenge { get; init; }

    /// <summary>The thumbprint of the key that the code is to be bound to, <c>dpop_jkt</c> (RFC 9449 section 10); null if it is to none.</summary>
    public string? DPoPKeyThumbprint { get; init; }

    /// <summary>What is asked for and can be had.</summary>
    public required ScopeSet Scope { get; init; }

    /// <summary>The resources the tokens are for.</summary>
    public required IReadOnlyList<ResourceMetadata> Resources { get; init; }

    /// <summary>What is asked for in detail (RFC 9396).</summary>
    public required RequestedDetails Details { get; init; }

    public required Prompt Prompt { get; init; }

    /// <summary>How many seconds ago the person may have signed in at most; null if it does not matter.</summary>
    public required long? MaxAge { get; init; }

    /// <summary>The authentication contexts that the client would like, best first (OpenID Connect Core section 3.1.2.1, RFC 9470 section 4).</summary>
    public required IReadOnlyList<string> AcrValues { get; init; }

    /// <summary>What the client thinks the person signs in with.</summary>
    public required string? LoginHint { get; init; }

    /// <summary>Whom the <c>id_token_hint</c> is about; null if there is none.</summary>
    public required HintedIdentity? Hint { get; init; }

    /// <summary>The client that the hint was issued to; null if it is gone.</summary>
    public required Client? HintClient { get; init; }

    /// <summary>What it was judged by.</summary>
    public required ServerConfiguration Configuration { get; init; }

    public required ClaimsRequest Claims { get; init; }

    public required string? Nonce { get; init; }

    /// <summary>Whether somebody else than this person was asked for, by hint or by claim.</summary>
    public bool IsForSomebodyElse(string subject) =>
        (Hint is not null && !Hint.IsAbout(subject, HintClient, Configuration.Keys))
        || (Claims.Subjects is { } subjects && !subjects.Contains(SubjectIdentifiers.Of(subject, Client, Configuration.Keys)));

    public override string ToString() => $"authorization request of {Client}";
}

/// <summary>The values of <c>prompt</c> (OpenID Connect Core section 3.1.2.1).</summary>
[Flags]
internal enum Prompt
{
    /// <summary>Nothing asked for.</summary>
    Unspecified = 0,

    /// <summary>No page at all.</summary>
    None = 1,

    /// <summary>Sign in, even if signed in.</summary>
    Login = 2,

    /// <summary>Agree, even if agreed before.</summary>
    Consent = 4,

    /// <summary>Choose the account.</summary>
    SelectAccount = 8,
}

/// <summary>The spelling of <see cref="Prompt"/>.</summary>
internal static class Prompts
{
    /// <summary>All there are, by the name that is sent.</summary>
    public static IReadOnlyDictionary<string, Prompt> Supported { get; } = new Dictionary<string, Prompt>(StringComparer.Ordinal)
    {
        ["none"] = Prompt.None,
        ["login"] = Prompt.Login,
        ["consent"] = Prompt.Consent,
        ["select_account"] = Prompt.SelectAccount,
    };
}

/// <summary>
/// What judging a request came to. Errors before the client and its redirect URI are proven are a page; those after go back to the client: two
/// types, of which only the second has an address.
/// </summary>
internal abstract record AuthorizationRequestOutcome
{
    private AuthorizationRequestOutcome()
    {
    }

    /// <summary>The request is right.</summary>
    internal sealed record Right(AuthorizationRequest Request) : AuthorizationRequestOutcome;

    /// <summary>Who asks or where the answer would go is not proven.</summary>
    internal sealed record Unproven(OAuthError Error, Client? Client) : AuthorizationRequestOutcome;

    /// <summary>The client is told.</summary>
    internal sealed record Refused(ReturnAddress Return, Client Client, OAuthError Error) : AuthorizationRequestOutcome;
}
