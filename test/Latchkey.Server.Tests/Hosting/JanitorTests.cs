using System.Net;
using Latchkey.Server.Hosting;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>What is long over goes, what is alive or was alive just now stays.</summary>
public sealed class JanitorTests
{
    private const long Day = 24 * 3600 * 1000L;

    [Fact]
    public async Task Grants_go_a_month_after_they_were_revoked_left_idle_or_ended()
    {
        await using var server = await InProcessServer.StartAsync();
        var (database, janitor) = (server.Services.GetRequiredService<Database>(), server.Services.GetRequiredService<Janitor>());
        using var alice = server.Browser();
        using var web = server.Client(DeclaredStates.Web);
        var now = server.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        var tokens = new List<Tokens>();
        async Task ChangeAsync(string change, params SqlValue[] values)
        {
            tokens.Add(await web.SignInAsync(alice, "openid offline_access"));
            await database.WriteAsync(sql => sql.ExecuteAsync($"UPDATE grants SET {change} WHERE created_at = (SELECT MAX(created_at) FROM grants)", values));
            server.Clock.Advance(TimeSpan.FromSeconds(1));
        }

        await ChangeAsync("client_id = 'revoked long ago', revoked_at = $1, revoked_reason = 'user'", now - 31 * Day);
        await ChangeAsync("client_id = 'revoked last week', revoked_at = $1, revoked_reason = 'user'", now - 7 * Day);
        await ChangeAsync("client_id = 'idle long ago', rotated_at = $1", now - 61 * Day);
        await ChangeAsync("client_id = 'idle last week', rotated_at = $1", now - 37 * Day);
        await ChangeAsync("client_id = 'ended long ago', expires_at = $1", now - 31 * Day);
        await ChangeAsync("auth_time = auth_time");

        Assert.Equal(3, await janitor.SweepAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["idle last week", "revoked last week", "web"], await ClientsAsync());
        (await web.RefreshAsync(tokens[^1].RefreshToken!)).Expect(HttpStatusCode.OK);
        (await web.RefreshAsync(tokens[0].RefreshToken!)).ExpectError("invalid_grant");

        // The walk begins anew after the last grant.
        await database.WriteAsync(sql => sql.ExecuteAsync("UPDATE grants SET revoked_at = $1 WHERE client_id = 'revoked last week'", now - 31 * Day));
        Assert.Equal(1, await janitor.SweepAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["idle last week", "web"], await ClientsAsync());

        async Task<List<string>> ClientsAsync() => await database.ReadAsync(sql => sql.ListAsync("SELECT client_id FROM grants ORDER BY client_id", row => row.Text(0)));
    }

    [Fact]
    public async Task The_walk_through_many_grants_goes_on_where_it_stopped()
    {
        await using var server = await InProcessServer.StartAsync();
        var (database, janitor) = (server.Services.GetRequiredService<Database>(), server.Services.GetRequiredService<Janitor>());
        var now = server.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        const int Count = 7000;
        await database.WriteAsync(async sql =>
        {
            for (var number = 0; number < Count; number++)
            {
                var subject = $"person {number}";
                await Grants.InsertAsync(sql, new Grant
                {
                    Id = RowId.New(subject, now),
                    ClientId = "web",
                    Subject = subject,
                    Terms = new GrantTerms("openid", [], "1", ["pwd"]),
                    Generation = 1,
                    RotatedAt = now - 100 * Day,
                    IdleSeconds = 30 * 24 * 3600,
                    AuthTime = now / 1000,
                    CreatedAt = now - 100 * Day,
                    ExpiresAt = now + 100 * Day,
                });
            }

            return true;
        });
        Assert.Equal(5000, await janitor.SweepAsync(TestContext.Current.CancellationToken));
        Assert.Equal(2000, await janitor.SweepAsync(TestContext.Current.CancellationToken));
        Assert.Equal(0, await janitor.SweepAsync(TestContext.Current.CancellationToken));
    }
}
