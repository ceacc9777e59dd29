using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Tests.Logout;

/// <summary>Logout tokens: to whom, with what, and what becomes of those that can't be delivered.</summary>
public sealed class BackchannelLogoutTests(PeopleServer server)
{
    [Fact, Spec("OIDC Back-Channel Logout", "2.3"), Spec("OIDC Back-Channel Logout", "2.2"), Spec("OIDC Back-Channel Logout", "2.5")]
    public async Task Every_client_of_the_session_is_told_and_no_other()
    {
        using var one = server.NewApp();
        using var two = server.NewApp();
        using var bystander = server.NewApp();
        using var alice = server.Browser();
        using var elsewhere = server.Browser();
        var tokens = await one.SignInAsync(alice, "openid");
        await one.SignInAsync(alice, "openid");
        await two.SignInAsync(alice, "openid");
        await bystander.SignInAsync(elsewhere, "openid");
        await alice.LogoutAsync(server.Issuer, ("id_token_hint", tokens.IdToken));

        var calls = new[] { Assert.Single(await server.Receiver.WaitAsync(one.Client.Id)), Assert.Single(await server.Receiver.WaitAsync(two.Client.Id)) };
        Assert.Empty(server.Receiver.For(bystander.Client.Id));
        foreach (var call in calls)
        {
            Assert.Equal("?kept=a%20b", call.Query);
            Assert.DoesNotContain("Cookie", call.Headers);
            Assert.DoesNotContain("Authorization", call.Headers);
            var claims = await Jwt.VerifyAsync(call.Token, server.Issuer, call.ClientId, "logout+jwt");
            Assert.InRange(claims.GetProperty("exp").GetInt64() - claims.GetProperty("iat").GetInt64(), 1, 120);
            Assert.Equal(["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"], claims.EnumerateObject().Select(claim => claim.Name).Order(StringComparer.Ordinal));
        }

        Assert.NotEqual(Jwt.Claims(calls[0].Token).GetProperty("jti").GetString(), Jwt.Claims(calls[1].Token).GetProperty("jti").GetString());
    }

    [Fact, Spec("OIDC RP-Initiated Logout", "3")]
    public async Task Apps_are_told_before_the_browser_goes_back()
    {
        using var app = server.NewApp();
        using var alice = server.Browser();
        var tokens = await app.SignInAsync(alice, "openid");
        await alice.LogoutAsync(server.Issuer, ("id_token_hint", tokens.IdToken), ("post_logout_redirect_uri", $"https://{app.Client.Id}.example.com/bye"));
        Assert.Single(server.Receiver.For(app.Client.Id));
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.5")]
    public async Task A_client_that_hangs_keeps_neither_the_person_nor_other_clients_waiting()
    {
        using var slow = server.NewApp();
        using var quick = server.NewApp();
        using var alice = server.Browser();
        var (release, aborted) = (new TaskCompletionSource(), false);
        server.Receiver.Answers[slow.Client.Id] = async context =>
        {
            using var gone = context.RequestAborted.Register(() => aborted = true);
            await release.Task;
        };
        try
        {
            await slow.SignInAsync(alice, "openid");
            var tokens = await quick.SignInAsync(alice, "openid");
            var stop = await alice.LogoutAsync(server.Issuer, ("id_token_hint", tokens.IdToken), ("post_logout_redirect_uri", $"https://{quick.Client.Id}.example.com/bye"));
            Assert.True(stop.IsAtClient, stop.ToString());
            await server.Receiver.WaitAsync(quick.Client.Id);
            await server.Receiver.WaitAsync(slow.Client.Id);
            Assert.False(aborted, "The browser came back only after the slow client had been given up.");

            // Someone else's sign-out does not wait behind it either.
            using var bob = server.Browser(DeclaredStates.Bob);
            var bobs = await quick.SignInAsync(bob, "openid");
            await bob.LogoutAsync(server.Issuer, ("id_token_hint", bobs.IdToken));
            await server.Receiver.WaitAsync(quick.Client.Id, 2);
        }
        finally
        {
            release.SetResult();
        }
    }

    [Theory, Spec("OIDC Back-Channel Logout", "2.5"), Spec("OIDC Back-Channel Logout", "2.8")]
    [InlineData(400, false)]
    [InlineData(302, false)]
    [InlineData(503, true)]
    public async Task Only_what_can_pass_is_tried_again_and_no_redirect_is_followed(int status, bool again)
    {
        using var app = server.NewApp();
        using var alice = server.Browser();
        server.Receiver.Answers[app.Client.Id] = context =>
        {
            var first = server.Receiver.For(app.Client.Id).Count == 1;
            context.Response.StatusCode = first ? status : StatusCodes.Status204NoContent;
            if (first && status == 302) context.Response.Headers.Location = $"/logout/stolen-{app.Client.Id}";
            return Task.CompletedTask;
        };
        var tokens = await app.SignInAsync(alice, "openid");
        var subject = Jwt.Claims(tokens.IdToken!).GetProperty("sub").GetString();
        await alice.LogoutAsync(server.Issuer, ("id_token_hint", tokens.IdToken));
        if (again)
        {
            var calls = await server.Receiver.WaitAsync(app.Client.Id, 2);
            // A new token each time: what is tried again an hour later must not be over.
            Assert.NotEqual(calls[0].Token, calls[1].Token);
            await Eventually.HoldsAsync("the delivery in the audit", () => server.Audit("backchannel_logout.delivered", subject).Exists(row => row.ClientId == app.Client.Id));
        }

        await Eventually.HoldsAsync("the failure in the audit", () => server.Audit("backchannel_logout.failed", subject).Exists(row => row.ClientId == app.Client.Id));
        var failed = Assert.Single(server.Audit("backchannel_logout.failed", subject), row => row.ClientId == app.Client.Id);
        Assert.Contains($"answered {status}", failed.Detail, StringComparison.Ordinal);
        Assert.Equal(again, failed.Detail!.Contains("next_try_at", StringComparison.Ordinal));
        Assert.Empty(server.Receiver.For($"stolen-{app.Client.Id}"));
        using var database = new TestDatabase(server.Process);
        await Eventually.HoldsAsync("an empty outbox", () => database.Number($"SELECT count(*) FROM outbox WHERE client_id = '{app.Client.Id}'") == 0);
        Assert.Equal(again ? 2 : 1, server.Receiver.For(app.Client.Id).Count);
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.4")]
    public async Task A_logout_token_is_signed_as_the_clients_id_tokens_are()
    {
        await using var receiver = await LogoutReceiver.StartAsync();
        var state = DeclaredStates.Standard();
        state.Client(DeclaredStates.Es256)["backchannel_logout_uri"] = receiver.Url(DeclaredStates.Es256.Id);
        await using var process = await LatchkeyProcess.StartAsync(state);
        using var app = new OAuthClient(process.Issuer, DeclaredStates.Es256);
        using var alice = new PageWalker(process.Issuer);
        var tokens = await app.SignInAsync(alice, "openid");
        await alice.LogoutAsync(process.Issuer, ("id_token_hint", tokens.IdToken));
        var call = Assert.Single(await receiver.WaitAsync(app.Client.Id));
        await Jwt.VerifyAsync(call.Token, process.Issuer, app.Client.Id, "logout+jwt", "ES256");
    }

    [Fact, Spec("OIDC Back-Channel Logout", "2.3")]
    public async Task Who_signs_in_as_somebody_else_ends_the_first_ones_session()
    {
        using var app = server.NewApp();
        using var browser = server.Browser();
        var first = await app.SignInAsync(browser, "openid");
        browser.Person = DeclaredStates.Bob;
        await app.SignInAsync(browser, "openid", ("prompt", "login"));
        var call = Assert.Single(await server.Receiver.WaitAsync(app.Client.Id));
        Assert.Equal(Jwt.Claims(first.IdToken!).GetProperty("sid").GetString(), Jwt.Claims(call.Token).GetProperty("sid").GetString());
        (await app.RefreshAsync(first.RefreshToken!)).ExpectError("invalid_grant");
    }
}
