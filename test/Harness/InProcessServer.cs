using System.Text.Json.Nodes;
using Latchkey.Cli;
using Latchkey.Server;
using Latchkey.Server.Admin;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Tests.Harness;

/// <summary>
/// The server as <c>latchkey serve</c> builds it, in the test's own process on 127.0.0.1, under a clock that stands still until the test moves it:
/// for whatever expires. Everything else is better shown on the real process.
/// </summary>
public sealed class InProcessServer : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;
    private readonly WebApplication _app;

    private InProcessServer(TemporaryFolder folder, WebApplication app, string issuer, FakeTimeProvider clock)
    {
        _folder = folder;
        _app = app;
        Issuer = issuer;
        Clock = clock;
    }

    public string Issuer { get; }

    /// <summary>The server's clock; it starts at the real time.</summary>
    public FakeTimeProvider Clock { get; }

    /// <summary>The server's services, for what HTTP does not show.</summary>
    public IServiceProvider Services => _app.Services;

    public string DataFolder => _folder.Path;

    /// <summary>Starts a server.</summary>
    /// <param name="state">The declared state; the standard one if left out. Its settings are not read: use <paramref name="change"/>.</param>
    /// <param name="change">Changes the server's options.</param>
    /// <param name="pathBase">The issuer's path, such as <c>/tenant</c>.</param>
    /// <param name="configure">Last changes of the host.</param>
    /// <param name="database">The address of a database on PostgreSQL; its own file if null.</param>
    public static async Task<InProcessServer> StartAsync(
        JsonObject? state = null, Func<ServerOptions, ServerOptions>? change = null, string pathBase = "", Action<WebApplicationBuilder>? configure = null,
        string? database = null)
    {
        var folder = new TemporaryFolder();
        var port = LoopbackPorts.Next();
        var options = new ServerOptions { Issuer = $"http://127.0.0.1:{port}{pathBase}" };
        // Whole seconds, so that what the tokens say can be compared with the clock.
        var clock = new FakeTimeProvider(DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));
        var app = ServerHost.Build(
            new ServeSettings
            {
                Options = change?.Invoke(options) ?? options,
                Data = folder.Path,
                Database = DatabaseAddress.Read(database is null ? null : new SettingValue(database, "--database"), folder.Path),
                Addresses = [new ListenAddress("http", "127.0.0.1", port)],
                LogLevel = LogLevel.Error,
                State = DeclaredStateReader.Read((state ?? DeclaredStates.Standard()).ToJsonString(), "test", Setting.Keys, Environment.GetEnvironmentVariable),
            },
            clock, configure);
        await app.StartAsync();
        return new InProcessServer(folder, app, options.Issuer, clock);
    }

    /// <summary>A client's program whose assertions tell the server's time.</summary>
    public OAuthClient Client(TestClient client) => new(Issuer, client) { Clock = Clock };

    /// <summary>A browser with no cookies.</summary>
    public PageWalker Browser(Person? person = null) => new(Issuer, person);

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder.Dispose();
    }
}
