using System.Globalization;

namespace Latchkey.Reliability.Tests.Crash;

/// <summary>SIGKILL in the middle of 1,000 exchanges: nothing that was acknowledged is lost, and no code works twice.</summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const int CodesARound = 100;
    private const int RefreshesARound = 100;

    [Fact, Spec("RFC 6749", "4.1.2"), Spec("OAuth 2.1", "4.3.1"), Spec("RFC 7009", "2.1")]
    public Task Nothing_acknowledged_is_lost_and_no_code_works_twice() => RunAsync(rounds: 5);

    [Fact, LongFaults, Spec("RFC 6749", "4.1.2"), Spec("OAuth 2.1", "4.3.1"), Spec("RFC 7009", "2.1")]
    public Task Nothing_acknowledged_is_lost_in_fifty_crashes() => RunAsync(rounds: 50);

    [Fact]
    public async Task A_database_that_lost_what_it_acknowledged_is_found_out()
    {
        await using var server = await LatchkeyProcess.StartAsync();
        using var alice = new PageWalker(server.Issuer);
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        var ledger = new Ledger(app);
        foreach (var code in await CodesAsync(ledger, alice, app, 4)) await ledger.RedeemAsync(code);
        var codes = await CodesAsync(ledger, alice, app, 2);

        // The database as it is now comes back after what is acknowledged next.
        await server.KillAsync();
        using var copy = new TemporaryFolder();
        var file = Path.Combine(server.DataFolder, "latchkey.db");
        Tables.Copy(file, copy.Path);
        await server.StartAsync();
        var chains = ledger.Chains;
        await ledger.RevokeAsync(chains[0]);
        await ledger.RevokeAccessTokenAsync(chains[1]);
        foreach (var code in codes) await ledger.RedeemAsync(code);
        Assert.Empty(await ledger.BrokenPromisesAsync());
        await server.KillAsync();
        Tables.Copy(copy.File("latchkey.db"), server.DataFolder);
        await server.StartAsync();

        var broken = await ledger.BrokenPromisesAsync();
        Assert.Single(broken, line => line.Contains("refresh token works again", StringComparison.Ordinal));
        Assert.Single(broken, line => line.Contains("access token is alive again", StringComparison.Ordinal));
        Assert.Equal(2, broken.Count(line => line.Contains("refresh token is lost", StringComparison.Ordinal)));
        Assert.Equal(2, (await ledger.CodesThatWorkedTwiceAsync()).Count);
    }

    private async Task RunAsync(int rounds)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        await using var server = await LatchkeyProcess.StartAsync();
        using var alice = new PageWalker(server.Issuer);
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        var ledger = new Ledger(app);
        foreach (var code in await CodesAsync(ledger, alice, app, RefreshesARound)) await ledger.RedeemAsync(code);

        var cutOff = 0;
        for (var round = 0; round < rounds; round++)
        {
            var codes = await CodesAsync(ledger, alice, app, CodesARound);
            var chains = ledger.Chains.Where(chain => chain.Revocation == Revocation.None).Take(RefreshesARound).ToArray();
            Assert.Equal(RefreshesARound, chains.Length);

            // Half are redeemed and half refreshed, some revoked, all at once, until the power goes at a random moment.
            var before = ledger.Acknowledged;
            var reached = ledger.ReachedAsync(before + random.Next(1, 3 * (CodesARound + RefreshesARound) / 4));
            var work = Task.WhenAll(
                Parallel.ForEachAsync(codes, Ledger.Load, async (code, _) => await ledger.RedeemAsync(code)),
                Parallel.ForAsync(0, chains.Length, Ledger.Load, async (i, _) =>
                {
                    await ledger.RefreshAsync(chains[i]);
                    if (i % 10 == 0) await ledger.RevokeAsync(chains[i]);
                    if (i % 10 == 5) await ledger.RevokeAccessTokenAsync(chains[i]);
                }));
            await reached.WaitAsync(TimeSpan.FromSeconds(60));
            await server.KillAsync();
            await work;
            cutOff += CodesARound + RefreshesARound - (ledger.Acknowledged - before);
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Seed {seed}, round {round}: killed after {ledger.Acknowledged - before} of {CodesARound + RefreshesARound}"));

            Assert.Equal("ok", Tables.IntegrityOfCopy(Path.Combine(server.DataFolder, "latchkey.db")));
            await server.StartAsync();
            Assert.Empty(await ledger.BrokenPromisesAsync());
        }

        Assert.Contains("quick_check found no damage", server.Errors, StringComparison.Ordinal);

        Assert.True(cutOff > 0, "The power never went in the middle.");
        // Her session outlived every crash too: she typed her password once.
        Assert.Single(alice.Trail, step => step.Method == HttpMethod.Post && step.Url.AbsolutePath == "/login");
        Assert.Empty(await ledger.CodesThatWorkedTwiceAsync());
    }

    private static async Task<IReadOnlyList<Code>> CodesAsync(Ledger ledger, PageWalker browser, OAuthClient app, int count)
    {
        var codes = new List<Code>(count);
        for (var i = 0; i < count; i++)
        {
            var request = app.Request("openid offline_access");
            codes.Add(ledger.Given(request, (await browser.AuthorizeAsync(request.Url)).Answer.Code!));
        }

        return codes;
    }
}
