using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Verification.Jose;
using Latchkey.Verification.Providers;
using Microsoft.IdentityModel.Tokens;

namespace Latchkey.Verification.Tests.Providers;

/// <summary>Providers that misbehave, and how long that is borne.</summary>
public sealed class ProviderTests : IDisposable
{
    private static readonly JwtRules Rules = new() { Types = ["at+jwt"], Audiences = ["https://api.test"], RequiredClaims = ["sub"] };

    private readonly ScriptedProvider _script = new();

    /// <summary>What the provider answers where its keys, or its metadata, should be; and the code that says so.</summary>
    public static TheoryData<string, string, bool> Misbehaviours => new()
    {
        { "html", "LK-PROVIDER-NOT-JSON", false },
        { "html that says json", "LK-PROVIDER-NOT-JSON", false },
        { "json that says html", "LK-PROVIDER-NOT-JSON", false },
        { "no content type", "LK-PROVIDER-NOT-JSON", false },
        { "a list", "LK-PROVIDER-NOT-JSON", false },
        { "nothing", "LK-PROVIDER-NOT-JSON", false },
        { "a repeated member", "LK-PROVIDER-NOT-JSON", false },
        { "ten megabytes", "LK-PROVIDER-TOO-LARGE", false },
        { "ten megabytes without saying so", "LK-PROVIDER-TOO-LARGE", false },
        { "a redirect", "LK-PROVIDER-REDIRECT", false },
        { "a redirect that somebody followed", "LK-PROVIDER-REDIRECT", false },
        { "an error", "LK-PROVIDER-STATUS", true },
        { "an html error", "LK-PROVIDER-STATUS", true },
        { "a refused connection", "LK-PROVIDER-UNREACHABLE", true },
        { "compressed rubbish", "LK-PROVIDER-UNREACHABLE", true },
        { "a hang", "LK-PROVIDER-TIMEOUT", true },
        { "a drip", "LK-PROVIDER-TIMEOUT", true },
    };

    [Theory, MemberData(nameof(Misbehaviours)), Spec("RFC 7517", "5"), Check("R16")]
    public async Task Keys_that_are_none_are_a_clear_error_within_bounds(string kind, string code, bool transient)
    {
        _script.Answers["/keys"] = () => Misbehave(kind);
        await AssertFailsAsync(() => _script.Provider().Keys.FindAsync("one", "RS256").AsTask(), code, transient);
    }

    [Theory, MemberData(nameof(Misbehaviours)), Spec("RFC 8414", "3.2")]
    public async Task Metadata_that_is_none_is_a_clear_error_within_bounds(string kind, string code, bool transient)
    {
        _script.Answers["/.well-known/openid-configuration"] = () => Misbehave(kind);
        await AssertFailsAsync(() => _script.Provider().MetadataAsync().AsTask(), code, transient);
    }

    [Theory, Spec("RFC 8414", "3.1")]
    [InlineData("https://id.test", "/.well-known/openid-configuration")]
    [InlineData("https://id.test", "/.well-known/oauth-authorization-server")]
    [InlineData("https://id.test/tenant", "/tenant/.well-known/openid-configuration")]
    [InlineData("https://id.test/tenant/", "/tenant/.well-known/openid-configuration")]
    [InlineData("https://id.test/tenant", "/.well-known/oauth-authorization-server/tenant")]
    [InlineData("https://id.test/tenant", "/.well-known/openid-configuration/tenant")]
    [InlineData("https://id.test/tenant", "/tenant/.well-known/oauth-authorization-server")]
    public async Task Metadata_is_found_in_each_of_its_places(string issuer, string path)
    {
        _script.Answers.Clear();
        _script.Answers[path] = () => ScriptedProvider.Json($$"""{"issuer":"{{issuer}}","token_endpoint":"{{issuer}}/token","dpop_signing_alg_values_supported":["ES256"],"mtls_endpoint_aliases":{"token_endpoint":"https://mtls.test/token"},"scopes_supported":7}""");
        var metadata = await _script.Provider(issuer).MetadataAsync();
        Assert.Equal(issuer, metadata.Issuer);
        Assert.Equal(issuer + "/token", metadata.TokenEndpoint);
        Assert.Equal(["ES256"], metadata.DpopSigningAlgValuesSupported!);
        Assert.Equal("https://mtls.test/token", metadata.MtlsEndpointAliases!["token_endpoint"]);
        Assert.Null(metadata.ScopesSupported);
    }

    [Theory, Spec("RFC 8414", "3.3"), Check("C6")]
    [InlineData("https://other.test")]
    [InlineData("https://id.test/")]
    [InlineData("https://ID.test")]
    [InlineData("https://id.test:443")]
    [InlineData(null)]
    public async Task Metadata_of_another_issuer_is_refused_by_comparing_strings(string? issuer)
    {
        _script.Answers["/.well-known/openid-configuration"] = () => ScriptedProvider.Json(new JsonObject { ["issuer"] = issuer, ["jwks_uri"] = "https://id.test/keys" }.ToJsonString());
        await AssertFailsAsync(() => _script.Provider().Keys.FindAsync("one", "RS256").AsTask(), "LK-PROVIDER-ISSUER-MISMATCH", false);
    }

    [Theory, Spec("RFC 8414", "2"), Check("C26")]
    [InlineData("http://id.test", "LK-PROVIDER-ISSUER-INSECURE")]
    [InlineData("id.test", "LK-PROVIDER-ISSUER-MALFORMED")]
    [InlineData("ftp://id.test", "LK-PROVIDER-ISSUER-MALFORMED")]
    [InlineData("https://user@id.test", "LK-PROVIDER-ISSUER-MALFORMED")]
    [InlineData("https://id.test#", "LK-PROVIDER-ISSUER-MALFORMED")]
    [InlineData("https://id.test ", "LK-PROVIDER-ISSUER-MALFORMED")]
    public void An_issuer_that_can_not_be_one_is_refused_before_anybody_is_asked(string issuer, string code)
    {
        Assert.Equal(code, Assert.Throws<ProviderException>(() => _script.Provider(issuer)).Refusal.Code);
        _script.Provider("http://127.0.0.1:5100");
        _script.Provider("http://localhost/x");
        _script.Provider("http://[::1]:5100");
        Assert.Empty(_script.Asked);
    }

    [Fact, Spec("RFC 9700", "2.6")]
    public async Task Keys_are_not_fetched_over_plain_http()
    {
        _script.Answers["/.well-known/openid-configuration"] = () => ScriptedProvider.Json("""{"issuer":"https://id.test","jwks_uri":"http://id.test/keys"}""");
        await AssertFailsAsync(() => _script.Provider().Keys.FindAsync("one", "RS256").AsTask(), "LK-PROVIDER-ENDPOINT-INSECURE", false);
        Assert.DoesNotContain("/keys", _script.Asked);
    }

    [Fact]
    public async Task A_hundred_callers_ask_once_and_a_failure_is_remembered_for_a_second_only()
    {
        var provider = _script.Provider();
        _script.Answers["/keys"] = () => Misbehave("an error");
        await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Assert.ThrowsAsync<ProviderException>(() => provider.Keys.FindAsync("one", "RS256").AsTask())));
        Assert.Single(_script.Asked, "/keys");
        _script.Answers["/keys"] = () => ScriptedProvider.Json(ScriptedProvider.Set(ScriptedProvider.Jwk()).ToJsonString());
        await Assert.ThrowsAsync<ProviderException>(() => provider.Keys.FindAsync("one", "RS256").AsTask());
        _script.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => provider.Keys.FindAsync("one", "RS256").AsTask())), Assert.NotNull);
        Assert.Equal(2, _script.Asked.Count(path => path == "/keys"));
        Assert.Single(_script.Asked, "/.well-known/openid-configuration");
    }

    [Fact]
    public async Task One_who_gives_up_does_not_take_the_answer_from_the_others()
    {
        var release = new TaskCompletionSource();
        _script.Answers["/keys"] = () =>
        {
            release.Task.GetAwaiter().GetResult();
            return ScriptedProvider.Json(ScriptedProvider.Set(ScriptedProvider.Jwk()).ToJsonString());
        };
        var provider = _script.Provider();
        using var impatient = new CancellationTokenSource();
        var first = provider.Keys.FindAsync("one", "RS256", impatient.Token).AsTask();
        var second = provider.Keys.FindAsync("one", "RS256").AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        release.SetResult();
        Assert.NotNull(await second);
    }

    [Fact, Check("R11")]
    public async Task All_who_bring_the_first_tokens_of_a_new_key_at_once_wait_for_one_reading()
    {
        var provider = _script.Provider();
        Assert.NotNull(await provider.Keys.FindAsync("one", "RS256"));
        var asked = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        _script.Answers["/keys"] = () =>
        {
            asked.SetResult();
            release.Task.GetAwaiter().GetResult();
            return ScriptedProvider.Json(ScriptedProvider.Set(ScriptedProvider.Jwk(), ScriptedProvider.Jwk("two")).ToJsonString());
        };
        var first = provider.Keys.FindAsync("two", "RS256").AsTask();
        await asked.Task;
        var others = Enumerable.Range(0, 10).Select(_ => provider.Keys.FindAsync("two", "RS256").AsTask()).ToArray();
        release.SetResult();
        Assert.NotNull(await first);
        Assert.All(await Task.WhenAll(others), Assert.NotNull);
        Assert.Equal(2, _script.Asked.Count(path => path == "/keys"));
    }

    [Fact]
    public async Task While_the_provider_hangs_nobody_waits_for_keys_that_are_known()
    {
        var provider = _script.Provider();
        Assert.NotNull(await provider.Keys.FindAsync("one", "RS256"));
        _script.Clock.Advance(TimeSpan.FromHours(2));
        _script.Answers["/keys"] = () => Misbehave("an error");
        Assert.NotNull(await provider.Keys.FindAsync("one", "RS256"));
        _script.Answers["/keys"] = () => Misbehave("a hang");
        for (var i = 0; i < 3; i++)
        {
            _script.Clock.Advance(TimeSpan.FromSeconds(5));
            var found = provider.Keys.FindAsync("one", "RS256");
            Assert.True(found.IsCompletedSuccessfully);
            Assert.NotNull(await found);
        }

        // A key that is not among them may be a new one: it is worth the wait, and once the provider is back the first that asks has it.
        _script.Answers["/keys"] = () => ScriptedProvider.Json(ScriptedProvider.Set(ScriptedProvider.Jwk("two")).ToJsonString());
        var late = provider.Keys.FindAsync("two", "RS256").AsTask();
        for (var i = 0; i < 200 && !late.IsCompletedSuccessfully; i++)
        {
            // What hangs still is ended by its own limit.
            _script.Clock.Advance(TimeSpan.FromSeconds(1));
            await Task.WhenAny(late, Task.Delay(5));
            if (late.IsFaulted) late = provider.Keys.FindAsync("two", "RS256").AsTask();
        }

        Assert.NotNull(await late);
    }

    [Fact]
    public async Task What_failed_long_ago_says_nothing_of_now()
    {
        var provider = _script.Provider();
        Assert.NotNull(await provider.Keys.FindAsync("one", "RS256"));
        // Whenever in its second half the renewal is due, here it is; and the copy is in date still.
        _script.Clock.Advance(TimeSpan.FromSeconds(3599));
        _script.Answers["/keys"] = () => Misbehave("an error");
        Assert.NotNull(await provider.Keys.FindAsync("one", "RS256"));
        await Eventually.HoldsAsync("the renewal has failed", () => provider.Keys.Failure is not null);

        // Nobody came for hours, and meanwhile the provider is back and has taken the key away: the first who comes waits for what holds now.
        _script.Answers["/keys"] = () => ScriptedProvider.Json(ScriptedProvider.Set(ScriptedProvider.Jwk("two")).ToJsonString());
        _script.Clock.Advance(TimeSpan.FromHours(3));
        Assert.Null(await provider.Keys.FindAsync("one", "RS256"));
    }

    [Fact, Check("R16")]
    public async Task However_often_it_is_tried_what_can_not_be_renewed_ends_when_it_is_too_old()
    {
        var provider = _script.Provider(options: ProviderOptions.Default with { StaleKeys = TimeSpan.FromMinutes(20) });
        Assert.NotNull(await provider.Keys.FindAsync("one", "RS256"));
        _script.Answers["/keys"] = () => Misbehave("an error");
        _script.Clock.Advance(TimeSpan.FromHours(1));
        // Each time the failure is fresh, so that nobody waits for the next.
        for (var minutes = 0; minutes < 20; minutes += 4)
        {
            var earlier = provider.Keys.Failure;
            Assert.NotNull(await provider.Keys.FindAsync("one", "RS256"));
            await Eventually.HoldsAsync("it was tried and failed", () => provider.Keys.Failure != earlier);
            _script.Clock.Advance(TimeSpan.FromMinutes(4));
        }

        await Assert.ThrowsAsync<ProviderException>(async () => await provider.Keys.FindAsync("one", "RS256"));
    }

    [Theory]
    [InlineData("max-age=0", 4, 6)]
    [InlineData("max-age=31536000", 11 * 60, (24 * 60) + 1)]
    public async Task Keys_live_for_five_minutes_at_least_and_a_day_at_most(string cacheControl, int keptMinutes, int goneMinutes)
    {
        _script.Answers["/keys"] = () =>
        {
            var answer = ScriptedProvider.Json(ScriptedProvider.Set(ScriptedProvider.Jwk()).ToJsonString());
            answer.Headers.Add("Cache-Control", cacheControl);
            return answer;
        };
        var provider = _script.Provider();
        var key = (await provider.Keys.FindAsync("one", "RS256"))!;
        // No renewal lengthens its life.
        _script.Answers["/keys"] = () => Misbehave("an error");
        _script.Clock.Advance(TimeSpan.FromMinutes(keptMinutes));
        Assert.True(provider.Keys.Holds(key));
        _script.Clock.Advance(TimeSpan.FromMinutes(goneMinutes - keptMinutes));
        Assert.False(provider.Keys.Holds(key));
    }

    [Fact]
    public void A_set_of_endlessly_many_keys_is_read_to_the_hundredth()
    {
        var keys = ScriptedProvider.Set([.. Enumerable.Range(0, 150).Select(number => ScriptedProvider.Jwk($"key-{number}"))]);
        var set = KeySet.Read(JsonElement.Parse(keys.ToJsonString()), null)!;
        Assert.Equal(100, set.Count);
        Assert.NotNull(set.Find("key-99", "RS256"));
        Assert.Null(set.Find("key-100", "RS256"));
    }

    /// <summary>Keys that must not be used, and what becomes of the token they would verify.</summary>
    public static TheoryData<string, bool> KeySets => new()
    {
        { "good", true },
        { "without an id", false },
        { "one without an id, for a token without one", true },
        { "two without an id, for a token without one", false },
        { "two of one id", false },
        { "two of one id, of different kinds", true },
        { "with its private half", false },
        { "with a factor of it", false },
        { "for encryption", false },
        { "for other operations", false },
        { "to verify", true },
        { "for another algorithm", false },
        { "for any algorithm", true },
        { "of 1024 bits", false },
        { "of exponent one", false },
        { "among broken ones", true },
        { "symmetric", false },
        { "not a list", false },
    };

    [Theory, MemberData(nameof(KeySets)), Spec("RFC 7517", "4"), Spec("RFC 8725", "3.1"), Check("C10")]
    public async Task Only_the_one_right_key_verifies(string kind, bool accepted)
    {
        var jwk = ScriptedProvider.Jwk();
        var token = _script.Token();
        switch (kind)
        {
            case "without an id": jwk.Remove("kid"); break;
            case "with its private half": jwk = ScriptedProvider.Jwk(withPrivateHalf: true); break;
            case "with a factor of it": jwk["p"] = "AQAB"; break;
            case "for encryption": jwk["use"] = "enc"; break;
            case "for other operations": jwk["key_ops"] = new JsonArray("encrypt"); break;
            case "to verify": jwk["key_ops"] = new JsonArray("verify"); break;
            case "for another algorithm": jwk["alg"] = "PS256"; break;
            case "for any algorithm": jwk.Remove("alg"); break;
            case "of exponent one": jwk["e"] = "AQ"; break;
            case "symmetric": jwk = new() { ["kty"] = "oct", ["kid"] = "one", ["alg"] = "RS256", ["k"] = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA" }; break;
            case "one without an id, for a token without one" or "two without an id, for a token without one":
                token = _script.Token(new RsaSecurityKey(ScriptedProvider.Key.Rsa));
                break;
            case "of 1024 bits":
                var small = RSA.Create(1024);
                jwk["n"] = Base64UrlEncoder.Encode(small.ExportParameters(false).Modulus);
                token = _script.Token();
                break;
        }

        using var elliptic = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = elliptic.ExportParameters(false).Q;
        JsonObject Elliptic(string id) => new() { ["kty"] = "EC", ["crv"] = "P-256", ["kid"] = id, ["x"] = Base64UrlEncoder.Encode(point.X), ["y"] = Base64UrlEncoder.Encode(point.Y) };
        var set = kind switch
        {
            "two of one id" => ScriptedProvider.Set(jwk, jwk.DeepClone()),
            "two without an id, for a token without one" => ScriptedProvider.Set(jwk, ScriptedProvider.Jwk("two")),
            "two of one id, of different kinds" => ScriptedProvider.Set(Elliptic("one"), jwk),
            "among broken ones" => ScriptedProvider.Set(7, new JsonObject(), new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = "!", ["y"] = "?" },
                new JsonObject { ["kty"] = "RSA", ["n"] = 3 }, new JsonObject { ["kty"] = "OKP", ["crv"] = "Ed25519", ["x"] = "AAAA" }, jwk),
            "not a list" => new JsonObject { ["keys"] = jwk },
            _ => ScriptedProvider.Set(jwk),
        };
        _script.Answers["/keys"] = () => ScriptedProvider.Json(set.ToJsonString());

        if (kind == "not a list")
        {
            await AssertFailsAsync(() => JwtVerifier.VerifyAsync(token, _script.Provider(), Rules, _script.Clock).AsTask(), "LK-PROVIDER-KEYS-MALFORMED", false);
            return;
        }

        var verdict = await JwtVerifier.VerifyAsync(token, _script.Provider(), Rules, _script.Clock);
        Assert.Equal(accepted, verdict.Succeeded(out _, out var refusal));
        if (!accepted) Assert.Equal("LK-JWT-KEY-UNKNOWN", refusal!.Code);
    }

    [Theory, Spec("RFC 7518", "3.1")]
    [InlineData("RS256")]
    [InlineData("RS384")]
    [InlineData("RS512")]
    [InlineData("PS256")]
    [InlineData("PS384")]
    [InlineData("PS512")]
    [InlineData("ES256")]
    [InlineData("ES384")]
    [InlineData("ES512")]
    public async Task Every_algorithm_that_is_said_to_be_verified_is(string algorithm)
    {
        using var elliptic = ECDsa.Create(algorithm switch { "ES384" => ECCurve.NamedCurves.nistP384, "ES512" => ECCurve.NamedCurves.nistP521, _ => ECCurve.NamedCurves.nistP256 });
        var point = elliptic.ExportParameters(false).Q;
        var isElliptic = algorithm[0] == 'E';
        var jwk = isElliptic
            ? new JsonObject { ["kty"] = "EC", ["crv"] = $"P-{elliptic.KeySize}", ["kid"] = "one", ["x"] = Base64UrlEncoder.Encode(point.X), ["y"] = Base64UrlEncoder.Encode(point.Y) }
            : ScriptedProvider.Jwk();
        jwk.Remove("alg");
        _script.Answers["/keys"] = () => ScriptedProvider.Json(ScriptedProvider.Set(jwk).ToJsonString());
        var token = _script.Token(isElliptic ? new ECDsaSecurityKey(elliptic) { KeyId = "one" } : ScriptedProvider.Key, algorithm);
        var rules = Rules with { Algorithms = [algorithm] };
        var verdict = await JwtVerifier.VerifyAsync(token, _script.Provider(), rules, _script.Clock);
        Assert.True(verdict.Succeeded(out _, out var refusal), refusal?.ToString());

        // The same signature over anything else is none.
        var parts = token.Split('.');
        verdict = await JwtVerifier.VerifyAsync($"{parts[0]}.{_script.Token(audience: "https://api.test").Split('.')[1]}x.{parts[2]}", _script.Provider(), rules, _script.Clock);
        Assert.False(verdict.Succeeded(out _, out _));
    }

    public void Dispose() => _script.Dispose();

    /// <summary>Waits on the test's clock: whatever hangs must end by its own limit.</summary>
    private async Task AssertFailsAsync(Func<Task> act, string code, bool transient)
    {
        var attempt = act();
        for (var i = 0; i < 200 && !attempt.IsCompleted; i++)
        {
            _script.Clock.Advance(TimeSpan.FromMilliseconds(500));
            await Task.WhenAny(attempt, Task.Delay(5));
        }

        var exception = await Assert.ThrowsAsync<ProviderException>(() => attempt);
        Assert.Equal(code, exception.Refusal.Code);
        Assert.Equal(transient, exception.IsTransient);
        Assert.DoesNotContain("secret", exception.ToString(), StringComparison.Ordinal);
    }

    private HttpResponseMessage Misbehave(string kind) => kind switch
    {
        "html" => ScriptedProvider.Text("<html>secret</html>", "text/html"),
        "html that says json" => ScriptedProvider.Json("<html>secret</html>"),
        "json that says html" => ScriptedProvider.Text("""{"issuer":"https://id.test","keys":[]}""", "text/html"),
        "no content type" => new(HttpStatusCode.OK) { Content = new ByteArrayContent("{}"u8.ToArray()) },
        "a list" => ScriptedProvider.Json("[]"),
        "nothing" => ScriptedProvider.Json(""),
        "a repeated member" => ScriptedProvider.Json("""{"issuer":"https://id.test","keys":[],"issuer":"https://id.test"}"""),
        "ten megabytes" => ScriptedProvider.Json($$"""{"issuer":"https://id.test","keys":[],"x":"{{new string('x', 10_000_000)}}"}"""),
        "ten megabytes without saying so" => ScriptedProvider.Endless(new MemoryStream(new byte[10_000_000])),
        "a redirect" => new(HttpStatusCode.Found) { Headers = { Location = new Uri("https://attacker.test/?secret") } },
        "a redirect that somebody followed" => new(HttpStatusCode.OK)
        {
            Content = new StringContent("{}"), RequestMessage = new(HttpMethod.Get, "https://attacker.test/?secret"),
        },
        "an error" => ScriptedProvider.Json("""{"error":"secret"}""", HttpStatusCode.InternalServerError),
        "an html error" => ScriptedProvider.Text("<html>secret</html>", "text/html", HttpStatusCode.BadGateway),
        "a refused connection" => throw new HttpRequestException(HttpRequestError.ConnectionError),
        "compressed rubbish" => ScriptedProvider.Endless(new GZipStream(new MemoryStream(new byte[100]), CompressionMode.Decompress)),
        "a hang" => ScriptedProvider.Endless(new SlowStream(_script.Clock, drips: false)),
        _ => ScriptedProvider.Endless(new SlowStream(_script.Clock, drips: true)),
    };
}
