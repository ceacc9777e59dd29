using System.Net;

namespace Latchkey.Reliability.Tests.Concurrency;

/// <summary>Many at once want what only one may have.</summary>
public sealed class ConcurrencyTests(SharedServer server)
{
    private const int Many = 50;

    [Fact, Spec("RFC 6749", "4.1.2"), Spec("RFC 6749", "10.5")]
    public async Task Of_50_redemptions_of_one_code_one_wins_and_the_replays_end_what_it_gave()
    {
        using var alice = server.Browser();
        using var app = server.Client(DeclaredStates.FirstParty);
        var request = app.Request("openid offline_access");
        var code = (await alice.AuthorizeAsync(request.Url)).Answer.Code!;

        var answers = await AtOnceAsync(Many, _ => app.RedeemAsync(request, code));

        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer != won), answer => answer.ExpectError("invalid_grant"));
        (await app.RefreshAsync(won["refresh_token"]!)).ExpectError("invalid_grant");
        Assert.Equal(HttpStatusCode.Unauthorized, (await app.UserInfoAsync(won["access_token"]!)).Status);
    }

    [Fact, Spec("RFC 9700", "4.14.2")]
    public async Task Of_50_refreshes_at_once_each_gets_the_very_same_successor_and_it_works()
    {
        using var app = server.Client(DeclaredStates.FirstParty);
        var tokens = await app.SignInAsync(scope: "openid offline_access");

        var answers = await AtOnceAsync(Many, _ => app.RefreshAsync(tokens.RefreshToken!));

        Assert.All(answers, answer => answer.Expect(HttpStatusCode.OK));
        var successor = Assert.Single(answers.Select(answer => answer["refresh_token"]).Distinct());
        Assert.NotEqual(tokens.RefreshToken, successor);
        (await app.RefreshAsync(successor!)).Expect(HttpStatusCode.OK);
        // The successor was used, so the first token is now an old one.
        (await app.RefreshAsync(tokens.RefreshToken!)).ExpectError("invalid_grant");
    }

    [Fact, Spec("RFC 7523", "3")]
    public async Task Of_50_uses_of_one_client_assertion_one_is_taken()
    {
        using var app = server.Client(DeclaredStates.Assertion);
        var assertion = app.Assertion();

        var answers = await AtOnceAsync(Many, _ => app.ClientCredentialsAsync("api:read", ("client_assertion", assertion)));

        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer != won), answer => answer.ExpectError("invalid_client", HttpStatusCode.Unauthorized));
    }

    [Fact, Spec("RFC 8628", "3.5")]
    public async Task Of_20_polls_for_one_allowed_device_code_one_gets_the_tokens()
    {
        using var alice = server.Browser();
        using var device = server.Client(DeclaredStates.Device);
        var started = (await device.DeviceAsync("openid api:read")).Expect(HttpStatusCode.OK);
        var page = await alice.GetAsync(started["verification_uri_complete"]!);
        if (page.Has("password")) page = await alice.SignInAsync(page);
        if (page.Has("user_code") && !page.Has("decision", "allow")) page = await alice.SubmitAsync(page, ("user_code", started["user_code"]!));
        await alice.SubmitAsync(page, ("decision", "allow"));

        var answers = await AtOnceAsync(20, _ => device.PollAsync(started["device_code"]!));

        var won = Assert.Single(answers, answer => answer.Status == HttpStatusCode.OK);
        Assert.All(answers.Where(answer => answer != won), answer => answer.ExpectError("invalid_grant"));
        (await device.RefreshAsync(won["refresh_token"]!)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task While_100_people_sign_in_at_once_tokens_are_answered()
    {
        // All from one address: an office behind one router, and one person with many devices.
        using var machine = server.Client(DeclaredStates.Machine);
        (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        using var app = server.Client(DeclaredStates.FirstParty);
        var browsers = Enumerable.Range(0, 100).Select(_ => server.Browser()).ToArray();
        var pages = await Task.WhenAll(browsers.Select(async browser => await browser.GetAsync(app.Request().Url)));

        var storm = Task.WhenAll(browsers.Select((browser, i) => browser.SignInAsync(pages[i])));
        var slowest = TimeSpan.Zero;
        var answered = 0;
        do
        {
            var begun = TimeProvider.System.GetTimestamp();
            (await machine.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
            var took = TimeProvider.System.GetElapsedTime(begun);
            if (took > slowest) slowest = took;
            answered++;
        }
        while (!storm.IsCompleted);

        Assert.All(await storm, stop => Assert.True(stop.IsAtClient, stop.ToString()));
        Assert.True(answered > 1, "No token was asked for during the storm.");
        // Generous, since the machine may be slow; a starved server would answer after the storm.
        Assert.InRange(slowest, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        foreach (var browser in browsers) browser.Dispose();
    }

    /// <summary>Calls that begin together, as far as threads can.</summary>
    private static async Task<Answer[]> AtOnceAsync(int count, Func<int, Task<Answer>> call)
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var calls = Enumerable.Range(0, count).Select(async i =>
        {
            await go.Task;
            return await call(i);
        }).ToArray();
        go.SetResult();
        return await Task.WhenAll(calls);
    }
}
