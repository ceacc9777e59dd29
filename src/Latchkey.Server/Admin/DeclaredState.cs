using Latchkey.Protocol.Messages;

namespace Latchkey.Server.Admin;

/// <summary>
/// What an operator wrote down: settings, clients, resources and users. It is applied idempotently: what it names is created or updated, everything
/// else is left alone.
/// </summary>
public sealed record DeclaredState
{
    /// <summary>Nothing declared.</summary>
    public static DeclaredState Empty { get; } = new();

    /// <summary>Settings by key; a list is joined by commas.</summary>
    public IReadOnlyDictionary<string, DeclaredSetting> Settings { get; init; } = new Dictionary<string, DeclaredSetting>();

    /// <summary>Clients, in the order in which they are written.</summary>
    public IReadOnlyList<DeclaredClient> Clients { get; init; } = [];

    /// <summary>Resources, in the order in which they are written.</summary>
    public IReadOnlyList<DeclaredResource> Resources { get; init; } = [];

    /// <summary>Trusted issuers, in the order in which they are written.</summary>
    public IReadOnlyList<DeclaredIssuer> TrustedIssuers { get; init; } = [];

    /// <summary>Users, in the order in which they are written.</summary>
    public IReadOnlyList<DeclaredUser> Users { get; init; } = [];

    /// <summary>Refuses what contradicts itself; what can only be judged beside what is there already is judged when it is applied.</summary>
    /// <exception cref="AdministrationException">Something is declared twice or breaks a rule.</exception>
    public void Check() => Rules.Check(this);

    /// <summary>Why a client can't be so, as a sentence, its profile apart; null if it can.</summary>
    /// <param name="client">What is declared of it.</param>
    public static string? FaultOf(Protocol.Messages.ClientMetadata client) => ClientRules.FaultApart(client, null);
}

/// <summary>A setting of a declared state.</summary>
/// <param name="Value">Its value as text.</param>
/// <param name="Place">Where it stands, for messages: the file and the JSON path.</param>
public sealed record DeclaredSetting(string Value, string Place);

/// <summary>A declared client.</summary>
/// <param name="Metadata">What is declared of it.</param>
/// <param name="Secret">The declared secret, if there is one.</param>
/// <param name="Place">Where it stands, for messages.</param>
public sealed record DeclaredClient(ClientMetadata Metadata, string? Secret, string Place)
{
    /// <summary>The members that were written down: what a profile would have to overrule is refused.</summary>
    public IReadOnlySet<string> Written { get; init; } = new HashSet<string>();

    /// <summary>Names the client, never shows the secret.</summary>
    public override string ToString() => $"declared client {Metadata.ClientId}";
}

/// <summary>A declared resource.</summary>
/// <param name="Metadata">What is declared of it.</param>
/// <param name="Place">Where it stands, for messages.</param>
public sealed record DeclaredResource(ResourceMetadata Metadata, string Place);

/// <summary>A declared trusted issuer.</summary>
/// <param name="Metadata">What is declared of it.</param>
/// <param name="Place">Where it stands, for messages.</param>
public sealed record DeclaredIssuer(TrustedIssuer Metadata, string Place);

/// <summary>A declared user.</summary>
/// <param name="Username">The name the person signs in with.</param>
/// <param name="Subject">The declared <c>sub</c>, if there is one.</param>
/// <param name="Password">The declared password, if there is one.</param>
/// <param name="Claims">OIDC standard claims (OpenID Connect Core section 5.1).</param>
/// <param name="Place">Where it stands, for messages.</param>
public sealed record DeclaredUser(
    string Username, string? Subject, string? Password, IReadOnlyDictionary<string, System.Text.Json.JsonElement> Claims, string Place)
{
    /// <summary>Names the user, never shows the password.</summary>
    public override string ToString() => $"declared user {Username}";
}
