using Latchkey.Protocol.Messages;
using Latchkey.Server;
using Microsoft.Extensions.Logging;

namespace Latchkey.Testing;

/// <summary>Where an authority can be reached.</summary>
public enum Listening
{
    /// <summary>In memory, through <see cref="TestAuthority.CreateHandler"/>: no socket, any issuer.</summary>
    InMemory,

    /// <summary>On a free port of 127.0.0.1, for programs outside the test's process; the issuer is <c>http://127.0.0.1:PORT</c>.</summary>
    Loopback,
}

/// <summary>What a <see cref="TestAuthority"/> is started with. The defaults make a server with ready clients, resources and people (<see cref="Ready"/>).</summary>
public sealed class AuthorityOptions
{
    internal List<(ClientMetadata Metadata, string? Secret)> Clients { get; } = [];

    internal List<ResourceMetadata> Resources { get; } = [];

    internal List<ReadyUser> Users { get; } = [];

    internal List<string> Declared { get; } = [];

    internal Func<ServerOptions, ServerOptions>? Change { get; private set; }

    /// <summary>Where it is reached; in memory unless set.</summary>
    public Listening Listen { get; set; }

    /// <summary>
    /// The issuer; <c>https://authority.test</c> in memory, <c>http://127.0.0.1:PORT</c> on loopback. Give two authorities of one test different ones.
    /// On loopback only the path counts, such as <c>/tenant</c>.
    /// </summary>
    public string? Issuer { get; set; }

    /// <summary>The port of 127.0.0.1; a free one unless set.</summary>
    public int Port { get; set; }

    /// <summary>What the clock shows at first; the real time, cut to whole seconds, unless set.</summary>
    public DateTimeOffset? StartTime { get; set; }

    /// <summary>
    /// The clock, if it is not to be the authority's own: one <see cref="Microsoft.Extensions.Time.Testing.FakeTimeProvider"/> for several authorities.
    /// </summary>
    public Microsoft.Extensions.Time.Testing.FakeTimeProvider? Clock { get; set; }

    /// <summary>
    /// Whether the clock runs, as other programs' clocks do; false, so that it stands until the test turns it, unless set. <see cref="TestAuthority.Advance"/>
    /// puts a running one forward.
    /// </summary>
    public bool RunClock { get; set; }

    /// <summary>
    /// Who signs in and allows everything at once, so that no page is ever shown; nobody unless set. A request's <c>login_hint</c> names another.
    /// </summary>
    public string? ApproveAs { get; set; }

    /// <summary>Whether the control endpoints below <c>/_mock</c> are there, for programs in other languages; false unless set.</summary>
    public bool WithControl { get; set; }

    /// <summary>Whether the ready clients, resources and people (<see cref="Ready"/>) are there; true unless set.</summary>
    public bool WithReadyState { get; set; } = true;

    /// <summary>Takes the server's log; nothing is logged unless set.</summary>
    public ILoggerProvider? Log { get; set; }

    /// <summary>Adds a client.</summary>
    /// <param name="client">Its metadata, under the names of RFC 7591 section 2.</param>
    /// <param name="secret">Its secret, 16 characters or more; null for a public client or one with keys.</param>
    public AuthorityOptions AddClient(ClientMetadata client, string? secret = null)
    {
        Clients.Add((client, secret));
        return this;
    }

    /// <summary>Adds a resource with its scopes.</summary>
    /// <param name="resource">Its identifier, which becomes <c>aud</c>.</param>
    /// <param name="scopes">The scopes that belong to it alone.</param>
    public AuthorityOptions AddResource(string resource, params IEnumerable<string> scopes) => AddResource(Ready.Resource(resource, scopes));

    /// <summary>Adds a resource.</summary>
    /// <param name="resource">Its metadata.</param>
    public AuthorityOptions AddResource(ResourceMetadata resource)
    {
        Resources.Add(resource);
        return this;
    }

    /// <summary>Adds a person who can sign in.</summary>
    /// <param name="user">The person.</param>
    public AuthorityOptions AddUser(ReadyUser user)
    {
        Users.Add(user);
        return this;
    }

    /// <summary>Adds what a declared state says, as <c>latchkey serve --config</c> reads it; its <c>settings</c> are not read.</summary>
    /// <param name="json">JSON with <c>clients</c>, <c>resources</c> and <c>users</c>.</param>
    public AuthorityOptions AddDeclared(string json)
    {
        Declared.Add(json);
        return this;
    }

    /// <summary>Changes the server's settings, such as lifetimes.</summary>
    /// <param name="change">Makes the new settings from the present ones.</param>
    public AuthorityOptions Configure(Func<ServerOptions, ServerOptions> change)
    {
        var earlier = Change;
        Change = earlier is null ? change : options => change(earlier(options));
        return this;
    }
}
