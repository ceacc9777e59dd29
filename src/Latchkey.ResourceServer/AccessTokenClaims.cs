using Latchkey.Verification.Jose;

namespace Latchkey.ResourceServer;

/// <summary>What a verified access token says (RFC 9068 section 2.2), or what its issuer said of it (RFC 7662 section 2.2).</summary>
public sealed class AccessTokenClaims
{
    private IReadOnlyList<string>? _scopes;

    internal AccessTokenClaims(string issuer, JsonMembers members)
    {
        Issuer = issuer;
        Members = members;
    }

    /// <summary>Who issued it. A <c>sub</c> means nothing without it.</summary>
    public string Issuer { get; }

    /// <summary>Every claim, as the issuer wrote it.</summary>
    public JsonMembers Members { get; }

    /// <summary>Who it speaks for: a person, or the client itself. Null if the required claims were loosened and it has none.</summary>
    public string? Subject => Members.Text("sub");

    /// <summary>The client that it was given to. Null if the required claims were loosened and it has none.</summary>
    public string? ClientId => Members.Text("client_id");

    /// <summary>Its scopes: of <c>scope</c>, a string or a list, and of <c>scp</c>, as some providers call it.</summary>
    public IReadOnlyList<string> Scopes => _scopes ??= ReadScopes();

    /// <summary>Issuer, subject and client.</summary>
    public override string ToString() => $"access token of {Issuer} for {Subject} at {ClientId}";

    private List<string> ReadScopes()
    {
        var scopes = new List<string>(4);
        foreach (var name in (ReadOnlySpan<string>)["scope", "scp"])
        {
            foreach (var text in Members.Texts(name) ?? [])
            {
                foreach (var scope in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                {
                    if (!scopes.Contains(scope)) scopes.Add(scope);
                }
            }
        }

        return scopes;
    }
}
