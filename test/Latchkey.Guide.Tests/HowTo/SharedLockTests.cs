using Latchkey.Client;
using Latchkey.Client.Native;
using Latchkey.Client.Tokens;
using Latchkey.Testing;
using Latchkey.Testing.Browsing;
using Medallion.Threading.Postgres;

namespace Latchkey.Guide.Tests.HowTo;

/// <summary>The lock of docs/how-to/call-an-api.md, on PostgreSQL: of several nodes one renews, and all have what it got.</summary>
public sealed class SharedLockTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    [Fact, Check("C19")]
    public async Task Of_several_nodes_one_renews_a_persons_token()
    {
        var database = await postgres.CreateDatabaseAsync();
        var connection = postgres.ConnectionString(database[(database.LastIndexOf('/') + 1)..]);
        await using var authority = await TestAuthority.StartAsync();
        var store = new MemoryTokenStore();
        var clients = Enumerable.Range(0, 3).Select(_ => new LatchkeyClient(
            new() { Issuer = authority.Issuer, ClientId = Ready.Native.ClientId, Scope = "openid offline_access api:read" }, new HttpClient(authority.CreateHandler()), authority.Clock)).ToList();
        // Each node has its own connections, and knows of the others by the store and the lock alone.
        var nodes = clients.ConvertAll(client => new UserTokens(client, store, new SharedLock(new PostgresDistributedSynchronizationProvider(connection)), authority.Clock));
        await nodes[0].SaveAsync("session", await SignInAsync(authority, clients[0]));
        for (var round = 1; round <= 3; round++)
        {
            authority.Advance(TimeSpan.FromHours(1));
            var tokens = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => Task.Run(async () => await nodes[i % 3].For("session").GetAsync())));
            Assert.Single(tokens.Select(token => token.Value).Distinct());
            Assert.Equal(round, authority.Requests.Grants("refresh_token").Count);
        }

        clients.ForEach(client => client.Dispose());
    }

    private static Task<TokenSet> SignInAsync(TestAuthority authority, LatchkeyClient client) => LatchkeyNative.SignInAsync(client, new()
    {
        OpenBrowser = (url, cancellation) =>
        {
            var listener = Site.At(new Uri(authority.Requests.PushedAuthorization[^1]["redirect_uri"]!).GetLeftPart(UriPartial.Authority));
            _ = Task.Run(() => authority.Browser().Knows(listener).OpenAsync(url.AbsoluteUri), cancellation);
            return Task.CompletedTask;
        },
    });
}
