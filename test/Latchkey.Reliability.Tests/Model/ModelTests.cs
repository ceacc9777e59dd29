using System.Buffers.Binary;
using System.Buffers.Text;
using System.Net;
using Latchkey.Server.Configuration;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Reliability.Tests.Model;

/// <summary>
/// Random operations on grants, several at once, compared with a model: every batch of answers must be what some order of the operations gives. A
/// failure prints its seed, which repeats the choice of the operations.
/// </summary>
public sealed class ModelTests(PostgresServer postgres, ITestOutputHelper output)
{
    private const int Grants = 6;

    [Fact, Spec("OAuth 2.1", "4.3.1"), Spec("RFC 9700", "4.14.2"), Spec("RFC 7009", "2.1")]
    public async Task Whatever_happens_at_once_is_what_some_order_of_it_gives() => Assert.Null(await RunAsync(batches: 120, (answer, _) => answer));

    [Fact, LongFaults]
    public async Task Whatever_happens_at_once_in_a_long_time_is_what_some_order_of_it_gives() => Assert.Null(await RunAsync(batches: 3000, (answer, _) => answer));

    [Fact]
    public async Task Whatever_happens_at_once_on_PostgreSQL_is_what_some_order_of_it_gives() =>
        Assert.Null(await RunAsync(batches: 60, (answer, _) => answer, await postgres.CreateDatabaseAsync()));

    [Fact, LongFaults]
    public async Task Whatever_happens_at_once_on_PostgreSQL_in_a_long_time_is_what_some_order_of_it_gives() =>
        Assert.Null(await RunAsync(batches: 3000, (answer, _) => answer, await postgres.CreateDatabaseAsync()));

    [Fact]
    public async Task An_answer_that_no_order_gives_is_found_out() =>
        // As if the server let every thirtieth replay through, or refused a token that is good.
        Assert.NotNull(await RunAsync(batches: 120, (answer, number) => number % 30 == 29 ? 1 - Math.Min(answer, 1) : answer));

    /// <summary>Runs batches.</summary>
    /// <returns>What can't be explained; null if everything can.</returns>
    private async Task<string?> RunAsync(int batches, Func<int, int, int> forge, string? address = null)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        output.WriteLine($"Seed {seed}");
        await using var server = await InProcessServer.StartAsync(change: options => options with
        {
            RefreshTokenLeeway = TimeSpan.FromSeconds(GrantModel.Leeway),
            RefreshTokenIdleLifetime = TimeSpan.FromSeconds(GrantModel.Idle),
            RefreshTokenAbsoluteLifetime = TimeSpan.FromSeconds(GrantModel.Absolute),
            AccessTokenLifetime = TimeSpan.FromSeconds(GrantModel.AccessToken),
            SessionLifetime = TimeSpan.FromDays(30),
        }, database: address);
        var database = server.Services.GetRequiredService<Database>();
        using var client = server.Client(DeclaredStates.Web);
        using var alice = server.Browser();
        var grants = new Followed[Grants];
        for (var i = 0; i < Grants; i++) grants[i] = await BeginAsync();
        long notBefore = 0;
        var answers = 0;

        for (var batch = 0; batch < batches; batch++)
        {
            var work = grants.Select(grant => Enumerable.Range(0, random.Next(5)).Select(_ => Choose(random, grant)).ToArray()).ToArray();
            var done = await Task.WhenAll(grants.Select(async (grant, i) => await Task.WhenAll(work[i].Select(operation => SendAsync(grant, operation)))));
            for (var i = 0; i < Grants; i++)
            {
                var row = (await database.ReadAsync(sql => Storage.Grants.FindAsync(sql, grants[i].Id)))!;
                var seen = work[i].Zip(done[i], (operation, answer) => (operation, answer)).ToArray();
                var forged = seen.Select(each => (each.operation, forge(each.answer, answers++))).ToArray();
                if (GrantModel.Explain(grants[i].Model, forged, Now(), notBefore, grants[i].TokenIssuedAt, model => model.Generation == row.Generation && model.IsRevoked == row.RevokedAt is not null) is not { } after)
                    return $"Seed {seed}, batch {batch}: {grants[i].Model} with {string.Join(", ", forged)} became generation {row.Generation}, revoked {row.RevokedAt}";
                grants[i].Model = after;
                // What was over is followed a little longer, then another takes its place.
                if (random.Next(4) == 0 && (after.IsRevoked || after.CreatedAt < notBefore || Now() >= after.RotatedAt + GrantModel.Idle || Now() >= after.CreatedAt + GrantModel.Absolute))
                    grants[i] = await BeginAsync();
            }

            await PassAsync();
        }

        output.WriteLine($"{answers} answers in {batches} batches.");
        return null;

        long Now() => server.Clock.GetUtcNow().ToUnixTimeSeconds();

        async Task PassAsync()
        {
            switch (random.Next(12))
            {
                case 0:
                    // Beyond the second, so that what is given next is newer.
                    server.Clock.Advance(TimeSpan.FromSeconds(1));
                    notBefore = Now();
                    await database.WriteAsync(async sql =>
                    {
                        if (random.Next(2) == 0) await Clients.SetNotBeforeAsync(sql, DeclaredStates.Web.Id, notBefore * 1000);
                        else await ConfigurationVersion.SetNotBeforeAsync(sql, notBefore * 1000);
                        await ConfigurationVersion.BumpAsync(sql);
                        return true;
                    });
                    await server.Services.GetRequiredService<ConfigurationSource>().RefreshAsync(TestContext.Current.CancellationToken);
                    break;
                case 1:
                    server.Clock.Advance(TimeSpan.FromSeconds(GrantModel.Idle));
                    break;
                case < 5:
                    server.Clock.Advance(TimeSpan.FromSeconds(GrantModel.Leeway));
                    break;
                default:
                    server.Clock.Advance(TimeSpan.FromSeconds(random.Next(1, 40)));
                    break;
            }
        }

        async Task<Followed> BeginAsync()
        {
            var tokens = await client.SignInAsync(alice, "openid offline_access");
            var grant = new Followed(tokens.RefreshToken!, tokens.AccessToken, Now());
            return grant;
        }

        async Task<int> SendAsync(Followed grant, Operation operation)
        {
            var token = grant.Tokens[operation.Generation - 1];
            switch (operation.Kind)
            {
                case OperationKind.Revoke:
                    (await client.RevokeAsync(token)).Expect(HttpStatusCode.OK);
                    return 1;
                case OperationKind.Introspect:
                    return (await client.IntrospectAsync(token)).Expect(HttpStatusCode.OK)["active"] == "true" ? 1 : 0;
                case OperationKind.UserInfo:
                    return (await client.UserInfoAsync(grant.AccessToken)).Status == HttpStatusCode.OK ? 1 : 0;
                default:
                    var answer = await client.RefreshAsync(token);
                    if (answer.Status == HttpStatusCode.OK) return grant.Remember(answer["refresh_token"]!);
                    answer.ExpectError("invalid_grant");
                    return 0;
            }
        }
    }

    private static Operation Choose(Random random, Followed grant)
    {
        var newest = grant.Tokens.Count;
        return random.Next(20) switch
        {
            0 => new(OperationKind.Revoke, newest),
            < 4 => new(OperationKind.Introspect, newest),
            < 6 => new(OperationKind.UserInfo, newest),
            < 8 => new(OperationKind.Refresh, Math.Max(1, newest - random.Next(3))),
            _ => new(OperationKind.Refresh, newest),
        };
    }

    /// <summary>A grant with the tokens that were given of it.</summary>
    private sealed class Followed
    {
        private readonly Lock _lock = new();

        public Followed(string refreshToken, string accessToken, long now)
        {
            (AccessToken, TokenIssuedAt) = (accessToken, now);
            Tokens.Add(refreshToken);
            Id = RowId.From(Base64Url.DecodeFromChars(refreshToken.AsSpan(4)).AsSpan(1));
            Model = new(1, now, now, IsRevoked: false);
        }

        public RowId Id { get; }

        public string AccessToken { get; }

        public long TokenIssuedAt { get; }

        public GrantModel Model { get; set; }

        /// <summary>By generation, from 1.</summary>
        public List<string> Tokens { get; } = [];

        /// <summary>Keeps a token that was given; the same generation is always the same text.</summary>
        public int Remember(string token)
        {
            var generation = BinaryPrimitives.ReadInt32BigEndian(Base64Url.DecodeFromChars(token.AsSpan(4)).AsSpan(1 + RowId.Size));
            lock (_lock)
            {
                if (generation == Tokens.Count + 1) Tokens.Add(token);
                else if (generation > Tokens.Count) throw new InvalidOperationException("A generation was left out.");
                Assert.Equal(Tokens[generation - 1], token);
            }

            return generation;
        }
    }
}
