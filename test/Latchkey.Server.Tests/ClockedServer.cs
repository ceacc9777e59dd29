using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.Keys;
using Latchkey.Server.Token;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Latchkey.Server.Tests;

/// <summary>
/// The server that the tests of one class share, under a clock that they turn, and with a view of its database: what was written, and what was not.
/// </summary>
public class ClockedServer : IAsyncLifetime
{
    private InProcessServer? _server;
    private PageWalker? _alice;

    public InProcessServer Server => _server ?? throw new InvalidOperationException("The server has not been started.");

    public string Issuer => Server.Issuer;

    public FakeTimeProvider Clock => Server.Clock;

    public Database Database => Server.Services.GetRequiredService<Database>();

    /// <summary>Alice's browser, in which she stays signed in.</summary>
    public PageWalker Alice => _alice ??= Server.Browser();

    /// <summary>Unix milliseconds on the server's clock.</summary>
    public long Now => Clock.GetUtcNow().ToUnixTimeMilliseconds();

    internal ServerConfiguration Configuration => Server.Services.GetRequiredService<ConfigurationSource>().Current;

    public OAuthClient Client(TestClient client) => Server.Client(client);

    /// <summary>Lets time pass.</summary>
    public void Wait(double seconds) => Clock.Advance(TimeSpan.FromSeconds(seconds));

    /// <summary>Alice allows; the code is not redeemed yet.</summary>
    public async Task<(AuthorizationRequest Request, string Code)> CodeAsync(
        OAuthClient client, string scope = "openid", params IEnumerable<(string Name, string? Value)> changes)
    {
        var request = client.Request(scope, changes);
        var stop = await Alice.AuthorizeAsync(request.Url);
        return (request, stop.Answer.Code ?? throw new InvalidOperationException($"There is no code at {stop}"));
    }

    /// <summary>The whole way of alice, with her browser.</summary>
    public Task<Tokens> SignInAsync(OAuthClient client, string scope = "openid offline_access", params IEnumerable<(string Name, string? Value)> changes) =>
        client.SignInAsync(Alice, scope, changes);

    /// <summary>The grant of a refresh token, as its row is now.</summary>
    public async Task<Grant> GrantAsync(string refreshToken)
    {
        var id = RefreshToken.Read(Configuration.Keys, refreshToken)!.Value.GrantId;
        return (await Database.ReadAsync(sql => Grants.FindAsync(sql, id)))!;
    }

    /// <summary>The audit's events of a name, oldest first.</summary>
    public async Task<List<AuditEvent>> AuditAsync(string name) => await Database.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(Event: name), 1000));

    /// <summary>A statement that a test needs and the server has not.</summary>
    public async Task<int> ExecuteAsync(string statement, params SqlValue[] values) => await Database.WriteAsync(sql => sql.ExecuteAsync(statement, values));

    /// <summary>A fingerprint of every row but the audit's: unchanged where nothing was written.</summary>
    public async Task<string> FingerprintAsync()
    {
        await SettleAsync();
        return await Database.ReadAsync(FingerprintAsync);
    }

    /// <summary>How many rows each table has, but the audit.</summary>
    public async Task<string> CountsAsync()
    {
        await SettleAsync();
        return await Database.ReadAsync(async sql =>
        {
            var counts = new List<string>();
            foreach (var table in await TablesAsync(sql)) counts.Add($"{table} {await sql.FindAsync($"SELECT count(*) FROM {table}", row => row.Long(0))}");
            return string.Join(", ", counts);
        });
    }

    /// <summary>What the server does by itself when time has passed is done now, so that it does not come between two looks at the rows.</summary>
    private async Task SettleAsync()
    {
        await Server.Services.GetRequiredService<KeyKeeper>().TendAsync();
        await Server.Services.GetRequiredService<Janitor>().SweepAsync();
    }

    public async ValueTask InitializeAsync() => _server = await InProcessServer.StartAsync(State(), Options);

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _alice?.Dispose();
        if (_server is not null) await _server.DisposeAsync();
    }

    /// <summary>The declared state.</summary>
    protected virtual JsonObject State() => DeclaredStates.Standard();

    /// <summary>The server's options.</summary>
    protected virtual ServerOptions Options(ServerOptions options) => options;

    private static async ValueTask<string> FingerprintAsync(SqlSession sql)
    {
        var rows = new StringBuilder();
        foreach (var table in await TablesAsync(sql))
        {
            var columns = await sql.ListAsync("SELECT name FROM pragma_table_info($1)", row => row.Text(0), table);
            var line = string.Join(" || '|' || ", columns.Select(column => $"quote({column})"));
            rows.AppendLine(table).AppendJoin('\n', await sql.ListAsync($"SELECT {line} FROM {table} ORDER BY 1", row => row.Text(0)));
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(rows.ToString())));
    }

    private static ValueTask<List<string>> TablesAsync(SqlSession sql) =>
        sql.ListAsync("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'audit' ORDER BY name", row => row.Text(0));
}

/// <summary>A server whose grants and sessions end within hours, so that a test's clock need not turn for days.</summary>
public sealed class ShortLivedServer : ClockedServer
{
    public const int IdleSeconds = 3600;
    public const int AbsoluteSeconds = 3 * 3600;
    public const int SessionSeconds = 2 * 3600;

    protected override ServerOptions Options(ServerOptions options) => options with
    {
        RefreshTokenIdleLifetime = TimeSpan.FromSeconds(IdleSeconds),
        RefreshTokenAbsoluteLifetime = TimeSpan.FromSeconds(AbsoluteSeconds),
        SessionLifetime = TimeSpan.FromSeconds(SessionSeconds),
    };
}
