using Latchkey.Client.Authorization;
using Latchkey.Client.Device;
using Latchkey.Protocol;
using Latchkey.Testing;
using Latchkey.Verification.Jose;

namespace Latchkey.Client.Tests;

/// <summary>Every flow against the real server, well-behaved and rogue.</summary>
public sealed class LatchkeyServerTests
{
    [Theory, Spec("OAuth 2.1", "4.1"), Spec("OIDC Core", "3.1")]
    [InlineData("web")]
    [InlineData("post")]
    [InlineData("assertion")]
    [InlineData("spa")]
    public async Task People_sign_in_stay_signed_in_and_sign_out(string id)
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Client(authority, id);
        var first = await SignInAsync(authority, client);
        Assert.Equal(Ready.Alice.Subject, first.IdToken!.Subject);
        Assert.Equal("Alice Example", (await client.UserInfoAsync(first)).Text("name"));

        authority.Advance(TimeSpan.FromMinutes(10));
        var second = await client.RefreshAsync(first.RefreshToken!, first.IdToken);
        Assert.NotEqual(first.RefreshToken, second.RefreshToken);
        Assert.Equal(first.IdToken.Subject, second.IdToken!.Subject);

        var result = await client.SignOutAsync(second);
        Assert.Null(result.Fault);
        Assert.StartsWith(authority.Issuer + "/logout?", result.Url!.AbsoluteUri, StringComparison.Ordinal);
        await Refused.ErrorAsync("invalid_grant", () => client.RefreshAsync(second.RefreshToken!));
    }

    [Fact, Spec("RFC 6749", "4.1.2.1"), Check("C5")]
    public async Task A_person_who_says_no_is_heard()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Client(authority, "web");
        var start = await client.StartAuthorizationAsync();
        var stop = await authority.Browser().Deny().OpenAsync(start.Url.AbsoluteUri);
        await Refused.ErrorAsync("access_denied", () => client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(stop.Url.Query)));
    }

    [Fact, Spec("RFC 9700", "4.4"), Check("C18"), Check("C4")]
    public async Task A_mix_up_ends_before_the_code_is_sent_anywhere()
    {
        await using var honest = await TestAuthority.StartAsync();
        await using var attacker = await TestAuthority.StartAsync(options => options.Issuer = "https://attacker.test");
        attacker.Rogue.MixUp(honest);
        // A pushed request is the attacker's alone, and no other server knows its reference: the mix-up needs one that the browser carries.
        using var client = Clients.Of(attacker, Ready.Web, options =>
        {
            SignIn(options);
            options.PushedRequests = PushedRequests.OnlyWhenRequired;
        });
        var start = await client.StartAuthorizationAsync();
        var stop = await honest.Browser().Knows(attacker).OpenAsync(start.Url.AbsoluteUri);
        Assert.NotNull(stop.Code);
        await Refused.ByAsync("LK-CLIENT-ISS-MISMATCH", () => client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(stop.Url.Query)), stop.Code!);
        Assert.Empty(attacker.Requests.Token);
    }

    [Theory, Spec("RFC 9207", "2.4"), Check("C4")]
    [InlineData(null, "LK-CLIENT-ISS-MISSING")]
    [InlineData("https://authority.test/", "LK-CLIENT-ISS-MISMATCH")]
    public async Task The_servers_own_iss_is_required(string? issuer, string code)
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.Rogue.IssuerInCallback(issuer);
        using var client = Client(authority, "web");
        await Refused.ByAsync(code, () => SignInAsync(authority, client));
    }

    [Fact, Spec("OIDC Core", "3.1.3.7"), Check("C8")]
    public async Task Forged_ID_tokens_sign_nobody_in()
    {
        await using var authority = await TestAuthority.StartAsync();
        authority.Rogue.ForgedIdTokens();
        using var client = Client(authority, "web");
        var exception = await Assert.ThrowsAsync<OAuthException>(() => SignInAsync(authority, client));
        Assert.StartsWith("LK-JWT-", exception.Refusal?.Code, StringComparison.Ordinal);
    }

    [Fact, Spec("OIDC Core", "10.1.1"), Check("C10")]
    public async Task Signing_in_survives_a_change_of_keys()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Client(authority, "web");
        await SignInAsync(authority, client);
        await authority.RotateKeysAsync();
        await SignInAsync(authority, client);
        await authority.ReplaceKeysAsync();
        await SignInAsync(authority, client);
    }

    [Fact, Spec("RFC 10070"), Check("C14")]
    public async Task A_machine_proves_itself_with_a_key()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Client(authority, "assertion");
        Assert.Equal("api:read", (await client.ClientCredentialsAsync("api:read")).AccessToken.Scope);
        using var wrong = Clients.Of(authority, Ready.Assertion, options => options.Credential = ClientCredential.PrivateKey(new ClientKey("other").PrivatePem(), Ready.AssertionKey.KeyId));
        await Refused.ErrorAsync("invalid_client", () => wrong.ClientCredentialsAsync("api:read"));
    }

    [Fact, Spec("RFC 7662", "2"), Spec("RFC 7009", "2")]
    public async Task An_API_asks_about_tokens_and_revoked_ones_are_inactive()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var machine = Clients.Of(authority, Ready.Machine);
        using var api = Clients.Of(authority, Ready.ApiServer);
        var token = (await machine.ClientCredentialsAsync("api:read", Ready.Api)).AccessToken;
        var answer = await api.IntrospectAsync(token.Value);
        Assert.True(answer.IsActive);
        Assert.Equal((Ready.Machine.ClientId, "api:read"), (answer.ClientId, answer.Scope));
        Assert.Equal(token.ExpiresAt, answer.ExpiresAt);
        await machine.RevokeAsync(token.Value, "access_token");
        Assert.False((await api.IntrospectAsync(token.Value)).IsActive);
    }

    [Theory, Spec("RFC 8628", "3.5"), Check("C21")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_terminal_waits_until_the_person_has_decided(bool allowed)
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Clients.Of(authority, Ready.Device, options => options.Scope = "openid offline_access");
        var device = await client.StartDeviceAsync();
        authority.Advance(device.Interval);
        Assert.Equal(DeviceState.Pending, (await device.PollAsync()).State);
        Assert.Equal(DeviceState.SlowDown, (await device.PollAsync()).State);
        Assert.Equal(TimeSpan.FromSeconds(10), device.Interval);
        if (allowed) await authority.ApproveDeviceAsync(device.UserCode);
        else await authority.DenyDeviceAsync(device.UserCode);
        authority.Advance(device.Interval);
        if (allowed) Assert.Equal(Ready.Alice.Subject, (await device.PollAsync()).Tokens!.IdToken!.Subject);
        else await Refused.ErrorAsync("access_denied", () => device.PollAsync());
    }

    [Theory, Spec("RFC 9126", "4"), Spec("RFC 9101", "5"), Spec("JARM", "2.3.4"), Check("A41")]
    [InlineData(true, false, null)]
    [InlineData(false, true, null)]
    [InlineData(true, true, "jwt")]
    [InlineData(false, false, "query.jwt")]
    public async Task Requests_are_pushed_and_signed_and_answers_signed(bool pushes, bool signs, string? responseMode)
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Clients.Of(authority, Ready.Assertion, options =>
        {
            SignIn(options);
            options.Credential = ClientCredential.PrivateKey(Ready.AssertionKey.PrivatePem(), Ready.AssertionKey.KeyId);
            options.PushedRequests = pushes ? PushedRequests.WhenAdvertised : PushedRequests.OnlyWhenRequired;
            if (signs) options.UseRequestObjects();
            options.ResponseMode = responseMode;
        });
        var start = await client.StartAuthorizationAsync(new AuthorizationParameters { SessionBinding = "browser-1" });
        Assert.Equal(pushes, start.Url.Query.Contains("request_uri=", StringComparison.Ordinal));
        Assert.Equal(signs && !pushes, start.Url.Query.Contains("request=", StringComparison.Ordinal));
        var stop = await authority.Browser().OpenAsync(start.Url.AbsoluteUri);
        Assert.Equal(responseMode is null, stop.Code is not null);
        var tokens = await client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(stop.Url.Query), "browser-1");
        Assert.Equal(Ready.Alice.Subject, tokens.IdToken!.Subject);
        Assert.Equal(pushes ? 1 : 0, authority.Requests.PushedAuthorization.Count);
    }

    [Theory, Spec("OIDC Core", "2"), Spec("OIDC Core", "5.3.2"), Spec("JARM", "2.2"), InlineData("RSA-OAEP-256", "A128CBC-HS256"), InlineData("ECDH-ES", "A256GCM")]
    public async Task What_is_encrypted_to_the_client_is_opened_and_verified(string algorithm, string encryption)
    {
        var key = JweDecrypter.Open(algorithm, "sealed", JweDecrypter.Generate(algorithm));
        await using var authority = await TestAuthority.StartAsync(options => options.AddDeclared($$"""
            { "clients": [{ "client_id": "sealed", "client_secret": "sealed-secret-0123456789abcdef", "redirect_uris": ["https://sealed.example.com/callback"],
              "grant_types": ["authorization_code", "refresh_token"], "scope": "openid profile api:read offline_access",
              "jwks": { "keys": [{{System.Text.Encoding.UTF8.GetString(key.PublicKey.Span)}}] },
              "id_token_encrypted_response_alg": "{{algorithm}}", "id_token_encrypted_response_enc": "{{encryption}}", "userinfo_signed_response_alg": "ES256",
              "userinfo_encrypted_response_alg": "{{algorithm}}", "userinfo_encrypted_response_enc": "{{encryption}}", "authorization_signed_response_alg": "PS256",
              "authorization_encrypted_response_alg": "{{algorithm}}", "authorization_encrypted_response_enc": "{{encryption}}" }] }
            """));
        using var client = Clients.Of(authority, new ReadyClient("sealed", "sealed-secret-0123456789abcdef", "https://sealed.example.com/callback"), options =>
        {
            SignIn(options);
            options.ResponseMode = "jwt";
            options.DecryptionKeys.Add(key);
        });
        var start = await client.StartAuthorizationAsync();
        var stop = await authority.Browser().OpenAsync(start.Url.AbsoluteUri);
        var answer = Parameters.Parse(stop.Url.Query);
        Assert.Equal(5, answer["response"]!.Split('.').Length);
        var tokens = await client.CompleteAuthorizationAsync(start.Transaction, answer);
        Assert.Equal(Ready.Alice.Subject, tokens.IdToken!.Subject);
        Assert.Equal("Alice Example", (await client.UserInfoAsync(tokens)).Text("name"));
        var refreshed = await client.RefreshAsync(tokens.RefreshToken!, tokens.IdToken);
        Assert.Equal(Ready.Alice.Subject, refreshed.IdToken!.Subject);
    }

    private static LatchkeyClient Client(TestAuthority authority, string id) => id switch
    {
        "web" => Clients.Of(authority, Ready.Web, SignIn),
        "post" => Clients.Of(authority, Ready.Post, options =>
        {
            SignIn(options);
            options.Credential = ClientCredential.SecretInBody(Ready.Post.Secret!);
        }),
        "assertion" => Clients.Of(authority, Ready.Assertion, options =>
        {
            SignIn(options);
            options.Credential = ClientCredential.PrivateKey(Ready.AssertionKey.PrivatePem(), Ready.AssertionKey.KeyId);
        }),
        _ => Clients.Of(authority, Ready.Spa, SignIn),
    };

    private static void SignIn(LatchkeyClientOptions options) => options.Scope = "openid profile api:read";

    private static async Task<TokenSet> SignInAsync(TestAuthority authority, LatchkeyClient client)
    {
        var start = await client.StartAuthorizationAsync(new AuthorizationParameters { SessionBinding = "browser-1" });
        var stop = await authority.Browser().OpenAsync(start.Url.AbsoluteUri);
        Assert.True(stop.Code is not null, stop.ToString());
        return await client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(stop.Url.Query), "browser-1");
    }
}
