using System.Text.Json.Serialization;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol.Messages;

/// <summary>What a client may exchange tokens for (RFC 8693); what is not said is not allowed.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TokenExchangePolicy
{
    /// <summary>The kinds of subject tokens it may bring, by their identifiers (RFC 8693 section 3); access tokens unless set.</summary>
    public IReadOnlyList<string> SubjectTokenTypes { get; set; } = [TokenTypeIdentifiers.AccessToken];

    /// <summary>The APIs that it may get tokens for.</summary>
    public IReadOnlyList<TokenExchangeTarget> Targets { get; set; } = [];

    /// <summary>
    /// Whether its tokens may leave out who acts: impersonation (RFC 8693 section 1.1). Otherwise <c>act</c> names the actor of the request, or the
    /// client itself.
    /// </summary>
    public bool Impersonation { get; set; }
}

/// <summary>An API that a client may exchange tokens for, and what it may get there.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
public sealed record TokenExchangeTarget
{
    /// <summary>The API's identifier (RFC 8707).</summary>
    public string Resource { get; set; } = "";

    /// <summary>The scopes that it may get, separated by spaces: the API's, and identity scopes. All of the API's if absent.</summary>
    public string? Scope { get; set; }

    /// <summary>
    /// What the subject token must have, separated by spaces, for the scopes of this target to be given for it. If absent, a scope is given only to a
    /// subject token that has it itself.
    /// </summary>
    public string? SubjectScope { get; set; }
}
