using System.Text.Json.Nodes;
using Latchkey.Testing;

namespace Latchkey.ResourceServer.Tests;

/// <summary>Good tokens that are not good enough: scopes, sign-ins, people; and what the caller is told.</summary>
public sealed class AccessTests(StandingApi standing) : IClassFixture<StandingApi>
{
    private readonly TestAuthority _authority = standing.Authority;
    private readonly GuardedApi _api = standing.Api;

    [Theory, Spec("RFC 6750", "3.1"), Check("R14")]
    [InlineData("")]
    [InlineData("api:readall")]
    [InlineData("api")]
    [InlineData("API:READ")]
    [InlineData("xapi:read api:readx")]
    public async Task A_scope_that_is_not_the_whole_scope_is_not_enough(string scope)
    {
        var answer = await _api.BearerAsync(_authority.Token().Scope(scope), "/read");
        answer.IsRefused("LK-RS-SCOPE", "insufficient_scope", 403);
        Assert.Contains("scope=\"api:read\", resource_metadata=\"https://api.test/.well-known/oauth-protected-resource\"", answer.Bearer, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 6750", "3.1"), Check("R14")]
    public async Task All_scopes_that_are_needed_are_named_not_only_the_one_that_lacks()
    {
        var answer = await _api.BearerAsync(_authority.Token().Scope("api:read"), "/write", HttpMethod.Post);
        answer.IsRefused("LK-RS-SCOPE", "insufficient_scope", 403);
        Assert.Contains("scope=\"api:read api:write\"", answer.Bearer, StringComparison.Ordinal);
        (await _api.BearerAsync(_authority.Token().Scope("api:write api:read"), "/write", HttpMethod.Post)).IsAccepted();
    }

    [Theory, Spec("RFC 9068", "2.2.3"), Check("R14")]
    [InlineData("scope", """ "other api:read" """)]
    [InlineData("scope", """ ["other", "api:read"] """)]
    [InlineData("scope", """ ["other api:read"] """)]
    [InlineData("scp", """ "api:read other" """)]
    [InlineData("scp", """ ["other", "api:read"] """)]
    public async Task Scopes_are_found_however_the_provider_writes_them(string claim, string json)
    {
        var answer = await _api.BearerAsync(_authority.Token().Claim(claim, JsonNode.Parse(json)), "/read");
        answer.IsAccepted();
        Assert.Contains("api:read", (string)JsonNode.Parse(answer.Body)!["scope"]!, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 9470", "3"), Check("R35")]
    public async Task A_sign_in_that_was_too_long_ago_must_be_done_again()
    {
        (await _api.BearerAsync(_authority.Token().For("alice").SignedIn(TimeSpan.FromSeconds(60)), "/recent")).IsAccepted();
        foreach (var token in new[]
        {
            _authority.Token().For("alice").SignedIn(TimeSpan.FromSeconds(61)),
            _authority.Token().For("alice").SignedIn(TimeSpan.FromHours(-1)),
            _authority.Token().For("alice").Claim("auth_time", "yesterday"),
            _authority.Token(),
        })
        {
            var answer = await _api.BearerAsync(token, "/recent");
            answer.IsRefused("LK-RS-STEP-UP", "insufficient_user_authentication");
            Assert.Contains("max_age=\"60\"", answer.Bearer, StringComparison.Ordinal);
            Assert.Contains("resource_metadata=", answer.Bearer, StringComparison.Ordinal);
        }
    }

    [Fact, Spec("RFC 9470", "3"), Check("R35")]
    public async Task A_remembered_token_grows_old_too()
    {
        var token = _authority.Token().For("alice").Sign();
        for (var i = 0; i < 3; i++) (await _api.BearerAsync(token, "/recent")).IsAccepted();
        _authority.Advance(TimeSpan.FromSeconds(61));
        (await _api.BearerAsync(token, "/recent")).IsRefused("LK-RS-STEP-UP", "insufficient_user_authentication");
    }

    [Fact, Spec("RFC 9470", "3"), Check("R35")]
    public async Task A_sign_in_that_was_not_strong_enough_names_what_would_be_and_the_scopes_with_it()
    {
        (await _api.BearerAsync(_authority.Token().For("alice").Scope("api:read").Acr("urn:stronger"), "/strong")).IsAccepted();
        foreach (var acr in new[] { null, "urn:weak", "urn:strong2", "urn:strong urn:stronger" })
        {
            var answer = await _api.BearerAsync(_authority.Token().For("alice").Claim("acr", acr), "/strong");
            answer.IsRefused("LK-RS-STEP-UP", "insufficient_user_authentication");
            Assert.Contains("scope=\"api:read\", acr_values=\"urn:strong urn:stronger\"", answer.Bearer, StringComparison.Ordinal);
        }

        var scope = await _api.BearerAsync(_authority.Token().For("alice").Acr("urn:strong"), "/strong");
        scope.IsRefused("LK-RS-SCOPE", "insufficient_scope", 403);
        Assert.DoesNotContain("acr_values", scope.Bearer, StringComparison.Ordinal);
    }

    [Theory, Spec("RFC 6750", "3.1"), Check("R14")]
    [InlineData("api:admin", true)]
    [InlineData("api:write", true)]
    [InlineData("other api:write", true)]
    [InlineData("api:read", false)]
    [InlineData("api:writer", false)]
    [InlineData("api", false)]
    public async Task A_scope_holds_those_that_the_api_says_it_implies(string scope, bool may)
    {
        await using var api = await GuardedApi.StartAsync(_authority, options =>
        {
            options.ImpliedScopes["api:admin"] = ["api:write", "api:delete"];
            options.ImpliedScopes["api:write"] = ["api:read"];
            // Two names of one thing: no rule goes round for ever.
            options.ImpliedScopes["api:delete"] = ["api:admin"];
        });
        var answer = await api.BearerAsync(_authority.Token().For("alice").Scope(scope), "/write", HttpMethod.Post);
        if (!may)
        {
            answer.IsRefused("LK-RS-SCOPE", "insufficient_scope", 403);
            return;
        }

        answer.IsAccepted();
        // The token's own come first.
        Assert.Contains($"\"{scope} ", answer.Body, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 6749", "3.3")]
    public async Task A_scope_that_is_none_is_told_at_the_start()
    {
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => GuardedApi.StartAsync(_authority, options => options.ImpliedScopes["api:write"] = ["api:read api:list"]));
        Assert.Contains("'api:read api:list'", exception.Message, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 9700", "4.15"), Check("R37")]
    public async Task A_clients_own_token_is_not_a_person_even_where_its_name_is_a_persons_sub()
    {
        (await _api.BearerAsync(_authority.Token().For("alice"), "/person")).IsAccepted();
        (await _api.BearerAsync(_authority.Token().ForClient("machine"), "/person")).IsRefused("LK-RS-USER", "insufficient_user_authentication");
        (await _api.BearerAsync(_authority.Token().ForClient("user-alice"), "/person")).IsRefused("LK-RS-USER", "insufficient_user_authentication");
    }

    [Fact, Spec("RFC 6750", "3.1")]
    public async Task A_rule_of_the_application_forbids_without_a_scope_to_ask_for()
    {
        var answer = await _api.BearerAsync(_authority.Token(), "/never");
        answer.IsRefused("LK-RS-FORBIDDEN", "insufficient_scope", 403);
        Assert.DoesNotContain("scope=", answer.Bearer, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 6750", "5.3"), Check("R36")]
    public async Task What_belongs_to_a_caller_is_stored_by_nobody_unless_the_endpoint_says_so()
    {
        var token = _authority.Token().Scope("api:read").Sign();
        Assert.True((await _api.BearerAsync(token, "/read")).Headers.CacheControl!.NoStore);
        Assert.True((await _api.BearerAsync(token, "/cached")).Headers.CacheControl!.Public);
        Assert.Null((await _api.SendAsync(null, "/public")).Headers.CacheControl);
        foreach (var answer in new[] { await _api.SendAsync(null, "/read"), await _api.BearerAsync("a.b.c", "/read"), await _api.BearerAsync(_authority.Token(), "/read") })
        {
            Assert.True(answer.Headers.CacheControl!.NoStore);
            Assert.False(answer.Headers.Contains("Access-Control-Allow-Origin"));
        }
    }

    [Fact, Check("M8"), Spec("RFC 9728", "5.1"), Check("R19")]
    public async Task Every_challenge_leads_to_metadata_that_is_there()
    {
        foreach (var answer in new[] { await _api.SendAsync(null, "/read"), await _api.BearerAsync("a.b.c", "/read"), await _api.BearerAsync(_authority.Token(), "/read") })
        {
            Assert.Equal("WWW-Authenticate", answer.Headers.GetValues("Access-Control-Expose-Headers").Single());
            var address = answer.Bearer.Split("resource_metadata=\"")[1].TrimEnd('"');
            var metadata = await _api.SendAsync(null, address);
            Assert.Equal(200, metadata.Status);
            Assert.Equal(Ready.Api, (string)JsonNode.Parse(metadata.Body)!["resource"]!);
        }
    }
}
