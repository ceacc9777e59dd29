using Latchkey.Client.Authorization;
using Latchkey.Client.Tests.Rogue;
using Latchkey.Protocol;

namespace Latchkey.Client.Tests.Authorization;

/// <summary>What comes to the redirect URI, and whose word it is.</summary>
public sealed class CallbackTests
{
    [Fact, Spec("OIDC Core", "3.1")]
    public async Task A_decent_answer_brings_tokens()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Token["refresh_token"] = "refresh-1";
        var tokens = await rogue.SignInAsync(client);
        Assert.Equal(RogueProvider.AccessToken, tokens.AccessToken.Value);
        Assert.Equal("refresh-1", tokens.RefreshToken);
        Assert.Equal(RogueProvider.Subject, tokens.IdToken!.Subject);
        var sent = Assert.Single(rogue.To("/token"));
        Assert.Equal("authorization_code", sent.Form["grant_type"]);
        Assert.Equal("code-1", sent.Form["code"]);
        Assert.Equal(RogueProvider.RedirectUri, sent.Form["redirect_uri"]);
        Assert.DoesNotContain("code-1", sent.Query, StringComparison.Ordinal);
    }

    [Theory, Spec("RFC 6749", "10.12"), Check("C2")]
    [InlineData(null, "LK-CLIENT-STATE-MISSING")]
    [InlineData("", "LK-CLIENT-STATE-MISSING")]
    [InlineData("another", "LK-CLIENT-STATE-MISMATCH")]
    public async Task A_state_that_is_not_this_ones_is_refused(string? state, string code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        await Refused.ByAsync(code, () => client.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start, ("state", state))), "code-1");
        Assert.Empty(rogue.To("/token"));
        // Whoever sent that has not spoilt the sign-in.
        rogue.Token["id_token"] = rogue.IdToken(start);
        await client.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start));
    }

    [Fact, Spec("RFC 9700", "4.7.1"), Check("C2"), Check("C12")]
    public async Task A_callback_is_good_once()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        rogue.Token["id_token"] = rogue.IdToken(start);
        var callback = rogue.Callback(start);
        var kept = AuthorizationTransaction.FromJson(start.Transaction.ToJson())!;
        await client.CompleteAuthorizationAsync(start.Transaction, callback);
        await Refused.ByAsync("LK-CLIENT-TRANSACTION-USED", () => client.CompleteAuthorizationAsync(start.Transaction, callback), "code-1");
        await Refused.ByAsync("LK-CLIENT-TRANSACTION-USED", () => client.CompleteAuthorizationAsync(kept, callback), "code-1");
        Assert.Single(rogue.To("/token"));
    }

    [Fact, Spec("RFC 9700", "4.7.1"), Check("C12")]
    public async Task Of_many_callbacks_at_once_one_redeems_the_code()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        rogue.Token["id_token"] = rogue.IdToken(start);
        var callback = rogue.Callback(start);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            try
            {
                await client.CompleteAuthorizationAsync(start.Transaction, callback);
                return true;
            }
            catch (OAuthException)
            {
                return false;
            }
        }));
        Assert.Single(outcomes, outcome => outcome);
        Assert.Single(rogue.To("/token"));
    }

    [Theory, Spec("Security topics update", "2.3"), Check("C17"), Check("C2")]
    [InlineData("session-b", "LK-CLIENT-TRANSACTION-SESSION")]
    [InlineData(null, "LK-CLIENT-TRANSACTION-SESSION")]
    [InlineData("session-a", null)]
    public async Task The_browser_that_started_must_finish(string? session, string? code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync(new() { SessionBinding = "session-a" });
        rogue.Token["id_token"] = rogue.IdToken(start);
        Task<TokenSet> Complete() => client.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start), session);
        if (code is null)
        {
            await Complete();
            return;
        }

        await Refused.ByAsync(code, Complete);
        Assert.Empty(rogue.To("/token"));
    }

    [Fact, Check("C2")]
    public async Task A_sign_in_is_over_after_its_time()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.TransactionLifetime = TimeSpan.FromMinutes(10));
        var start = await client.StartAuthorizationAsync();
        rogue.Clock.Advance(TimeSpan.FromMinutes(10));
        await Refused.ByAsync("LK-CLIENT-TRANSACTION-EXPIRED", () => client.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start)));
    }

    [Theory, Spec("RFC 9207", "2.4"), Check("C4"), Check("C18")]
    [InlineData(true, "", "LK-CLIENT-ISS-MISSING")]
    [InlineData(true, null, "LK-CLIENT-ISS-MISSING")]
    [InlineData(true, "https://evil.example", "LK-CLIENT-ISS-MISMATCH")]
    [InlineData(false, "https://evil.example", "LK-CLIENT-ISS-MISMATCH")]
    [InlineData(true, "{issuer}/", "LK-CLIENT-ISS-MISMATCH")]
    [InlineData(true, "{ISSUER}", "LK-CLIENT-ISS-MISMATCH")]
    [InlineData(true, "{issuer}?x", "LK-CLIENT-ISS-MISMATCH")]
    [InlineData(true, "{issuer}", null)]
    [InlineData(false, "{issuer}", null)]
    [InlineData(false, null, null)]
    public async Task The_issuer_of_the_answer_is_compared_as_a_string(bool advertised, string? issuer, string? code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        if (advertised) rogue.Metadata["authorization_response_iss_parameter_supported"] = true;
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        rogue.Token["id_token"] = rogue.IdToken(start);
        issuer = issuer?.Replace("{issuer}", rogue.Issuer, StringComparison.Ordinal).Replace("{ISSUER}", rogue.Issuer.ToUpperInvariant(), StringComparison.Ordinal);
        Task<TokenSet> Complete() => client.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start, ("iss", issuer)));
        if (code is null)
        {
            await Complete();
            return;
        }

        await Refused.ByAsync(code, Complete, "code-1");
        Assert.Empty(rogue.To("/token"));
    }

    [Theory, Spec("RFC 9207", "2.4"), Check("C5")]
    [InlineData("state", "another", "LK-CLIENT-STATE-MISMATCH")]
    [InlineData("state", null, "LK-CLIENT-STATE-MISSING")]
    [InlineData("iss", "https://evil.example", "LK-CLIENT-ISS-MISMATCH")]
    [InlineData("iss", null, "LK-CLIENT-ISS-MISSING")]
    public async Task A_strangers_error_is_neither_shown_nor_acted_on(string name, string? value, string code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Metadata["authorization_response_iss_parameter_supported"] = true;
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        var callback = rogue.Callback(start, ("code", null), ("error", "access_denied"), ("error_description", "Call 555-0100 to unlock your account"), (name, value));
        var exception = await Refused.ByAsync(code, () => client.CompleteAuthorizationAsync(start.Transaction, callback), "555-0100", "access_denied");
        Assert.Null(exception.Description);
        Assert.Equal(OAuthException.InvalidResponse, exception.Error);
    }

    [Fact, Spec("RFC 6749", "4.1.2.1"), Check("C5")]
    public async Task The_providers_own_error_is_told_and_cleaned()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        var callback = rogue.Callback(start, ("code", null), ("error", "access_denied"), ("error_description", "The person said no"), ("error_uri", "javascript:alert(1)"));
        var exception = await Refused.ErrorAsync("access_denied", () => client.CompleteAuthorizationAsync(start.Transaction, callback));
        Assert.Equal("The person said no", exception.Description);
        Assert.Null(exception.ErrorUri);
        Assert.Empty(rogue.To("/token"));
    }

    [Fact, Spec("RFC 6749", "4.1.2"), Check("C5")]
    public async Task An_error_beside_a_code_redeems_nothing()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        await Refused.ErrorAsync("server_error", () => client.CompleteAuthorizationAsync(start.Transaction, rogue.Callback(start, ("error", "server_error"))));
        Assert.Empty(rogue.To("/token"));
    }

    [Theory, Spec("OAuth 2.1", "3.1")]
    [InlineData("code=a&code=b&state={state}&iss={iss}", "LK-CLIENT-CALLBACK-REPEATED")]
    [InlineData("code=a&state={state}&state={state}&iss={iss}", "LK-CLIENT-CALLBACK-REPEATED")]
    [InlineData("code=a&state={state}&iss={iss}&iss=https://evil.example", "LK-CLIENT-CALLBACK-REPEATED")]
    [InlineData("error=a&error=b&state={state}&iss={iss}", "LK-CLIENT-CALLBACK-REPEATED")]
    [InlineData("code=%zz&state={state}&iss={iss}", "LK-CLIENT-CALLBACK-MALFORMED")]
    [InlineData("code=a%00b&state={state}&iss={iss}", "LK-CLIENT-CALLBACK-MALFORMED")]
    [InlineData("state={state}&iss={iss}", "LK-CLIENT-CODE-MISSING")]
    [InlineData("response=eyJ.e30.x&state={state}&iss={iss}", "LK-CLIENT-JARM-UNEXPECTED")]
    public async Task An_answer_that_is_none_is_refused(string query, string code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var start = await client.StartAuthorizationAsync();
        query = query.Replace("{state}", start.Transaction.State, StringComparison.Ordinal).Replace("{iss}", Uri.EscapeDataString(rogue.Issuer), StringComparison.Ordinal);
        await Refused.ByAsync(code, () => client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(query)));
        Assert.Empty(rogue.To("/token"));
    }

    [Fact, Spec("RFC 9700", "4.4.2"), Check("C18")]
    public async Task A_sign_in_at_one_provider_is_never_completed_at_another()
    {
        await using var honest = await RogueProvider.StartAsync();
        await using var attacker = await RogueProvider.StartAsync();
        using var there = honest.Client();
        using var here = attacker.Client();
        var start = await there.StartAuthorizationAsync();
        // The answer of the honest one, brought to the client of the attacker's: neither code nor secret may reach the attacker.
        await Refused.ByAsync("LK-CLIENT-TRANSACTION-MISMATCH", () => here.CompleteAuthorizationAsync(start.Transaction, honest.Callback(start)));
        var other = honest.Client(options => options.ClientId = "another-client");
        await Refused.ByAsync("LK-CLIENT-TRANSACTION-MISMATCH", () => other.CompleteAuthorizationAsync(start.Transaction, honest.Callback(start)));
        Assert.Empty(attacker.To("/token"));
        Assert.Empty(honest.To("/token"));
    }
}
