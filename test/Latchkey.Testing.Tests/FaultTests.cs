using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;

namespace Latchkey.Testing.Tests;

public sealed class FaultTests
{
    private static readonly (string, string)[] Machine = [("grant_type", "client_credentials"), ("scope", "api:read")];

    public static TheoryData<string> Answered => ["ServerError", "OAuthError", "TooManyRequests", "Unavailable", "UseDPoPNonce", "Html", "MalformedJson", "EmptyBody", "LargeBody", "Redirect", "NoAccessToken"];

    [Theory, MemberData(nameof(Answered))]
    public async Task The_next_token_request_goes_wrong_and_the_one_after_it_right(string name)
    {
        await using var authority = await TestAuthority.StartAsync();
        using var machine = new OAuthProbe(authority, Ready.Machine);
        var (fault, check) = Of(name);
        authority.Faults.NextToken(fault);
        using (var response = await machine.SendAsync("token", Machine))
        {
            check(response, await response.Content.ReadAsStringAsync());
        }

        Assert.Equal(fault.ToString(), authority.Requests.Token[0].Fault);
        await machine.TokenAsync(Machine);
        Assert.Null(authority.Requests.Token[1].Fault);
    }

    [Theory]
    [InlineData(Listening.InMemory)]
    [InlineData(Listening.Loopback)]
    public async Task A_hang_lasts_until_the_caller_goes(Listening listening)
    {
        await using var authority = await TestAuthority.StartAsync(o => o.Listen = listening);
        using var machine = new OAuthProbe(authority, Ready.Machine);
        authority.Faults.NextToken(AuthorityFault.Hang()).NextToken(AuthorityFault.Disconnect()).NextToken(AuthorityFault.EndlessBody());
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => machine.SendAsync("token", patience.Token, Machine));
        await Assert.ThrowsAnyAsync<Exception>(() => machine.SendAsync("token", Machine));
        using var more = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => machine.SendAsync("token", more.Token, Machine));
        await machine.TokenAsync(Machine);
    }

    [Fact]
    public async Task An_authority_with_a_hanging_request_still_ends()
    {
        var authority = await TestAuthority.StartAsync();
        using var machine = new OAuthProbe(authority, Ready.Machine);
        authority.Faults.NextToken(AuthorityFault.Hang());
        var hanging = machine.SendAsync("token", Machine);
        var watch = Stopwatch.StartNew();
        await authority.DisposeAsync();
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5));
        await Assert.ThrowsAnyAsync<Exception>(() => hanging);
    }

    [Fact]
    public async Task Slow_is_slow_by_the_authoritys_clock()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var machine = new OAuthProbe(authority, Ready.Machine);
        authority.Faults.NextToken(AuthorityFault.Slow(TimeSpan.FromSeconds(30)));
        var waiting = machine.TokenAsync(Machine);
        await Eventually.HoldsAsync("the request is there", () => Task.FromResult(authority.Requests.Token.Count == 1));
        Assert.False(waiting.IsCompleted);
        await Eventually.HoldsAsync("it is answered", () =>
        {
            authority.Advance(TimeSpan.FromSeconds(30));
            return Task.FromResult(waiting.IsCompleted);
        });
        Assert.True((await waiting).TryGetProperty("access_token", out _));
    }

    [Fact]
    public async Task A_lost_answer_has_used_the_refresh_token_up()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.FirstParty);
        var tokens = await web.RedeemAsync((await authority.Browser().OpenAsync(web.AuthorizeUrl("openid offline_access"))).ShouldHaveCode());
        var refreshToken = tokens.GetProperty("refresh_token").GetString()!;
        authority.Faults.NextGrant("refresh_token", AuthorityFault.LostAnswer());
        await Assert.ThrowsAnyAsync<Exception>(() => web.SendAsync("token", ("grant_type", "refresh_token"), ("refresh_token", refreshToken)));
        var again = await web.TokenAsync(("grant_type", "refresh_token"), ("refresh_token", refreshToken));
        Assert.NotEqual(refreshToken, again.GetProperty("refresh_token").GetString());
        Assert.True(authority.Requests.Grants("refresh_token")[1].Sent("refresh_token", refreshToken));
    }

    [Fact]
    public async Task Keys_rotate_and_vanish()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var http = authority.CreateClient();
        var before = Kid(authority.Token());
        await authority.RotateKeysAsync();
        var after = Kid(authority.Token());
        Assert.NotEqual(before, after);
        var keys = await http.GetStringAsync(".well-known/jwks.json");
        Assert.Contains(before, keys, StringComparison.Ordinal);
        Assert.Contains(after, keys, StringComparison.Ordinal);

        await authority.ReplaceKeysAsync();
        keys = await http.GetStringAsync(".well-known/jwks.json");
        Assert.DoesNotContain(after, keys, StringComparison.Ordinal);
        Assert.Contains(Kid(authority.Token()), keys, StringComparison.Ordinal);

        authority.DropJwks();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await http.GetAsync(".well-known/jwks.json")).StatusCode);
        authority.RestoreJwks();
        Assert.Equal(HttpStatusCode.OK, (await http.GetAsync(".well-known/jwks.json")).StatusCode);

        static string Kid(string token) => Jwt.Header(token).GetProperty("kid").GetString()!;
    }

    [Fact]
    public async Task Everything_is_revoked()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.FirstParty);
        using var machine = new OAuthProbe(authority, Ready.Machine);
        using var api = new OAuthProbe(authority, Ready.ApiServer);
        var alice = authority.Browser();
        var tokens = await web.RedeemAsync((await alice.OpenAsync(web.AuthorizeUrl("openid offline_access api:read"))).ShouldHaveCode());
        var own = await machine.TokenAsync(Machine);
        string minted = authority.Token().Scope("api:read");
        await authority.RevokeEverythingAsync();
        foreach (var token in (string[])[tokens.GetProperty("access_token").GetString()!, own.GetProperty("access_token").GetString()!, minted])
            Assert.False((await api.PostAsync("introspect", ("token", token))).GetProperty("active").GetBoolean());
        Assert.Equal("invalid_grant", await web.ErrorAsync("token", ("grant_type", "refresh_token"), ("refresh_token", tokens.GetProperty("refresh_token").GetString()!)));

        // What is given afterwards is good, after a sign-in.
        authority.Requests.Clear();
        await web.RedeemAsync((await alice.OpenAsync(web.AuthorizeUrl("openid"))).ShouldHaveCode());
        Assert.NotEmpty(authority.Requests.To("/login"));
        var fresh = await machine.TokenAsync(Machine);
        Assert.True((await api.PostAsync("introspect", ("token", fresh.GetProperty("access_token").GetString()!))).GetProperty("active").GetBoolean());
    }

    [Fact]
    public async Task A_rogue_lies_until_it_reforms()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.FirstParty);
        authority.Rogue.IssuerInMetadata("https://evil.example").IssuerInCallback("https://evil.example").IdToken(token => token.AlgNone().WrongAudience())
            .TokenResponse(answer => answer["token_type"] = "mac").UserInfo(claims => claims["sub"] = "somebody else");
        Assert.Equal("https://evil.example", await IssuerAsync(web.Http));
        var stop = await authority.Browser().OpenAsync(web.AuthorizeUrl());
        Assert.Equal("https://evil.example", stop.Issuer);
        var posted = await authority.Browser().OpenAsync(web.AuthorizeUrl(responseMode: "form_post"));
        Assert.Equal("https://evil.example", posted.Issuer);
        Assert.NotNull(posted.Code);
        var tokens = await web.RedeemAsync(stop.ShouldHaveCode());
        Assert.Equal("none", Jwt.Header(tokens.GetProperty("id_token").GetString()!).GetProperty("alg").GetString());
        Assert.Equal("mac", tokens.GetProperty("token_type").GetString());
        web.Http.DefaultRequestHeaders.Authorization = new("Bearer", tokens.GetProperty("access_token").GetString());
        Assert.Equal("somebody else", (await web.Http.GetFromJsonAsync<JsonElement>("userinfo")).GetProperty("sub").GetString());

        authority.Rogue.Reform();
        Assert.Equal(authority.Issuer, await IssuerAsync(web.Http));

        static async Task<string?> IssuerAsync(HttpClient http) => (await http.GetFromJsonAsync<JsonElement>(".well-known/openid-configuration")).GetProperty("issuer").GetString();
    }

    [Fact, Spec("RFC 9700", "4.4")]
    public async Task A_rogue_sends_people_to_an_honest_authority()
    {
        await using var honest = await TestAuthority.StartAsync(o => o.Issuer = "https://honest.test");
        await using var rogue = await TestAuthority.StartAsync(o => o.Issuer = "https://rogue.test");
        rogue.Rogue.MixUp(honest);
        using var web = new OAuthProbe(rogue, Ready.FirstParty);
        var stop = await rogue.Browser().Knows(honest).OpenAsync(web.AuthorizeUrl());
        Assert.Equal("https://honest.test", stop.Issuer);
        using var fooled = new OAuthProbe(honest, Ready.FirstParty);
        await fooled.RedeemAsync(stop.ShouldHaveCode());
    }

    [Fact]
    public async Task A_device_can_be_told_to_slow_down_for_ever()
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.Rogue.EndlessSlowDown();
        using var device = new OAuthProbe(authority, Ready.Device);
        for (var i = 0; i < 3; i++) Assert.Equal("slow_down", await device.ErrorAsync("token", ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", "x")));
    }

    [Fact]
    public async Task What_is_recorded_holds_no_secret()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.FirstParty);
        using var post = new OAuthProbe(authority, Ready.Post);
        var tokens = await web.RedeemAsync((await authority.Browser().OpenAsync(web.AuthorizeUrl("openid offline_access"))).ShouldHaveCode());
        await post.ErrorAsync("token", ("grant_type", "refresh_token"), ("refresh_token", tokens.GetProperty("refresh_token").GetString()!), ("client_secret", Ready.Post.Secret!));
        var shown = authority.Requests + string.Join('\n', authority.Requests.SelectMany(request => request.Headers.Values.Concat(request.Form.Values).Concat(request.Query.Values)));
        foreach (var secret in (string[])[Ready.Post.Secret!, Ready.FirstParty.Secret!, Ready.Alice.Password, OAuthProbe.Verifier, tokens.GetProperty("refresh_token").GetString()!])
            Assert.DoesNotContain(secret, shown, StringComparison.Ordinal);
        Assert.Contains("/token", shown, StringComparison.Ordinal);
    }

    private static (AuthorityFault Fault, Action<HttpResponseMessage, string> Check) Of(string name) => name switch
    {
        "ServerError" => (AuthorityFault.ServerError(), (response, _) => Assert.Equal(500, (int)response.StatusCode)),
        "OAuthError" => (AuthorityFault.OAuthError("invalid_grant"), (response, body) => Assert.Equal((400, "invalid_grant"), ((int)response.StatusCode, JsonElement.Parse(body).GetProperty("error").GetString()!))),
        "TooManyRequests" => (AuthorityFault.TooManyRequests(TimeSpan.FromSeconds(7)), (response, _) => Assert.Equal((429, TimeSpan.FromSeconds(7)), ((int)response.StatusCode, response.Headers.RetryAfter!.Delta))),
        "Unavailable" => (AuthorityFault.Unavailable(), (response, _) => Assert.Equal(503, (int)response.StatusCode)),
        "UseDPoPNonce" => (AuthorityFault.UseDPoPNonce("n-1"), (response, body) => Assert.Equal(("n-1", true), (response.Headers.GetValues("DPoP-Nonce").Single(), body.Contains("use_dpop_nonce", StringComparison.Ordinal)))),
        "Html" => (AuthorityFault.Html(), (response, body) => Assert.Equal("text/html", response.Content.Headers.ContentType!.MediaType)),
        "MalformedJson" => (AuthorityFault.MalformedJson(), (_, body) => Assert.ThrowsAny<JsonException>(() => JsonElement.Parse(body))),
        "EmptyBody" => (AuthorityFault.EmptyBody(), (response, body) => Assert.Equal((200, ""), ((int)response.StatusCode, body))),
        "LargeBody" => (AuthorityFault.LargeBody(), (_, body) => Assert.True(body.Length > 10_000_000)),
        "Redirect" => (AuthorityFault.Redirect(), (response, _) => Assert.Equal("https://elsewhere.example/", response.Headers.Location!.ToString())),
        _ => (AuthorityFault.Without("access_token"), (response, body) => Assert.Equal((200, false), ((int)response.StatusCode, body.Contains("access_token", StringComparison.Ordinal)))),
    };
}
