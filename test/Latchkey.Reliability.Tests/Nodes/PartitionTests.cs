using System.Globalization;
using Latchkey.Reliability.Tests.Crash;

namespace Latchkey.Reliability.Tests.Nodes;

/// <summary>
/// Two machines, each with a node; the database's primary on one, its synchronous standby on the other. The network between them breaks under load, and the
/// standby is promoted while the old primary goes on. The control, which loses, is in Latchkey.Storage.Tests.
/// </summary>
public sealed class PartitionTests(ITestOutputHelper output)
{
    private const int Chains = 16;
    private const int Codes = 60;

    [Fact, LongFaults, Spec("RFC 6749", "6"), Spec("RFC 6749", "4.1.2")]
    public async Task No_code_exchange_and_no_refresh_that_was_acknowledged_is_lost_when_the_network_breaks()
    {
        await using var machines = await TwoMachines.CreateAsync();
        await using var primary = new PostgresServer { Machine = machines.A };
        await primary.EnsureStartedAsync();
        await primary.ExecuteAsync("postgres", "CREATE DATABASE latchkey");
        await using var standby = await primary.CreateStandbyAsync("standby", machines.B);
        await standby.StartAsync();
        await primary.ExecuteAsync("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (standby)'");
        await primary.ExecuteAsync("postgres", "SELECT pg_reload_conf()");
        await Eventually.HoldsAsync("the standby follows", async () => (string?)await primary.ExecuteAsync("postgres", "SELECT sync_state FROM pg_stat_replication") == "quorum", seconds: 30);

        using var folder = new TemporaryFolder();
        await File.WriteAllTextAsync(folder.File("latchkey.json"), DeclaredStates.Standard().ToJsonString());
        var login = $"{PostgresServer.User}:{Uri.EscapeDataString(PostgresServer.Password)}";
        var database = string.Create(CultureInfo.InvariantCulture, $"postgres://{login}@{machines.A.Address}:{primary.Port},{machines.B.Address}:{standby.Port}/latchkey");
        var ports = (A: LoopbackPorts.Next(), B: LoopbackPorts.Next());
        var besideA = Address(machines.A.Open("127.0.0.1", ports.A));
        var besideB = Address(machines.B.Open("127.0.0.1", ports.B));
        await using var a = await StartAsync(machines.A, ports.A);
        await using var b = await StartAsync(machines.B, ports.B);

        using var appA = new OAuthClient(besideA, DeclaredStates.FirstParty);
        using var appB = new OAuthClient(besideB, DeclaredStates.FirstParty);
        using var alice = new PageWalker(besideA);
        var (near, far) = (new Ledger(appA), new Ledger(appB));
        for (var i = 0; i < 2 * Chains; i++)
        {
            var ledger = i % 2 == 0 ? near : far;
            await ledger.RedeemAsync(await AuthorizeAsync(ledger));
        }

        // More codes, to be exchanged while it happens: giving one writes nothing.
        var codes = new List<(Ledger Ledger, Code Code)>();
        for (var i = 0; i < 2 * Codes; i++)
        {
            var ledger = i % 2 == 0 ? near : far;
            codes.Add((ledger, await AuthorizeAsync(ledger)));
        }

        using var stop = new CancellationTokenSource();
        var load = Task.WhenAll(((Ledger[])[near, far]).SelectMany(ledger => ledger.Chains.Select(chain => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested) await ledger.RefreshAsync(chain);
        }))));
        await Task.WhenAll(near.ReachedAsync(300), far.ReachedAsync(300)).WaitAsync(TimeSpan.FromSeconds(60));
        var exchanges = Parallel.ForEachAsync(codes, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (each, _) =>
        {
            if (!stop.IsCancellationRequested) await each.Ledger.RedeemAsync(each.Code);
        });
        await Eventually.HoldsAsync("some codes are exchanged", () => near.Chains.Count + far.Chains.Count > 2 * Chains + Codes / 2, seconds: 60);
        await machines.CutAsync();
        var (heard, before) = (near.Unavailable, near.Acknowledged);
        await Eventually.HoldsAsync("the clients beside the old primary hear of it", () => near.Unavailable > heard + 2 * Chains, seconds: 60);
        await standby.PromoteAsync();
        var reached = far.Acknowledged;
        await far.ReachedAsync(reached + 300).WaitAsync(TimeSpan.FromSeconds(60));
        await stop.CancelAsync();
        await load;
        await exchanges;
        output.WriteLine($"{near.Chains.Count + far.Chains.Count} grants; {near.Acknowledged} exchanges acknowledged beside the old primary ({near.Acknowledged - before} of them after the cut), {far.Acknowledged} beside the new one; 503 {near.Unavailable} and {far.Unavailable} times");

        // The new primary holds to what either said.
        var broken = new List<string>();
        foreach (var ledger in (Ledger[])[near, far])
        {
            foreach (var chain in ledger.Chains)
            {
                broken.AddRange(chain.Refusals);
                var answer = await appB.RefreshAsync(chain.RefreshToken);
                if (answer.Status != System.Net.HttpStatusCode.OK) broken.Add($"an acknowledged refresh token is lost: {answer.Body}");
            }
        }

        Assert.Empty(broken);

        async Task<Code> AuthorizeAsync(Ledger ledger)
        {
            var request = appA.Request("openid offline_access");
            return ledger.Given(request, (await alice.AuthorizeAsync(request.Url)).Answer.Code!);
        }

        Task<LatchkeyProcess> StartAsync(Machine machine, int port) => LatchkeyProcess.StartBareOnAsync(
            machine, besideA, new Dictionary<string, string>(), "--issuer", besideA, "--urls", string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}"),
            "--data", folder.File(port.ToString(CultureInfo.InvariantCulture)), "--config", folder.File("latchkey.json"), "--database", database);
    }

    private static string Address(int port) => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{port}");
}
