using System.Collections.Concurrent;
using System.Net;

namespace Latchkey.Server.Tests.Token;

/// <summary>SIGKILL in the middle of the work: what was acknowledged is there afterwards, and no code works twice.</summary>
public sealed class PowerCutTests
{
    private const int Codes = 500;
    private const int Chains = 500;

    [Fact, Spec("RFC 6749", "4.1.2"), Spec("OAuth 2.1", "4.3.1")]
    public async Task Nothing_acknowledged_is_lost_and_no_code_works_twice()
    {
        // The test signs in once and then asks a thousand times: no consent to press, no limit to hit.
        await using var server = await LatchkeyProcess.StartAsync();
        using var alice = new PageWalker(server.Issuer);
        using var app = new OAuthClient(server.Issuer, DeclaredStates.FirstParty);
        await app.SignInAsync(alice);
        var waiting = new List<(AuthorizationRequest Request, string Code)>();
        for (var i = 0; i < Codes + Chains; i++)
        {
            var request = app.Request("openid offline_access");
            waiting.Add((request, (await alice.AuthorizeAsync(request.Url)).Answer.Code!));
        }

        var chains = await Task.WhenAll(waiting.Skip(Codes).Select(async code => (await app.RedeemAsync(code.Request, code.Code)).Expect(HttpStatusCode.OK)["refresh_token"]!));
        var codes = waiting.Take(Codes).ToArray();

        // Half are redeemed and half are refreshed, all at once, until the power goes.
        var redeemed = new ConcurrentDictionary<int, string>();
        var refreshed = new ConcurrentDictionary<int, string>();
        var work = Task.WhenAll(
            Parallel.ForAsync(0, Codes, Load, async (i, _) =>
            {
                if (await TryAsync(() => app.RedeemAsync(codes[i].Request, codes[i].Code)) is { Status: HttpStatusCode.OK } answer) redeemed[i] = answer["refresh_token"]!;
            }),
            Parallel.ForAsync(0, Chains, Load, async (i, _) =>
            {
                if (await TryAsync(() => app.RefreshAsync(chains[i])) is { Status: HttpStatusCode.OK } answer) refreshed[i] = answer["refresh_token"]!;
            }));
        await Eventually.HoldsAsync("half of the work", () => redeemed.Count + refreshed.Count >= (Codes + Chains) / 3, seconds: 60);
        await server.KillAsync();
        await work;
        await server.StartAsync();

        Assert.InRange(redeemed.Count + refreshed.Count, 1, Codes + Chains - 1);
        // Every refresh token that was handed out still works: its write was durable before the answer.
        await Parallel.ForEachAsync(refreshed.Values, Load, async (token, _) => (await app.RefreshAsync(token)).Expect(HttpStatusCode.OK));
        await Parallel.ForEachAsync(redeemed.Values, Load, async (token, _) => (await app.RefreshAsync(token)).Expect(HttpStatusCode.OK));
        // Every code whose redemption was acknowledged is used up.
        await Parallel.ForEachAsync(redeemed.Keys, Load, async (i, _) => (await app.RedeemAsync(codes[i].Request, codes[i].Code)).ExpectError("invalid_grant"));
    }

    private static ParallelOptions Load => new() { MaxDegreeOfParallelism = 16 };

    private static async Task<Answer?> TryAsync(Func<Task<Answer>> call)
    {
        try
        {
            return await call();
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
