using System.Net;

namespace Latchkey.Server.Tests.Hosting;

/// <summary>How often may be guessed. What is right is never refused.</summary>
[Spec("RFC 6749", "10.10"), Spec("OAuth 2.1", "2.4.1")]
public sealed class RateLimitTests(PeopleServer server)
{
    [Fact]
    public async Task Passwords_of_one_name_from_one_place()
    {
        using var guesser = server.Browser();
        using var bystander = server.Browser();
        var login = await guesser.GetAsync(server.Issuer + "/login");
        var stops = new List<Stop>();
        for (var guess = 0; guess < 24; guess++) stops.Add(await guesser.SignInAsync(login, new Person("no-such-person", $"guess {guess}")));
        Assert.Equal(20, stops.FindIndex(stop => stop.Status == HttpStatusCode.TooManyRequests));
        var refused = stops[^1];
        Assert.True(refused.Response!.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Contains("Too many attempts", refused.Text, StringComparison.OrdinalIgnoreCase);

        // Others at the same place and the same name elsewhere go on.
        Assert.Equal(server.Issuer + "/account", (await guesser.SignInAsync(login)).Url.ToString());
        Assert.Equal(HttpStatusCode.OK, (await bystander.SignInAsync(await bystander.GetAsync(server.Issuer + "/login"), new Person("no-such-person", "a guess"))).Status);
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
