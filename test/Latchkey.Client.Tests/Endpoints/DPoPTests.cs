using Latchkey.Client.Tests.Rogue;
using Latchkey.Protocol;
using Jwt = Latchkey.Tests.Harness.Jwt;

namespace Latchkey.Client.Tests.Endpoints;

/// <summary>Proofs of possession at the provider and at APIs (RFC 9449).</summary>
public sealed class DPoPTests
{
    [Fact, Spec("RFC 9449", "5"), Check("C23")]
    public async Task Every_token_request_has_a_proof_of_its_own()
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Token["token_type"] = "dpop";
        using var client = rogue.Client(options => options.UseDPoP());
        var ids = new HashSet<string>();
        for (var i = 0; i < 3; i++)
        {
            var token = (await client.ClientCredentialsAsync("api:read")).AccessToken;
            Assert.Equal(("DPoP", client.Options.DPoPKey!.Thumbprint), (token.Type, token.KeyThumbprint));
        }

        foreach (var sent in rogue.To("/token"))
        {
            var claims = Jwt.Claims(sent.Headers["DPoP"]);
            Assert.Equal("dpop+jwt", Jwt.Header(sent.Headers["DPoP"]).GetProperty("typ").GetString());
            Assert.Equal(("POST", rogue.Issuer + "/token"), (claims.GetProperty("htm").GetString(), claims.GetProperty("htu").GetString()));
            Assert.Equal(rogue.Clock.GetUtcNow().ToUnixTimeSeconds(), claims.GetProperty("iat").GetInt64());
            Assert.False(claims.TryGetProperty("ath", out _));
            Assert.True(ids.Add(claims.GetProperty("jti").GetString()!));
        }
    }

    [Fact, Spec("RFC 9449", "10"), Check("C23")]
    public async Task The_authorization_request_names_the_key()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.UseDPoP());
        Assert.Equal(client.Options.DPoPKey!.Thumbprint, Parameters.Parse((await client.StartAuthorizationAsync()).Url.Query)["dpop_jkt"]);
    }

    [Fact, Spec("RFC 9449", "5"), Check("C23"), Check("C11")]
    public async Task A_bearer_token_is_no_answer_to_a_proof()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.UseDPoP());
        await Refused.ByAsync("LK-CLIENT-TOKEN-NOT-BOUND", () => client.ClientCredentialsAsync(), RogueProvider.AccessToken);
    }

    [Fact, Spec("RFC 9449", "8"), Check("C23")]
    public async Task A_nonce_is_asked_for_once_and_used_from_then_on()
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Token["token_type"] = "DPoP";
        rogue.Answers["/token"] = sent => Jwt.Claims(sent.Headers["DPoP"]).TryGetProperty("nonce", out var nonce) && nonce.GetString() == "nonce-1"
            ? RogueAnswer.Json(rogue.Token) with { Headers = [("DPoP-Nonce", "nonce-1")] }
            : RogueAnswer.Error("use_dpop_nonce") with { Headers = [("DPoP-Nonce", "nonce-1")] };
        using var client = rogue.Client(options =>
        {
            options.UseDPoP();
            options.Credential = ClientCredential.PrivateKey(TestKeys.Elliptic);
        });
        await client.ClientCredentialsAsync("api:read");
        await client.ClientCredentialsAsync("api:read");
        var sent = rogue.To("/token");
        Assert.Equal(3, sent.Count);
        // Neither a proof nor an assertion is ever sent twice.
        Assert.Equal(3, sent.Select(each => Jwt.Claims(each.Headers["DPoP"]).GetProperty("jti").GetString()).Distinct().Count());
        Assert.Equal(3, sent.Select(each => Jwt.Claims(each.Form["client_assertion"]!).GetProperty("jti").GetString()).Distinct().Count());
    }

    [Theory, Spec("RFC 9449", "8"), Check("C23")]
    [InlineData("another-nonce-each-time", 2)]
    [InlineData(null, 1)]
    [InlineData("not a nonce", 1)]
    public async Task A_server_that_is_never_content_is_asked_twice_at_most(string? nonce, int times)
    {
        await using var rogue = await RogueProvider.StartAsync();
        var asked = 0;
        rogue.Answers["/token"] = _ => RogueAnswer.Error("use_dpop_nonce") with { Headers = nonce is null ? [] : [("DPoP-Nonce", nonce.Contains(' ', StringComparison.Ordinal) ? nonce : $"{nonce}{asked++}")] };
        using var client = rogue.Client(options => options.UseDPoP());
        await Refused.ErrorAsync("use_dpop_nonce", () => client.ClientCredentialsAsync());
        Assert.Equal(times, rogue.To("/token").Count);
    }

    [Fact, Spec("RFC 9449", "7"), Spec("RFC 9449", "9"), Check("C23")]
    public async Task An_APIs_nonce_is_taken_once_and_the_proof_names_the_token()
    {
        await using var rogue = await RogueProvider.StartAsync();
        rogue.Token["token_type"] = "DPoP";
        using var client = rogue.Client(options => options.UseDPoP());
        var tokens = await rogue.SignInAsync(client);
        rogue.Answers["/userinfo"] = sent => Jwt.Claims(sent.Headers["DPoP"]).TryGetProperty("nonce", out _)
            ? new($$"""{"sub":"{{RogueProvider.Subject}}"}""")
            : new("", 401) { Headers = [("WWW-Authenticate", "DPoP error=\"use_dpop_nonce\", algs=\"ES256\""), ("DPoP-Nonce", "api-nonce")] };
        await client.UserInfoAsync(tokens);
        var sent = rogue.To("/userinfo");
        Assert.Equal(2, sent.Count);
        Assert.All(sent, each =>
        {
            Assert.Equal("DPoP " + RogueProvider.AccessToken, each.Headers["Authorization"]);
            Assert.Equal(DPoPProof.Hash(RogueProvider.AccessToken), Jwt.Claims(each.Headers["DPoP"]).GetProperty("ath").GetString());
        });

        rogue.Answers["/userinfo"] = _ => new("", 401) { Headers = [("WWW-Authenticate", "DPoP error=\"use_dpop_nonce\""), ("DPoP-Nonce", "yet-another")] };
        await Refused.ErrorAsync("use_dpop_nonce", () => client.UserInfoAsync(tokens));
        Assert.Equal(4, rogue.To("/userinfo").Count);
    }

    [Fact, Spec("RFC 9449", "9"), Check("C23")]
    public async Task One_servers_nonce_is_never_shown_to_another()
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client(options => options.UseDPoP());
        var token = new AccessToken { Value = "token-1", Type = "DPoP" };
        using var first = new HttpRequestMessage(HttpMethod.Get, "https://api.test/a?x=1");
        client.Attach(first, token);
        using var answer = new HttpResponseMessage(System.Net.HttpStatusCode.Unauthorized);
        answer.Headers.Add("DPoP-Nonce", "nonce-of-api");
        answer.Headers.WwwAuthenticate.ParseAdd("Bearer");
        answer.Headers.WwwAuthenticate.ParseAdd("DPoP error=\"use_dpop_nonce\"");
        Assert.True(client.TakeNonce(first, answer));
        client.Attach(first, token);
        using var second = new HttpRequestMessage(HttpMethod.Post, "https://other.test/a");
        client.Attach(second, token);
        Assert.Equal("nonce-of-api", Jwt.Claims(Assert.Single(first.Headers.GetValues("DPoP"))).GetProperty("nonce").GetString());
        Assert.Equal("https://api.test/a", Jwt.Claims(first.Headers.GetValues("DPoP").Single()).GetProperty("htu").GetString());
        Assert.False(Jwt.Claims(second.Headers.GetValues("DPoP").Single()).TryGetProperty("nonce", out _));
    }

    [Theory, Spec("RFC 6750", "5.3"), Check("C26")]
    [InlineData("http://api.test/")]
    [InlineData("/relative")]
    public async Task A_token_never_goes_out_in_the_clear(string address)
    {
        await using var rogue = await RogueProvider.StartAsync();
        using var client = rogue.Client();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, UriKind.RelativeOrAbsolute));
        Assert.Throws<InvalidOperationException>(() => client.Attach(request, new AccessToken { Value = "token-1" }));
        Assert.Null(request.Headers.Authorization);
    }
}
