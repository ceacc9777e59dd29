using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Server;
using Latchkey.Server.Admin;
using Latchkey.Server.Login;
using Latchkey.Storage;
using Latchkey.Testing.Hosting;
using Latchkey.Testing.Misconduct;
using Latchkey.Testing.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Testing;

/// <summary>
/// The real Latchkey server in the test's own process, under a clock that stands still until the test turns it. It knows a client of every kind, two APIs
/// and two people (<see cref="Ready"/>). Starting takes milliseconds after the first in a process; any number may live side by side. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// await using var authority = await TestAuthority.StartAsync();
/// await using var api = new WebApplicationFactory&lt;Program&gt;().UseAuthority(authority);
/// var answer = await api.CreateClient().SendAsync(authority.Token().For("alice").Scope("api:read").Audience(Ready.Api).Get("/things"));
/// </code>
/// </example>
public sealed partial class TestAuthority : IAsyncDisposable, IDisposable
{
    private readonly WebApplication _app;
    private readonly Template _template;
    private readonly string _folder;
    private readonly Database _database;
    private int _disposed;

    private TestAuthority(WebApplication app, Template template, string folder, Database database, ServerOptions options, TimeProvider clock, AuthorityOptions wanted)
    {
        (_app, _template, _folder, _database) = (app, template, folder, database);
        (Options, Time, Listening) = (options, clock, wanted.Listen);
        Signing = new SigningKeyring(app.Services, template.Protection);
        Rogue = new RogueAuthority(this);
        foreach (var user in wanted.WithReadyState ? Ready.Users() : []) _users[user.Username] = user;
    }

    /// <summary>The issuer, as in <c>iss</c> and in the metadata.</summary>
    public string Issuer => Options.Issuer;

    /// <summary>The clock of the server; give it to the client and the API as their <see cref="TimeProvider"/>. It shows whole seconds at first.</summary>
    /// <exception cref="InvalidOperationException">The clock runs by itself (<see cref="AuthorityOptions.RunClock"/>).</exception>
    public FakeTimeProvider Clock => Time as FakeTimeProvider ?? throw new InvalidOperationException("The authority's clock runs by itself; Advance puts it forward.");

    /// <summary>Where it is reached.</summary>
    public Listening Listening { get; }

    /// <summary>The server's settings.</summary>
    public ServerOptions Options { get; }

    /// <summary>The server's services, for what HTTP does not show.</summary>
    public IServiceProvider Services => _app.Services;

    internal TimeProvider Time { get; }

    internal string Folder => _folder;

    internal SigningKeyring Signing { get; }

    /// <summary>The <c>sub</c> of a person of the authority; a name that nobody has is a <c>sub</c> itself.</summary>
    internal string SubjectOf(string user) => Services.GetRequiredService<UserDirectory>().FindByUsernameAsync(user).AsTask().GetAwaiter().GetResult()?.Subject ?? user;

    /// <summary>Starts an authority.</summary>
    /// <param name="configure">Changes what it starts with.</param>
    /// <exception cref="AdministrationException">A client, resource or person that was added breaks a rule; the message says which.</exception>
    public static async Task<TestAuthority> StartAsync(Action<AuthorityOptions>? configure = null)
    {
        var wanted = new AuthorityOptions();
        configure?.Invoke(wanted);
        TimeProvider clock = wanted.RunClock ? new RunningClock() : wanted.Clock ?? new FakeTimeProvider(WholeSeconds(wanted.StartTime ?? TimeProvider.System.GetUtcNow()));
        var port = wanted.Listen == Listening.Loopback ? wanted.Port != 0 ? wanted.Port : FreePort.Next() : 0;
        var options = new ServerOptions { Issuer = IssuerOf(wanted, port) };
        options = wanted.Change?.Invoke(options) ?? options;

        var template = await Template.RentAsync(wanted.WithReadyState).ConfigureAwait(false);
        var folder = TemporaryFolder.Create();
        Database? database = null;
        WebApplication? app = null;
        try
        {
            database = await template.OpenCopyAsync(Path.Combine(folder, "authority.db"), clock.GetUtcNow(), options.KeyRotationInterval).ConfigureAwait(false);
            app = AuthorityHost.Build(options, wanted, port, database, template.Protection, clock);
            var authority = new TestAuthority(app, template, folder, database, options, clock, wanted);
            authority.Intercept(wanted);
            app.MapLatchkeyServer();
            await app.Services.PrepareLatchkeyServerAsync(DeclaredState.Empty).ConfigureAwait(false);
            foreach (var state in States.Of(wanted)) await authority.ApplyAsync(state).ConfigureAwait(false);
            await app.StartAsync().ConfigureAwait(false);
            return authority;
        }
        catch
        {
            await EndAsync(app, database, folder, template).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Starts an authority and waits for it, for constructors and fixtures that can't await.</summary>
    /// <param name="configure">Changes what it starts with.</param>
    /// <exception cref="AdministrationException">A client, resource or person that was added breaks a rule; the message says which.</exception>
    public static TestAuthority Start(Action<AuthorityOptions>? configure = null) =>
        // On the pool, so that a test framework's own synchronization context can't be waited for by what it waits for.
        Task.Run(() => StartAsync(configure)).GetAwaiter().GetResult();

    /// <summary>What every HTTP client that talks to the authority uses: follows no redirects and keeps no cookies.</summary>
    public HttpMessageHandler CreateHandler() => Listening == Listening.InMemory
        ? _app.GetTestServer().CreateHandler()
        : new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };

    /// <summary>An HTTP client whose base address is the issuer; it follows no redirects and keeps no cookies.</summary>
    public HttpClient CreateClient() => new(CreateHandler()) { BaseAddress = new Uri(Issuer.TrimEnd('/') + "/") };

    /// <summary>Turns the clock on.</summary>
    /// <param name="time">By how much.</param>
    public void Advance(TimeSpan time)
    {
        if (Time is RunningClock running) running.Advance(time);
        else Clock.Advance(time);
    }

    /// <summary>Begins an access token, signed with the authority's own key: good as it is, and bad in one way with one word.</summary>
    public TokenBuilder Token() => new(this);

    /// <summary>Begins a DPoP proof (RFC 9449): good as it is, and bad in one way with one word.</summary>
    /// <param name="key">The key; <see cref="DPoPKey.Generate"/> makes one.</param>
    /// <param name="method">The request's method.</param>
    /// <param name="url">The request's URL without query and fragment.</param>
    public ProofBuilder Proof(DPoPKey key, string method, string url)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new(this, key, method, url);
    }

    /// <summary>Adds a client while the authority runs, or changes one of the same id.</summary>
    /// <param name="client">Its metadata, under the names of RFC 7591 section 2.</param>
    /// <param name="secret">Its secret, 16 characters or more; null for a public client or one with keys.</param>
    /// <exception cref="AdministrationException">The client breaks a rule; the message says which.</exception>
    public Task AddClientAsync(ClientMetadata client, string? secret = null) => ApplyAsync(States.Of([(client, secret)], [], []));

    /// <summary>Adds a resource while the authority runs, or changes one of the same identifier.</summary>
    /// <param name="resource">Its metadata.</param>
    /// <exception cref="AdministrationException">The resource breaks a rule; the message says which.</exception>
    public Task AddResourceAsync(ResourceMetadata resource) => ApplyAsync(States.Of([], [resource], []));

    /// <summary>Adds a resource with its scopes while the authority runs.</summary>
    /// <param name="resource">Its identifier, which becomes <c>aud</c>.</param>
    /// <param name="scopes">The scopes that belong to it alone.</param>
    /// <exception cref="AdministrationException">The resource breaks a rule; the message says which.</exception>
    public Task AddResourceAsync(string resource, params IEnumerable<string> scopes) => AddResourceAsync(Ready.Resource(resource, scopes));

    /// <summary>Adds a person while the authority runs.</summary>
    /// <param name="user">The person.</param>
    /// <exception cref="AdministrationException">The person breaks a rule; the message says which.</exception>
    public Task AddUserAsync(ReadyUser user) => ApplyAsync(States.Of([], [], [user]));

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1) return;
        Signing.Dispose();
        await EndAsync(_app, _database, _folder, _template).ConfigureAwait(false);
    }

    /// <inheritdoc />
    public void Dispose() => Task.Run(async () => await DisposeAsync().ConfigureAwait(false)).GetAwaiter().GetResult();

    private static async Task EndAsync(WebApplication? app, Database? database, string folder, Template template)
    {
        if (app is not null)
        {
            await app.StopAsync().ConfigureAwait(false);
            await app.DisposeAsync().ConfigureAwait(false);
        }

        if (database is not null) await database.DisposeAsync().ConfigureAwait(false);
        Directory.Delete(folder, recursive: true);
        template.Return();
    }

    private static string IssuerOf(AuthorityOptions wanted, int port) => wanted.Listen == Listening.Loopback
        ? $"http://127.0.0.1:{port}{(wanted.Issuer is { } issuer ? new Uri(new Uri("http://127.0.0.1"), issuer).AbsolutePath.TrimEnd('/') : "")}"
        : wanted.Issuer ?? "https://authority.test";

    private static DateTimeOffset WholeSeconds(DateTimeOffset time) => DateTimeOffset.FromUnixTimeSeconds(time.ToUnixTimeSeconds());

    private async Task ApplyAsync(DeclaredState state)
    {
        await Services.ApplyDeclaredStateAsync(state, "test").ConfigureAwait(false);
        foreach (var user in state.Users.Where(user => user.Password is not null))
            _users[user.Username] = new ReadyUser(user.Username, user.Password!) { Subject = user.Subject ?? SubjectOf(user.Username), Claims = user.Claims };
    }
}
