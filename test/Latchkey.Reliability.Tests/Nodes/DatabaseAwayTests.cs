using System.Diagnostics;
using System.Globalization;
using System.Net;
using Latchkey.Reliability.Tests.Crash;

namespace Latchkey.Reliability.Tests.Nodes;

/// <summary>The database goes away and comes back while clients go on.</summary>
public sealed class DatabaseAwayTests(ITestOutputHelper output)
{
    private const int Chains = 12;

    [Fact, Spec("RFC 6749", "6")]
    public Task Nothing_acknowledged_is_lost_when_the_database_crashes_again_and_again() => CrashAsync(restarts: 3);

    [Fact, LongFaults, Spec("RFC 6749", "6")]
    public Task Nothing_acknowledged_is_lost_when_the_database_crashes_again_and_again_for_a_long_time() => CrashAsync(restarts: 30);

    private async Task CrashAsync(int restarts)
    {
        await using var database = new PostgresServer();
        await using var server = await LatchkeyProcess.StartAsync(arguments: ["--database", await database.CreateDatabaseAsync()]);
        using var alice = new PageWalker(server.Issuer);
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        var ledger = new Ledger(app);
        for (var i = 0; i < Chains; i++)
        {
            var request = app.Request("openid offline_access");
            await ledger.RedeemAsync(ledger.Given(request, (await alice.AuthorizeAsync(request.Url)).Answer.Code!));
        }

        Assert.Equal(Chains, ledger.Chains.Count);
        using var stop = new CancellationTokenSource();
        var load = Task.WhenAll(ledger.Chains.Select(chain => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested) await ledger.RefreshAsync(chain);
        })));
        for (var restart = 0; restart < restarts; restart++)
        {
            await ledger.ReachedAsync(ledger.Acknowledged + 50).WaitAsync(TimeSpan.FromSeconds(60));
            await database.StopAsync("immediate");
            var seen = ledger.Unavailable;
            await Eventually.HoldsAsync("clients hear of it", () => ledger.Unavailable > seen);
            await database.StartAsync();
        }

        await ledger.ReachedAsync(ledger.Acknowledged + 50).WaitAsync(TimeSpan.FromSeconds(60));
        await stop.CancelAsync();
        await load;
        output.WriteLine($"{ledger.Acknowledged} acknowledged, {ledger.Unavailable} times 503");
        Assert.Empty(await ledger.BrokenPromisesAsync());
        Assert.Empty(await ledger.CodesThatWorkedTwiceAsync());
    }

    [Fact, Spec("OAuth 2.1", "4.3")]
    public async Task While_the_database_is_away_callers_hear_so_and_what_needs_none_goes_on()
    {
        await using var database = new PostgresServer();
        var metrics = string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{LoopbackPorts.Next()}");
        await using var server = await LatchkeyProcess.StartAsync(arguments: ["--database", await database.CreateDatabaseAsync(), "--metrics-urls", metrics]);
        await using var elsewhere = await InProcessServer.StartAsync();
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        using var machine = new OAuthClient(server.Issuer, DeclaredStates.Machine);
        var token = (await app.SignInAsync(scope: "openid offline_access")).RefreshToken!;
        using var stranger = elsewhere.Client(DeclaredStates.FirstParty);
        var foreign = (await stranger.SignInAsync(scope: "openid offline_access")).RefreshToken!;
        await database.StopAsync("immediate");

        var began = Stopwatch.GetTimestamp();
        var away = (await app.RefreshAsync(token)).ExpectError("temporarily_unavailable", HttpStatusCode.ServiceUnavailable);
        Assert.NotNull(away.Header("Retry-After"));
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(5));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await app.GetAsync("/healthz/ready")).Status);
        (await app.GetAsync("/healthz/live")).Expect(HttpStatusCode.OK);
        (await app.GetAsync("/.well-known/jwks.json")).Expect(HttpStatusCode.OK);
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);

        // A refresh token that was never given here is refused by its MAC alone: who gets an answer now got it without the database.
        string[] forged = ["made-up", foreign, token[..^4] + (token.EndsWith("AAAA", StringComparison.Ordinal) ? "BBBB" : "AAAA"), token[..8] + (token[8] == 'A' ? 'B' : 'A') + token[9..]];
        foreach (var refused in forged) (await app.RefreshAsync(refused)).ExpectError("invalid_grant");
        using var http = server.CreateHttpClient();
        Assert.Contains($"\nlatchkey_refresh_forged_total {forged.Length}\n", await http.GetStringAsync(metrics + "/metrics"), StringComparison.Ordinal);

        await database.StartAsync();
        await Eventually.HoldsAsync("the server is ready again", async () => (await app.GetAsync("/healthz/ready")).Status == HttpStatusCode.OK);
        (await app.RefreshAsync(token)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_database_that_can_not_be_used_is_told_in_one_sentence()
    {
        var port = LoopbackPorts.Next();
        foreach (var arguments in (string[][])[["user", "list"], ["serve", "--issuer", "http://127.0.0.1:1"]])
        {
            using var folder = new TemporaryFolder();
            var result = await LatchkeyProcess.RunAsync([.. arguments, "--data", folder.Path, "--database", $"postgres://u:hunter2@127.0.0.1:{port}/db"]);
            Assert.Equal(2, result.ExitCode);
            var sentence = Assert.Single(result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
            Assert.Contains("can't be reached", sentence, StringComparison.Ordinal);
            Assert.DoesNotContain("hunter2", result.Output + result.Errors, StringComparison.Ordinal);
        }

        var wrong = await LatchkeyProcess.RunAsync("user", "list", "--database", "postgres://u:hunter2@127.0.0.1");
        Assert.Equal(2, wrong.ExitCode);
        Assert.StartsWith("latchkey: --database is no address", wrong.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", wrong.Errors, StringComparison.Ordinal);
    }
}
