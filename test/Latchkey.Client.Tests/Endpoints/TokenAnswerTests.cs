using System.Text.Json.Nodes;
using Latchkey.Client.Tests.Rogue;

namespace Latchkey.Client.Tests.Endpoints;

/// <summary>Answers of the token endpoint, decent and other.</summary>
public sealed class TokenAnswerTests
{
    [Theory, Spec("RFC 6749", "5.1"), Check("C11")]
    [InlineData("Bearer", "Bearer")]
    [InlineData("bearer", "Bearer")]
    [InlineData("BEARER", "Bearer")]
    public async Task The_token_type_has_no_case(string sent, string type)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Token["token_type"] = sent;
        Assert.Equal(type, (await client.ClientCredentialsAsync()).AccessToken.Type);
    }

    public static TheoryData<string, string?, string> Malformed => new()
    {
        { "token_type", "\"mac\"", "LK-CLIENT-TOKEN-TYPE-UNKNOWN" },
        { "token_type", "\"N_A\"", "LK-CLIENT-TOKEN-TYPE-UNKNOWN" },
        { "token_type", "7", "LK-CLIENT-TOKEN-MALFORMED" },
        { "token_type", null, "LK-CLIENT-TOKEN-TYPE-MISSING" },
        { "token_type", "\"DPoP\"", "LK-CLIENT-TOKEN-BOUND" },
        { "access_token", null, "LK-CLIENT-TOKEN-MISSING" },
        { "access_token", "\"\"", "LK-CLIENT-TOKEN-MISSING" },
        { "access_token", "7", "LK-CLIENT-TOKEN-MALFORMED" },
        { "access_token", "\"a b\"", "LK-CLIENT-TOKEN-MALFORMED" },
        { "access_token", "\"a\\r\\nX-Injected: 1\"", "LK-CLIENT-TOKEN-MALFORMED" },
        { "expires_in", "\"soon\"", "LK-CLIENT-TOKEN-MALFORMED" },
        { "expires_in", "true", "LK-CLIENT-TOKEN-MALFORMED" },
        { "expires_in", "\"NaN\"", "LK-CLIENT-TOKEN-MALFORMED" },
        { "scope", "[\"api:read\"]", "LK-CLIENT-TOKEN-MALFORMED" },
        { "refresh_token", "{}", "LK-CLIENT-TOKEN-MALFORMED" },
    };

    [Theory, MemberData(nameof(Malformed)), Spec("RFC 6749", "7.1"), Check("C11")]
    public async Task What_is_no_token_answer_is_refused(string member, string? value, string code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Token.Remove(member);
        if (value is not null) rogue.Token[member] = JsonNode.Parse(value);
        await Refused.ByAsync(code, () => client.ClientCredentialsAsync(), RogueProvider.AccessToken, RogueProvider.Secret);
    }

    [Theory, Spec("RFC 6749", "5.1"), Check("C11")]
    [InlineData("300", 300)]
    [InlineData("\"300\"", 300)]
    [InlineData("299.9", 299)]
    [InlineData("0", 0)]
    [InlineData("-5", 0)]
    [InlineData("1e300", 315_576_000)]
    [InlineData("null", null)]
    [InlineData(null, null)]
    public async Task The_lifetime_may_be_absent_odd_or_absurd(string? sent, int? seconds)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Token.Remove("expires_in");
        if (sent is not null) rogue.Token["expires_in"] = JsonNode.Parse(sent);
        var token = (await client.ClientCredentialsAsync()).AccessToken;
        Assert.Equal(rogue.Clock.GetUtcNow(), token.IssuedAt);
        Assert.Equal(seconds is null ? null : rogue.Clock.GetUtcNow().AddSeconds(seconds.Value), token.ExpiresAt);
    }

    [Theory, Spec("RFC 6749", "5.1")]
    [InlineData(null, "api:read")]
    [InlineData("api:none", "api:none")]
    public async Task The_scope_is_what_was_granted_or_else_what_was_asked_for(string? sent, string scope)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        if (sent is not null) rogue.Token["scope"] = sent;
        Assert.Equal(scope, (await client.ClientCredentialsAsync("api:read")).AccessToken.Scope);
    }

    [Theory, Spec("RFC 6749", "6"), Check("C20")]
    [InlineData(null, "refresh-1")]
    [InlineData("", "refresh-1")]
    [InlineData("refresh-2", "refresh-2")]
    public async Task A_refresh_without_a_new_refresh_token_keeps_the_old_one(string? sent, string kept)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        if (sent is not null) rogue.Token["refresh_token"] = sent;
        Assert.Equal(kept, (await client.RefreshAsync("refresh-1")).RefreshToken);
        Assert.Equal("refresh-1", rogue.To("/token")[0].Form["refresh_token"]);
    }

    [Fact, Spec("RFC 6749", "5.2")]
    public async Task An_error_is_typed_and_never_repeats_a_secret()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Answers["/token"] = sent => RogueAnswer.Error("invalid_grant", $"{sent.Form["refresh_token"]} of {RogueProvider.Secret}\u001b[31m\nline two is unknown", 429) with
        {
            Headers = [("Retry-After", "7"), ("X-Request-Id", "r-1")],
        };
        var exception = await Refused.ErrorAsync("invalid_grant", () => client.RefreshAsync("refresh-1"));
        Assert.Equal("(removed) of (removed) [31m line two is unknown", exception.Description);
        Assert.Equal(429, exception.Status);
        Assert.Equal(TimeSpan.FromSeconds(7), exception.RetryAfter);
        Assert.Equal("r-1", exception.RequestId);
        Assert.EndsWith("(request r-1)", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("refresh-1", exception.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(RogueProvider.Secret, exception.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("two words")]
    [InlineData("back\\slash")]
    [InlineData("quoted\"")]
    public async Task A_request_id_that_is_not_fit_to_be_shown_is_dropped(string id)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Answers["/token"] = _ => RogueAnswer.Error("invalid_grant", "no") with { Headers = [("Request-Id", id)] };
        var exception = await Refused.ErrorAsync("invalid_grant", () => client.RefreshAsync("refresh-1"));
        Assert.Null(exception.RequestId);
        Assert.Equal("invalid_grant: no", exception.Message);
    }

    [Fact, Spec("RFC 6749", "5.2")]
    public async Task No_request_of_any_kind_has_its_secrets_repeated()
    {
        const string Secret = "what-is-nobodys-business";
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Metadata["backchannel_authentication_endpoint"] = rogue.Issuer + "/ciba";
        rogue.Metadata["pushed_authorization_request_endpoint"] = rogue.Issuer + "/par";
        rogue.Answers["/ciba"] = _ => RogueAnswer.Json(new() { ["auth_req_id"] = Secret, ["expires_in"] = 60 });
        using var client = rogue.Client();
        var asked = await client.StartBackchannelAsync(new() { Scope = "openid", LoginHint = "alice" });
        var hint = IdToken.FromStored(rogue.IdToken(null));
        foreach (var path in (string[])["/token", "/par", "/ciba", "/introspect", "/revoke"])
            rogue.Answers[path] = sent => RogueAnswer.Error("invalid_request", "bad: " + string.Join(' ', sent.Form.Pairs.Select(pair => pair.Value)));
        foreach (var call in (Func<Task>[])[
            () => client.RefreshAsync(Secret),
            () => client.JwtBearerAsync(Secret),
            () => client.ExchangeAsync(new() { SubjectToken = Secret, ActorToken = Secret }),
            () => client.IntrospectAsync(Secret),
            () => client.RevokeAsync(Secret),
            () => asked.PollAsync(),
            () => client.StartBackchannelAsync(new() { Scope = "openid", LoginHintToken = Secret, NotificationToken = Secret, UserCode = Secret }),
            () => client.StartBackchannelAsync(new() { Scope = "openid", IdTokenHint = Secret }),
            () => client.StartAuthorizationAsync(new() { IdTokenHint = hint })])
        {
            var exception = await Refused.ErrorAsync("invalid_request", call);
            Assert.Contains("(removed)", exception.Description, StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, exception.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(hint!.Value, exception.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact, Spec("RFC 6749", "5.2")]
    public async Task An_error_with_the_status_of_success_is_an_error()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Answers["/token"] = _ => RogueAnswer.Error("invalid_scope", status: 200);
        await Refused.ErrorAsync("invalid_scope", () => client.ClientCredentialsAsync());
    }

    public static TheoryData<string, string> Nonsense => new()
    {
        { "html", "LK-PROVIDER-NOT-JSON" },
        { "html error", "LK-PROVIDER-NOT-JSON" },
        { "empty", "LK-PROVIDER-NOT-JSON" },
        { "list", "LK-PROVIDER-NOT-JSON" },
        { "twice", "LK-PROVIDER-NOT-JSON" },
        { "half a character", "LK-PROVIDER-NOT-JSON" },
        { "large", "LK-PROVIDER-TOO-LARGE" },
        { "redirect", "LK-PROVIDER-REDIRECT" },
        { "no error", "LK-CLIENT-ERROR-MALFORMED" },
        { "bad error", "LK-CLIENT-ERROR-MALFORMED" },
    };

    [Theory, MemberData(nameof(Nonsense))]
    public async Task Nonsense_is_told_as_the_providers_fault(string kind, string code)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        rogue.Answers["/token"] = _ => kind switch
        {
            "html" => new("<html>Welcome</html>", ContentType: "text/html"),
            "html error" => new("<html>Bad gateway</html>", 502, "text/html"),
            "empty" => new("", 200),
            "list" => new("[]"),
            "twice" => new("""{"access_token":"a","access_token":"b","token_type":"Bearer"}"""),
            "half a character" => new("""{"access_token":"a\ud800","token_type":"Bearer"}"""),
            "large" => new($$"""{"access_token":"{{new string('a', 10_000_000)}}","token_type":"Bearer"}"""),
            "redirect" => new("", 307) { Headers = [("Location", rogue.Issuer + "/elsewhere")] },
            "no error" => new("""{"message":"no"}""", 400),
            _ => new("""{"error":"line\r\nbreak"}""", 400),
        };
        var exception = await Refused.ProviderAsync(code, () => client.ClientCredentialsAsync());
        Assert.Equal(kind == "html error", exception.IsTransient);
        Assert.Empty(rogue.To("/elsewhere"));
    }

    [Fact]
    public async Task A_provider_that_never_answers_is_given_up_on()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        var asked = new TaskCompletionSource();
        rogue.Answers["/token"] = _ =>
        {
            asked.SetResult();
            return new("") { Hangs = true };
        };
        var call = client.ClientCredentialsAsync();
        await asked.Task;
        rogue.Clock.Advance(TimeSpan.FromSeconds(11));
        var exception = await Refused.ProviderAsync("LK-PROVIDER-TIMEOUT", () => call);
        Assert.True(exception.IsTransient);
    }
}
