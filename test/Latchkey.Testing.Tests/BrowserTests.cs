using System.Net;

namespace Latchkey.Testing.Tests;

public sealed class BrowserTests
{
    [Theory]
    [InlineData(Listening.InMemory, null)]
    [InlineData(Listening.InMemory, "form_post")]
    [InlineData(Listening.Loopback, null)]
    public async Task A_person_signs_in_allows_and_comes_back_with_a_code(Listening listening, string? responseMode)
    {
        await using var authority = await TestAuthority.StartAsync(o => o.Listen = listening);
        using var web = new OAuthProbe(authority, Ready.Web);
        var stop = await authority.Browser("alice").OpenAsync(web.AuthorizeUrl(responseMode: responseMode));
        Assert.False(stop.IsOpened);
        Assert.StartsWith(Ready.Web.RedirectUri!, stop.Url.ToString(), StringComparison.Ordinal);
        Assert.Equal(authority.Issuer, stop.Issuer);
        var tokens = await web.RedeemAsync(stop.ShouldHaveCode());
        Assert.Equal(Ready.Alice.Subject, Jwt.Claims(tokens.GetProperty("id_token").GetString()!).GetProperty("sub").GetString());
        authority.Requests.ShouldHaveUsedPkce().ShouldHaveSentState().ShouldHaveSentNonce().ShouldHaveAskedForTokens(1).ShouldHaveKeptSecretsOutOfUrls()
            .ShouldHaveAuthenticatedBy("client_secret_basic").ShouldAllHaveSucceeded();
    }

    [Fact]
    public async Task Who_is_signed_in_and_has_allowed_is_not_asked_again()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.Web);
        var alice = authority.Browser();
        (await alice.OpenAsync(web.AuthorizeUrl())).ShouldHaveCode();
        authority.Requests.Clear();
        (await alice.OpenAsync(web.AuthorizeUrl(state: "another-state"))).ShouldHaveCode();
        Assert.Empty(authority.Requests.To("/login"));
        Assert.Empty(authority.Requests.To("/consent"));
    }

    [Fact]
    public async Task Deny_brings_access_denied()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.Web);
        var stop = await authority.Browser().Deny().OpenAsync(web.AuthorizeUrl());
        Assert.Equal("access_denied", stop.Error);
        Assert.Throws<AuthorityAssertionException>(stop.ShouldHaveCode);
    }

    [Fact]
    public async Task A_wrong_password_leads_nowhere()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.Web);
        var stop = await authority.Browser().WrongPassword().OpenAsync(web.AuthorizeUrl());
        Assert.True(stop.IsOpened);
        Assert.Equal("/login", stop.Url.AbsolutePath);
    }

    [Fact]
    public async Task Another_person_takes_over()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.FirstParty);
        var browser = authority.Browser("alice");
        await browser.OpenAsync(web.AuthorizeUrl());
        var stop = await browser.SwitchUser("bob").OpenAsync(web.AuthorizeUrl());
        var tokens = await web.RedeemAsync(stop.ShouldHaveCode());
        Assert.Equal(Ready.Bob.Subject, Jwt.Claims(tokens.GetProperty("id_token").GetString()!).GetProperty("sub").GetString());
    }

    [Fact]
    public async Task State_is_tampered_with_on_the_way_back()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.Web);
        var stop = await authority.Browser().TamperState().OpenAsync(web.AuthorizeUrl(state: "the-state"));
        Assert.NotEqual("the-state", stop.State);
        Assert.NotNull(stop.Code);
        Assert.Null((await authority.Browser().DropFromCallback("iss").OpenAsync(web.AuthorizeUrl())).Issuer);
    }

    [Fact]
    public async Task Pressing_every_button_twice_still_arrives()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var web = new OAuthProbe(authority, Ready.Web);
        (await authority.Browser().DoubleSubmit().OpenAsync(web.AuthorizeUrl())).ShouldHaveCode();
        Assert.Equal(2, authority.Requests.To("/login").Count(request => request.Method == "POST"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_device_is_decided(bool allowed)
    {
        await using var authority = await TestAuthority.StartAsync();
        using var device = new OAuthProbe(authority, Ready.Device);
        var started = await device.PostAsync("device/code", ("scope", "api:read"));
        var code = started.GetProperty("user_code").GetString()!;
        await (allowed ? authority.ApproveDeviceAsync(code) : authority.DenyDeviceAsync(code));
        (string, string)[] poll = [("grant_type", "urn:ietf:params:oauth:grant-type:device_code"), ("device_code", started.GetProperty("device_code").GetString()!)];
        if (allowed) Assert.Equal("api:read", (await device.TokenAsync(poll)).GetProperty("scope").GetString());
        else Assert.Equal("access_denied", await device.ErrorAsync("token", poll));
    }

    [Fact]
    public async Task A_device_code_that_does_not_exist_is_said()
    {
        await using var authority = await TestAuthority.StartAsync();
        await Assert.ThrowsAsync<AuthorityAssertionException>(() => authority.ApproveDeviceAsync("BCDF-GHJK"));
    }

    [Fact]
    public async Task A_loopback_listener_is_really_opened()
    {
        await using var authority = await TestAuthority.StartAsync(o => o.Listen = Listening.Loopback);
        await using var app = await TestAuthority.StartAsync(o => o.Listen = Listening.Loopback);
        var stop = await authority.Browser().OpenAsync(app.Issuer + "/healthz/live");
        Assert.Equal(HttpStatusCode.OK, stop.Status);
        var port = new Uri(app.Issuer).Port;
        await app.DisposeAsync();
        Assert.False((await authority.Browser().OpenAsync($"http://127.0.0.1:{port}/callback?code=1")).IsOpened);
    }
}
