using Latchkey.Client;
using Latchkey.Client.Authorization;
using Latchkey.Client.Device;
using Latchkey.Protocol;
using Latchkey.Verification.Jose;

namespace Latchkey.Interop.Tests.Client;

/// <summary>Latchkey's client against node oidc-provider, which speaks what Latchkey's own server does not yet.</summary>
public sealed class OidcProviderTests(OidcProvider provider)
{
    [Theory, Spec("OAuth 2.1", "4.1"), Spec("RFC 9126", "2")]
    [InlineData("web", PushedRequests.WhenAdvertised, true)]
    [InlineData("post", PushedRequests.WhenAdvertised, true)]
    [InlineData("pushed", PushedRequests.Always, true)]
    [InlineData("key", PushedRequests.WhenAdvertised, true)]
    [InlineData("web", PushedRequests.OnlyWhenRequired, false)]
    public async Task People_sign_in_and_requests_are_pushed_by_themselves(string id, PushedRequests pushed, bool isPushed)
    {
        using var client = provider.Client(id, options => options.PushedRequests = pushed);
        var start = await client.StartAuthorizationAsync();
        var query = Parameters.Parse(start.Url.Query);
        if (isPushed) Assert.Equal(["client_id", "request_uri"], query.Pairs.Select(pair => pair.Key).Order(StringComparer.Ordinal));
        else Assert.Equal(start.Transaction.State, query["state"]);
        var tokens = await client.CompleteAuthorizationAsync(start.Transaction, await provider.AnswerAsync(start.Url));
        Assert.Equal("alice", tokens.IdToken!.Subject);
        Assert.Equal("alice at oidc-provider", (await client.UserInfoAsync(tokens)).Text("name"));
        Assert.Contains("id_token_hint=", (await client.LogoutUrlAsync(tokens.IdToken))!.Query, StringComparison.Ordinal);
    }

    [Fact, Spec("OAuth 2.1", "4.3"), Spec("RFC 7009", "2"), Spec("RFC 7662", "2")]
    public async Task Refresh_introspection_and_revocation()
    {
        using var client = provider.Client("web", options => options.Scope = "openid offline_access");
        var first = await SignInAsync(client, new AuthorizationParameters { Prompt = "consent" });
        var second = await client.RefreshAsync(first.RefreshToken!, first.IdToken);
        Assert.NotEqual(first.RefreshToken, second.RefreshToken);
        Assert.Equal("alice", second.IdToken!.Subject);
        var introspection = await client.IntrospectAsync(second.AccessToken.Value);
        Assert.True(introspection.IsActive);
        Assert.Equal("web", introspection.ClientId);

        var result = await client.SignOutAsync(second);
        Assert.Null(result.Fault);
        var exception = await Assert.ThrowsAsync<OAuthException>(() => client.RefreshAsync(second.RefreshToken!));
        Assert.Equal("invalid_grant", exception.Error);
        Assert.False((await client.IntrospectAsync(second.AccessToken.Value)).IsActive);
    }

    [Fact, Spec("RFC 9449", "8"), Spec("RFC 9449", "9"), Check("C23")]
    public async Task A_public_clients_tokens_are_bound_to_its_key()
    {
        var before = await provider.NoncesAsync();
        using var client = provider.Client("public-dpop", options =>
        {
            options.UseDPoP();
            options.Scope = "openid offline_access";
        });
        var first = await SignInAsync(client, new AuthorizationParameters { Prompt = "consent" });
        Assert.Equal("DPoP", first.AccessToken.Type);
        Assert.Equal(client.Options.DPoPKey!.Thumbprint, first.AccessToken.KeyThumbprint);
        // The code was not lost to the provider's question for a nonce, and the question was asked once.
        Assert.Equal(before + 1, await provider.NoncesAsync());
        Assert.Equal("alice", (await client.UserInfoAsync(first)).Subject);
        var second = await client.RefreshAsync(first.RefreshToken!, first.IdToken);
        Assert.Equal("alice", (await client.UserInfoAsync(second)).Subject);

        // With another key neither the access token nor the refresh token is of any use.
        using var thief = provider.Client("public-dpop", options => options.UseDPoP());
        await Assert.ThrowsAsync<OAuthException>(() => thief.RefreshAsync(second.RefreshToken!));
        await Assert.ThrowsAsync<OAuthException>(() => thief.UserInfoAsync(second.AccessToken with { KeyThumbprint = null }, "alice"));
        await Assert.ThrowsAsync<InvalidOperationException>(() => thief.UserInfoAsync(second));
    }

    [Fact, Spec("RFC 9449", "10"), Check("C23")]
    public async Task A_code_is_bound_to_the_key_that_it_was_asked_for_with()
    {
        using var client = provider.Client("public-dpop", options => options.UseDPoP());
        using var thief = provider.Client("public-dpop", options => options.UseDPoP());
        var start = await client.StartAuthorizationAsync();
        var answer = await provider.AnswerAsync(start.Url);
        var exception = await Assert.ThrowsAsync<OAuthException>(() => thief.CompleteAuthorizationAsync(start.Transaction, answer));
        Assert.Equal("invalid_grant", exception.Error);
    }

    [Theory, Spec("RFC 10070"), Spec("OAuth 2.1", "4.2"), Check("C14")]
    [InlineData("machine", "Bearer")]
    [InlineData("key", "Bearer")]
    [InlineData("machine-dpop", "DPoP")]
    public async Task Machines_get_tokens_for_themselves(string id, string type)
    {
        using var client = provider.Client(id, options =>
        {
            options.Scope = "api:read";
            options.Resource = "https://api.test";
            if (type == "DPoP") options.UseDPoP();
        });
        for (var i = 0; i < 2; i++)
        {
            var tokens = await client.ClientCredentialsAsync();
            Assert.Equal((type, "api:read"), (tokens.AccessToken.Type, tokens.AccessToken.Scope));
        }
    }

    [Fact, Spec("RFC 9449", "5"), Check("C23")]
    public async Task Where_no_nonce_is_asked_for_none_is_waited_for()
    {
        using var client = provider.Client("machine-plain-dpop", options =>
        {
            options.Scope = "api:read";
            options.Resource = "https://api.test";
            options.UseDPoP();
        });
        var before = await provider.NoncesAsync();
        for (var i = 0; i < 2; i++) Assert.Equal(client.Options.DPoPKey!.Thumbprint, (await client.ClientCredentialsAsync()).AccessToken.KeyThumbprint);
        Assert.Equal(before, await provider.NoncesAsync());
    }

    [Theory, Spec("RFC 9101", "5")]
    [InlineData(PushedRequests.OnlyWhenRequired)]
    [InlineData(PushedRequests.Always)]
    public async Task Requests_are_signed_where_that_is_asked_for(PushedRequests pushed)
    {
        using var client = provider.Client("signed", options =>
        {
            options.PushedRequests = pushed;
            options.UseRequestObjects();
        });
        var tokens = await SignInAsync(client, new AuthorizationParameters { MaxAge = 600, UiLocales = "en" });
        Assert.Equal("alice", tokens.IdToken!.Subject);

        using var plain = provider.Client("signed", options => options.PushedRequests = PushedRequests.Always);
        await Assert.ThrowsAsync<OAuthException>(() => plain.StartAuthorizationAsync());
    }

    [Theory, Spec("JARM", "2.3")]
    [InlineData("jwt")]
    [InlineData("query.jwt")]
    [InlineData("form_post.jwt")]
    public async Task Signed_answers_are_opened_and_nothing_else_counts(string mode)
    {
        using var client = provider.Client("signed", options =>
        {
            options.ResponseMode = mode;
            options.UseRequestObjects();
        });
        Assert.Equal("alice", (await SignInAsync(client)).IdToken!.Subject);

        var start = await client.StartAuthorizationAsync();
        var answer = await provider.AnswerAsync(start.Url);
        Assert.Equal(["response"], answer.Pairs.Select(pair => pair.Key));
        var response = answer["response"]!;
        // Bent, taken apart, or another sign-in's: none of them passes.
        var parts = response.Split('.');
        await RefusedAsync(client, start, "LK-JWT-SIGNATURE", $"response={parts[0]}.{parts[1]}.{(parts[2][0] == 'A' ? 'B' : 'A')}{parts[2][1..]}");
        var claims = Jwt.Claims(response);
        await RefusedAsync(client, start, "LK-CLIENT-JARM-MISSING", $"code={claims.GetProperty("code").GetString()}&state={start.Transaction.State}&iss={provider.Issuer}");
        var other = await client.StartAuthorizationAsync();
        await RefusedAsync(client, other, "LK-CLIENT-STATE-MISMATCH", $"response={response}&state={other.Transaction.State}");
        Assert.Equal("alice", (await client.CompleteAuthorizationAsync(start.Transaction, answer)).IdToken!.Subject);
    }

    [Fact, Spec("RFC 9864", "2.2"), Spec("RFC 8037", "3.1"), Spec("RFC 9449", "5")]
    public async Task Ed25519_signs_assertion_request_and_proof_here_and_answer_and_ID_token_there()
    {
        using var client = provider.Client("edwards", options =>
        {
            options.Scope = "openid offline_access";
            options.ResponseMode = "jwt";
            options.UseRequestObjects();
            options.UseDPoP(DPoPKey.Of(Ed25519Keys.Open("Ed25519", "proofs", Ed25519Keys.Generate())));
        });
        var tokens = await SignInAsync(client, new AuthorizationParameters { Prompt = "consent" });
        Assert.Equal("Ed25519", Jwt.Header(tokens.IdToken!.Value).GetProperty("alg").GetString());
        Assert.Equal(client.Options.DPoPKey!.Thumbprint, tokens.AccessToken.KeyThumbprint);
        var refreshed = await client.RefreshAsync(tokens.RefreshToken!, tokens.IdToken);
        Assert.Equal("alice", (await client.UserInfoAsync(refreshed)).Subject);
    }

    [Theory, Spec("OIDC Core", "2"), Spec("OIDC Core", "5.3.2"), Spec("JARM", "2.2"), InlineData("RSA-OAEP-256"), InlineData("ECDH-ES")]
    public async Task What_is_encrypted_to_the_client_is_opened_and_verified(string algorithm)
    {
        using var client = provider.Client("sealed-" + algorithm, options =>
        {
            options.ResponseMode = "jwt";
            foreach (var key in OidcProvider.Decryption) options.DecryptionKeys.Add(key);
        });
        var start = await client.StartAuthorizationAsync();
        var answer = await provider.AnswerAsync(start.Url);
        Assert.Equal(5, answer["response"]!.Split('.').Length);
        var tokens = await client.CompleteAuthorizationAsync(start.Transaction, answer);
        Assert.Equal("alice", tokens.IdToken!.Subject);
        // What was inside is what is kept: a provider takes it as a hint, which it could not read again as it sent it.
        Assert.Equal(3, tokens.IdToken.Value.Split('.').Length);
        Assert.Equal("alice at oidc-provider", (await client.UserInfoAsync(tokens)).Text("name"));

        using var without = provider.Client("sealed-" + algorithm, options => options.ResponseMode = "jwt");
        start = await without.StartAuthorizationAsync();
        var sealedAnswer = (await provider.AnswerAsync(start.Url))["response"]!;
        await RefusedAsync(without, start, "LK-JWT-ENCRYPTED", $"response={sealedAnswer}");
        using var other = provider.Client("sealed-" + algorithm, options =>
        {
            options.ResponseMode = "jwt";
            options.DecryptionKeys.Add(JweDecrypter.Open(algorithm, "sealed-" + algorithm, JweDecrypter.Generate(algorithm)));
        });
        await RefusedAsync(other, start, "LK-CLIENT-NOT-DECRYPTED", $"response={sealedAnswer}");
    }

    [Fact, Spec("OIDC Core", "5.3.2")]
    public async Task Userinfo_may_be_signed_alone()
    {
        using var client = provider.Client("signed-userinfo");
        Assert.Equal("alice at oidc-provider", (await client.UserInfoAsync(await SignInAsync(client))).Text("name"));
    }

    [Fact, Spec("RFC 8693", "2")]
    public async Task A_token_is_exchanged_for_another()
    {
        using var client = provider.Client("web");
        var tokens = await SignInAsync(client);
        var exchanged = await client.ExchangeAsync(new TokenExchange { SubjectToken = tokens.AccessToken.Value, Audiences = ["https://api.test"], Scope = "api:read" });
        Assert.Equal(TokenExchange.AccessTokenType, exchanged.IssuedTokenType);
        Assert.Equal("api:read", exchanged.AccessToken.Scope);
        Assert.NotEqual(tokens.AccessToken.Value, exchanged.AccessToken.Value);
        var exception = await Assert.ThrowsAsync<OAuthException>(() => client.ExchangeAsync(new TokenExchange { SubjectToken = "unknown-subject-token" }));
        Assert.Equal("invalid_grant", exception.Error);
        Assert.DoesNotContain("unknown-subject-token", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 8628", "3"), Check("C21")]
    public async Task A_terminal_waits_for_the_person()
    {
        using var client = provider.Client("terminal", options => options.Scope = "openid offline_access");
        var device = await client.StartDeviceAsync();
        var pending = await device.PollAsync();
        Assert.Equal(DeviceState.Pending, pending.State);
        await provider.ConfirmAsync(device.VerificationUriComplete!);
        var tokens = (await device.PollAsync()).Tokens!;
        Assert.Equal("alice", tokens.IdToken!.Subject);
        Assert.Equal("alice", (await client.RefreshAsync(tokens.RefreshToken!, tokens.IdToken)).IdToken!.Subject);
    }

    [Fact, Spec("CIBA", "7"), Spec("CIBA", "10.1")]
    public async Task A_till_asks_a_person_who_is_elsewhere()
    {
        using var client = provider.Client("till");
        using var http = new HttpClient();
        var request = await client.StartBackchannelAsync(new() { LoginHint = "alice", Scope = "openid profile", BindingMessage = "W4-7Q" });
        Assert.Equal(DeviceState.Pending, (await request.PollAsync()).State);
        (await http.GetAsync(new Uri(provider.Issuer + "/ciba/allow"))).EnsureSuccessStatusCode();
        var tokens = (await request.PollAsync()).Tokens!;
        Assert.Equal("alice", tokens.IdToken!.Subject);
        Assert.Equal("alice", (await client.UserInfoAsync(tokens)).Subject);

        var other = await client.StartBackchannelAsync(new() { LoginHint = "bob", Scope = "openid" });
        (await http.GetAsync(new Uri(provider.Issuer + "/ciba/deny"))).EnsureSuccessStatusCode();
        Assert.Equal("access_denied", (await Assert.ThrowsAsync<OAuthException>(() => other.PollAsync())).Error);
        Assert.Equal("unknown_user_id", (await Assert.ThrowsAsync<OAuthException>(() => client.StartBackchannelAsync(new() { LoginHint = "nobody", Scope = "openid" }))).Error);
    }

    [Fact, Spec("CIBA", "7.1.1")]
    public async Task What_a_till_asks_is_signed_where_that_is_asked_for()
    {
        using var client = provider.Client("till-signed", options => options.UseSignedBackchannelRequests());
        using var http = new HttpClient();
        var request = await client.StartBackchannelAsync(new() { LoginHint = "alice", Scope = "openid", BindingMessage = "W4-7Q", RequestedExpiry = TimeSpan.FromSeconds(120) });
        (await http.GetAsync(new Uri(provider.Issuer + "/ciba/allow"))).EnsureSuccessStatusCode();
        Assert.Equal("alice", (await request.PollAsync()).Tokens!.IdToken!.Subject);

        using var plain = provider.Client("till-signed");
        await Assert.ThrowsAsync<OAuthException>(() => plain.StartBackchannelAsync(new() { LoginHint = "alice", Scope = "openid" }));
    }

    private async Task<TokenSet> SignInAsync(LatchkeyClient client, AuthorizationParameters? parameters = null)
    {
        var start = await client.StartAuthorizationAsync(parameters);
        return await client.CompleteAuthorizationAsync(start.Transaction, await provider.AnswerAsync(start.Url));
    }

    private static async Task RefusedAsync(LatchkeyClient client, AuthorizationStart start, string code, string callback)
    {
        var exception = await Assert.ThrowsAsync<OAuthException>(() => client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(callback)));
        Assert.Equal(code, exception.Refusal?.Code);
    }
}
