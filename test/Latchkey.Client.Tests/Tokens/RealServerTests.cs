using Latchkey.Client.Native;
using Latchkey.Client.Tokens;
using Latchkey.Testing;
using Latchkey.Testing.Browsing;

namespace Latchkey.Client.Tests.Tokens;

/// <summary>The same against the real server, which rotates refresh tokens and ends the grant of one that is used twice.</summary>
public sealed class RealServerTests : IAsyncLifetime
{
    private TestAuthority _authority = null!;
    private LatchkeyClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _authority = await TestAuthority.StartAsync();
        _client = new(new() { Issuer = _authority.Issuer, ClientId = Ready.Native.ClientId, Scope = "openid profile offline_access api:read files:read" }, new HttpClient(_authority.CreateHandler()), _authority.Clock);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _authority.DisposeAsync();
    }

    [Fact, Check("C24"), Check("C1"), Spec("RFC 8252", "7.3")]
    public async Task A_native_app_signs_in_at_the_real_server()
    {
        var tokens = await SignInAsync();
        Assert.Equal(Ready.Alice.Subject, tokens.IdToken?.Subject);
        Assert.Equal("Alice Example", (await _client.UserInfoAsync(tokens)).Text("name"));
        _authority.Requests.ShouldHaveUsedPkce().ShouldHaveSentState().ShouldHaveSentNonce();
    }

    [Fact, Check("C19"), Check("C20"), Spec("OAuth 2.1", "4.3")]
    public async Task A_session_outlives_many_renewals_by_many_callers_at_once()
    {
        var users = new UserTokens(_client, new MemoryTokenStore(), clock: _authority.Clock);
        await users.SaveAsync("session", await SignInAsync());
        _authority.Requests.Clear();
        for (var round = 1; round <= 4; round++)
        {
            _authority.Advance(TimeSpan.FromHours(1));
            var callers = Enumerable.Range(0, 60).Select(i => users.For("session", resource: i % 2 == 0 ? Ready.Api : Ready.Files, scope: i % 2 == 0 ? "api:read" : "files:read"));
            var tokens = await Task.WhenAll(callers.Select(source => Task.Run(async () => await source.GetAsync())));
            Assert.Equal(2, tokens.Distinct().Count());
            // Two APIs, two tokens, each fetched once and each refresh token used once.
            Assert.Equal(2 * round, _authority.Requests.Grants("refresh_token").Count);
        }

        _authority.Requests.ShouldAllHaveSucceeded();
    }

    [Fact, Check("C20")]
    public async Task A_revoked_session_says_so_once_and_then_asks_for_a_sign_in()
    {
        var users = new UserTokens(_client, new MemoryTokenStore(), clock: _authority.Clock);
        await users.SaveAsync("session", await SignInAsync());
        await _authority.RevokeEverythingAsync();
        _authority.Advance(TimeSpan.FromHours(1));
        Assert.Equal("invalid_grant", (await Assert.ThrowsAsync<TokenUnavailableException>(async () => await users.For("session").GetAsync())).Error);
        Assert.Equal("login_required", (await Assert.ThrowsAsync<TokenUnavailableException>(async () => await users.For("session").GetAsync())).Error);
        Assert.Single(_authority.Requests.Grants("refresh_token"));
    }

    [Fact, Check("C25"), Spec("RFC 7009", "2.1")]
    public async Task Signing_out_ends_the_grant_at_the_server()
    {
        var users = new UserTokens(_client, new MemoryTokenStore(), clock: _authority.Clock);
        var tokens = await SignInAsync();
        await users.SaveAsync("session", tokens);
        await users.RevokeAsync("session");
        _authority.Requests.ShouldHaveRevoked(tokens.RefreshToken);
        Assert.Equal("invalid_grant", (await Assert.ThrowsAsync<OAuthException>(() => _client.RefreshAsync(tokens.RefreshToken!))).Error);
    }

    private Task<TokenSet> SignInAsync() => LatchkeyNative.SignInAsync(_client, new()
    {
        OpenBrowser = (url, cancellation) =>
        {
            var listener = Site.At(new Uri(_authority.Requests.PushedAuthorization[^1]["redirect_uri"]!).GetLeftPart(UriPartial.Authority));
            _ = Task.Run(() => _authority.Browser().Knows(listener).OpenAsync(url.AbsoluteUri), cancellation);
            return Task.CompletedTask;
        },
    });
}
