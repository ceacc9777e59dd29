using System.Net;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>How often may be guessed. What is right is never refused.</summary>
[Spec("RFC 6749", "10.10"), Spec("OAuth 2.1", "2.4.1")]
public sealed class RateLimitTests(PeopleServer server)
{
    [Fact]
    public async Task Passwords_of_one_name_from_one_place()
    {
        // The clock stands still, so that no try is given back while the guesses are slow.
        await using var still = await InProcessServer.StartAsync();
        using var guesser = still.Browser();
        var login = await guesser.GetAsync(still.Issuer + "/login");
        var stops = new List<Stop>();
        for (var guess = 0; guess < 24; guess++) stops.Add(await guesser.SignInAsync(login, new Person("no-such-person", $"guess {guess}")));
        Assert.Equal(20, stops.FindIndex(stop => stop.Status == HttpStatusCode.TooManyRequests));
        var refused = stops[^1];
        Assert.True(refused.Response!.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Contains("Too many attempts", refused.Text, StringComparison.OrdinalIgnoreCase);

        // Other names at the same place go on.
        Assert.Equal(still.Issuer + "/account", (await guesser.SignInAsync(login)).Url.ToString());
    }

    [Fact, Spec("OIDC Core", "3.1.2.3")]
    public async Task A_locked_account_and_one_that_does_not_exist_look_the_same()
    {
        var person = server.NewPerson();
        using var browser = server.Browser(person);
        var login = await browser.GetAsync(server.Issuer + "/login");
        Stop? locked = null;
        for (var guess = 0; guess < 6; guess++) locked = await browser.SignInAsync(login, person with { Password = "wrong" });
        var right = await browser.SignInAsync(login);
        var nobody = await browser.SignInAsync(login, new Person("nobody", "wrong"));
        foreach (var stop in new[] { right, nobody })
        {
            Assert.Equal(locked!.Status, stop.Status);
            Assert.Equal(locked.Document!.QuerySelector("[role=alert]")!.TextContent, stop.Document!.QuerySelector("[role=alert]")!.TextContent);
        }

        Assert.Single(server.Audit("account.locked"), row => row.Address == browser.Headers["X-Forwarded-For"]);
    }
}
