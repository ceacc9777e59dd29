using Latchkey.Protocol.Names;
using Latchkey.Testing;
using Latchkey.Testing.Tokens;

namespace Latchkey.ResourceServer.Tests;

/// <summary>Tokens that must not pass, each refused by the very check that is meant for it.</summary>
public sealed class RefusedTests(StandingApi standing) : IClassFixture<StandingApi>
{
    private readonly TestAuthority _authority = standing.Authority;
    private readonly GuardedApi _api = standing.Api;

    /// <summary>Check, section, what is wrong, and the code that must say so.</summary>
    private static readonly (string Check, string Document, string Section, string Code, Func<TokenBuilder, TokenBuilder> Spoil)[] Table =
    [
        ("R3 expired two minutes ago", "RFC 9068", "4", "LK-JWT-EXPIRED", token => token.Expired(TimeSpan.FromMinutes(2))),
        ("R3 expired as long ago as the skew", "RFC 9068", "4", "LK-JWT-EXPIRED", token => token.Expired(TimeSpan.FromSeconds(30))),
        ("R3 no exp", "RFC 9068", "2.2", "LK-JWT-EXPIRY-MISSING", token => token.NoExpiry()),
        ("R3 exp as a string", "RFC 7519", "2", "LK-JWT-EXPIRY-MISSING", token => token.Claim("exp", "99999999999")),
        ("R3 exp beyond any calendar", "RFC 7519", "2", "LK-JWT-EXPIRY-MISSING", token => token.Claim("exp", 1e300)),
        ("R4 nbf in the future", "RFC 7519", "4.1.5", "LK-JWT-NOT-YET-VALID", token => token.NotYetValid()),
        ("R4 nbf as a string", "RFC 7519", "4.1.5", "LK-JWT-DATE-MALFORMED", token => token.Claim("nbf", "soon")),
        ("R4 iat in the future", "RFC 7519", "4.1.6", "LK-JWT-ISSUED-IN-FUTURE", token => token.IssuedInTheFuture()),
        ("R4 no iat", "RFC 9068", "2.2", "LK-JWT-DATE-MALFORMED", token => token.MissingClaim("iat")),
        ("R5 none", "RFC 8725", "3.2", "LK-JWT-ALGORITHM", token => token.AlgNone()),
        ("R5 None", "RFC 8725", "3.2", "LK-JWT-ALGORITHM", token => token.AlgNone("None")),
        ("R5 nOnE", "RFC 8725", "3.2", "LK-JWT-ALGORITHM", token => token.AlgNone("nOnE")),
        ("R5 alg in another case", "RFC 8725", "3.1", "LK-JWT-ALGORITHM", token => token.Header("alg", "rs256")),
        ("R5 another algorithm of the same key", "RFC 8725", "3.1", "LK-JWT-KEY-UNKNOWN", token => token.Header("alg", "PS256")),
        ("R6 HS256 with the key's PEM", "RFC 8725", "2.1", "LK-JWT-ALGORITHM", token => token.HmacWithPublicKey()),
        ("R6 HS256 with the key's DER", "RFC 8725", "2.1", "LK-JWT-ALGORITHM", token => token.HmacWithPublicKey(PublicKeyForm.Der)),
        ("R6 HS256 with the key's modulus", "RFC 8725", "2.1", "LK-JWT-ALGORITHM", token => token.HmacWithPublicKey(PublicKeyForm.Modulus)),
        ("R6 HS256 with the key's JWK", "RFC 8725", "2.1", "LK-JWT-ALGORITHM", token => token.HmacWithPublicKey(PublicKeyForm.Jwk)),
        ("R6 HS256 with an EC key's PEM", "RFC 8725", "2.1", "LK-JWT-ALGORITHM", token => token.SignedWith("ES256").HmacWithPublicKey()),
        ("R7 changed claims", "RFC 8725", "3.3", "LK-JWT-SIGNATURE", token => token.TamperedSignature()),
        ("R7 no signature", "RFC 8725", "3.3", "LK-JWT-SIGNATURE", token => token.StrippedSignature()),
        ("R7 another key by the same name", "RFC 8725", "3.3", "LK-JWT-SIGNATURE", token => token.ForgedKey()),
        ("R7 another key by the same name, PS256", "RFC 8725", "3.3", "LK-JWT-SIGNATURE", token => token.SignedWith("PS256").ForgedKey()),
        ("R7 another key by the same name, ES256", "RFC 8725", "3.3", "LK-JWT-SIGNATURE", token => token.SignedWith("ES256").ForgedKey()),
        ("R7 a key that nobody published", "RFC 8725", "3.3", "LK-JWT-KEY-UNKNOWN", token => token.UnknownKey()),
        ("R8 another audience", "RFC 9068", "4", "LK-JWT-AUDIENCE", token => token.WrongAudience()),
        ("R8 no audience", "RFC 9068", "4", "LK-JWT-AUDIENCE", token => token.MissingClaim("aud")),
        ("R8 an audience that begins like ours", "RFC 9068", "4", "LK-JWT-AUDIENCE", token => token.Audience(Ready.Api + ".evil.test")),
        ("R8 an audience that our name begins like", "RFC 9068", "4", "LK-JWT-AUDIENCE", token => token.Audience("https://api")),
        ("R8 our audience in another case", "RFC 9068", "4", "LK-JWT-AUDIENCE", token => token.Audience("https://API.test")),
        ("R8 our audience with a path", "RFC 9068", "4", "LK-JWT-AUDIENCE", token => token.Audience(Ready.Api + "/mcp")),
        ("R8 a list without ours", "RFC 9068", "4", "LK-JWT-AUDIENCE", token => token.Audience("https://a.test", "https://b.test")),
        ("R8 a list that is not of strings", "RFC 7519", "4.1.3", "LK-JWT-AUDIENCE", token => token.Claim("aud", new System.Text.Json.Nodes.JsonArray(Ready.Api, 7))),
        ("R9 another issuer", "RFC 8725", "3.8", "LK-JWT-ISSUER", token => token.WrongIssuer()),
        ("R9 the issuer with a slash", "RFC 8725", "3.8", "LK-JWT-ISSUER", token => token.WrongIssuer("https://authority.test/")),
        ("R9 an issuer that ours begins like", "RFC 8725", "3.8", "LK-JWT-ISSUER", token => token.WrongIssuer("https://authority")),
        ("R9 the issuer in another case", "RFC 8725", "3.8", "LK-JWT-ISSUER", token => token.WrongIssuer("https://Authority.test")),
        ("R9 no issuer", "RFC 9068", "2.2", "LK-JWT-ISSUER", token => token.MissingClaim("iss")),
        ("R10 an ID token", "RFC 9068", "4", "LK-JWT-TYPE", token => token.AsIdToken()),
        ("R10 a logout token", "RFC 8725", "3.12", "LK-JWT-TYPE", token => token.AsLogoutToken()),
        ("R10 typ JWT", "RFC 9068", "4", "LK-JWT-TYPE", token => token.WrongType("JWT")),
        ("R10 typ dpop+jwt", "RFC 8725", "3.12", "LK-JWT-TYPE", token => token.WrongType("dpop+jwt")),
        ("R10 no typ", "RFC 9068", "4", "LK-JWT-TYPE", token => token.WrongType(null)),
        ("R10 typ at+jwt with more", "RFC 9068", "4", "LK-JWT-TYPE", token => token.WrongType("at+jwt2")),
        ("R10 typ that is no string", "RFC 7515", "4.1.9", "LK-JWT-HEADER-MALFORMED", token => token.Header("typ", 7)),
        ("R12 an unknown crit", "RFC 7515", "4.1.11", "LK-JWT-CRITICAL", token => token.Header("crit", new System.Text.Json.Nodes.JsonArray("exp"))),
        ("R12 b64", "RFC 7797", "6", "LK-JWT-CRITICAL", token => token.Header("b64", false)),
        ("R12 zip", "RFC 8725", "3.14", "LK-JWT-CRITICAL", token => token.Header("zip", "DEF")),
        ("R12 a token of a megabyte", "RFC 8725", "3.15", "LK-JWT-TOO-LONG", token => token.Claim("padding", new string('x', 20_000))),
        ("R37 no sub", "RFC 9068", "2.2", "LK-JWT-CLAIM-MISSING", token => token.MissingClaim("sub")),
        ("R37 sub that is no string", "RFC 9068", "2.2", "LK-JWT-CLAIM-MISSING", token => token.Claim("sub", 7)),
        ("no client_id", "RFC 9068", "2.2", "LK-JWT-CLAIM-MISSING", token => token.MissingClaim("client_id")),
        ("no jti", "RFC 9068", "2.2", "LK-JWT-CLAIM-MISSING", token => token.MissingClaim("jti")),
    ];

    public static TheoryData<string> Names => [.. Table.Select(row => row.Check)];

    [Theory, MemberData(nameof(Names)), Spec("RFC 9068", "4"), Spec("RFC 8725", "3"), Check("R3"), Check("R4"), Check("R5"), Check("R6"), Check("R7"),
     Check("R8"), Check("R9"), Check("R10"), Check("R12")]
    public async Task It_is_refused_by_its_own_check(string name)
    {
        var row = Table.Single(row => row.Check == name);
        var good = _authority.Token().For("alice").Scope("api:read");
        (await _api.BearerAsync(good, "/read")).IsAccepted();

        _api.Log.Clear();
        var token = row.Spoil(good).Sign();
        var answer = await _api.BearerAsync(token, "/read");
        answer.IsRefused(row.Code);
        Assert.True(answer.Headers.CacheControl!.NoStore);

        // One line says why, and neither it nor the answer shows the token.
        var lines = _api.Log.Where(line => line.Contains(row.Code, StringComparison.Ordinal)).ToList();
        Assert.Single(lines, line => line.StartsWith("Latchkey.ResourceServer.Refusals ", StringComparison.Ordinal));
        Assert.DoesNotContain(_api.Log, line => token.Split('.')[1..].Any(part => part.Length > 8 && line.Contains(part, StringComparison.Ordinal)));
        Assert.DoesNotContain(token.Split('.')[1], answer.Body, StringComparison.Ordinal);
    }

    [Fact, Spec("RFC 9068", "4"), Check("R3")]
    public async Task A_token_counts_until_the_skew_after_its_expiry_and_not_a_second_longer()
    {
        (await _api.BearerAsync(_authority.Token().Expired(TimeSpan.FromSeconds(29)))).IsAccepted();

        var token = _authority.Token().Lifetime(TimeSpan.FromSeconds(10)).Sign();
        _authority.Advance(TimeSpan.FromSeconds(39));
        (await _api.BearerAsync(token)).IsAccepted();
        _authority.Advance(TimeSpan.FromSeconds(1));
        (await _api.BearerAsync(token)).IsRefused("LK-JWT-EXPIRED");
    }

    [Theory, Spec("RFC 9068", "4"), Check("R8")]
    [InlineData("https://api.test")]
    [InlineData("https://api.test/")]
    [InlineData("https://first.test", "https://api.test")]
    [InlineData("https://api.test", "https://last.test")]
    public async Task An_audience_that_has_ours_is_enough(params string[] audience) => (await _api.BearerAsync(_authority.Token().Audience(audience))).IsAccepted();

    [Theory, Spec("RFC 9068", "4")]
    [InlineData("at+jwt")]
    [InlineData("AT+JWT")]
    [InlineData("application/at+jwt")]
    [InlineData("Application/At+Jwt")]
    public async Task The_type_of_access_tokens_is_known_in_every_spelling(string type) => (await _api.BearerAsync(_authority.Token().WrongType(type))).IsAccepted();

    [Theory, Spec("RFC 8725", "3.10"), Check("R11")]
    [InlineData("jku")]
    [InlineData("x5u")]
    [InlineData("jwk")]
    [InlineData("x5c")]
    public async Task No_key_is_taken_from_the_token_itself_nor_from_where_it_points(string member)
    {
        var own = System.Text.Json.Nodes.JsonNode.Parse(new ClientKey("mine").PublicJwk)!;
        System.Text.Json.Nodes.JsonNode value = member switch
        {
            "jwk" => own,
            "x5c" => new System.Text.Json.Nodes.JsonArray("MIIB"),
            _ => "https://attacker.test/keys",
        };
        // Where the signature is the issuer's own, the header changes nothing; where it is not, it does not help.
        (await _api.BearerAsync(_authority.Token().Header(member, value))).IsAccepted();
        (await _api.BearerAsync(_authority.Token().Header(member, value).ForgedKey())).IsRefused("LK-JWT-SIGNATURE");
        Assert.All(_api.Asked, address => Assert.StartsWith("/.well-known/", address, StringComparison.Ordinal));
    }

    [Fact, Spec("RFC 8725", "3.10"), Check("R11")]
    public async Task A_key_that_would_verify_is_not_taken_from_the_token_nor_from_where_it_is()
    {
        // Unlike those above, both are signed by the very key that they offer.
        (await _api.BearerAsync(_authority.Token().EmbeddedKey())).IsRefused("LK-JWT-SIGNATURE");
        (await _api.BearerAsync(_authority.Token().KeyElsewhere())).IsRefused("LK-JWT-KEY-UNKNOWN");
        Assert.All(_api.Asked, address => Assert.StartsWith("/.well-known/", address, StringComparison.Ordinal));
    }

    [Theory, Spec("RFC 6750", "3.1"), Check("R2")]
    [InlineData("Bearer", 400, "LK-RS-CREDENTIALS-MALFORMED")]
    [InlineData("Bearer ", 400, "LK-RS-CREDENTIALS-MALFORMED")]
    [InlineData("Bearer a b", 400, "LK-RS-CREDENTIALS-MALFORMED")]
    [InlineData("Bearer a.b.c, Bearer d.e.f", 400, "LK-RS-CREDENTIALS-MALFORMED")]
    [InlineData("Bearer \u00e4\u00f6\u00fc", 400, "LK-RS-CREDENTIALS-MALFORMED")]
    [InlineData("Bearer ..", 401, "LK-JWT-HEADER-MALFORMED")]
    [InlineData("Bearer a.b.c", 401, "LK-JWT-HEADER-MALFORMED")]
    [InlineData("Bearer a.b.c.d.e", 401, "LK-JWT-ENCRYPTED")]
    [InlineData("Bearer e30.e30.e30", 401, "LK-JWT-HEADER-MALFORMED")]
    [InlineData("Bearer eyJhbGciOiJSUzI1NiJ9.e30.e30=", 401, "LK-JWT-SIGNATURE-MALFORMED")]
    [InlineData("bearer eyJhbGciOiJSUzI1NiJ9.W10.e30", 401, "LK-JWT-PAYLOAD-MALFORMED")]
    [InlineData("Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6Ilx1ZDgwMCJ9.e30.e30", 401, "LK-JWT-HEADER-MALFORMED")] // "kid":"\ud800", which is half a character
    [InlineData("Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJpc3MiOiJcdWQ4MDAifQ.e30", 401, "LK-JWT-PAYLOAD-MALFORMED")] // "iss":"\ud800"
    public async Task Garbage_is_refused_and_breaks_nothing(string header, int status, string code) =>
        (await _api.SendAsync(header)).IsRefused(code, status == 400 ? "invalid_request" : "invalid_token", status);

    [Fact, Spec("RFC 6750", "2"), Check("R2")]
    public async Task Two_tokens_are_one_too_many()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/any");
        request.Headers.TryAddWithoutValidation("Authorization", ["Bearer " + _authority.Token().Sign(), "Bearer " + _authority.Token().Sign()]);
        (await _api.SendAsync(request)).IsRefused("LK-RS-CREDENTIALS-SEVERAL", "invalid_request", 400);
    }

    [Theory, Spec("RFC 6750", "3"), Check("R1"), Check("R2")]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("Basic d2ViOnNlY3JldA==")]
    [InlineData("Negotiate abc")]
    [InlineData("Bearerx abc")]
    public async Task Without_an_access_token_the_caller_is_told_what_to_bring_and_of_no_error(string? header)
    {
        var answer = await _api.SendAsync(header, "/read");
        Assert.Equal(401, answer.Status);
        Assert.Equal("scope=\"api:read\", resource_metadata=\"https://api.test/.well-known/oauth-protected-resource\"", answer.Bearer);
    }

    [Fact, Spec("RFC 9700", "4.3.2"), Check("R13")]
    public async Task A_token_in_the_query_or_in_a_form_is_not_seen()
    {
        var token = _authority.Token().Sign();
        var answer = await _api.SendAsync(null, "/any?access_token=" + token);
        Assert.Equal(401, answer.Status);
        Assert.DoesNotContain("error", answer.Bearer, StringComparison.Ordinal);
        Assert.DoesNotContain(_api.Log, line => line.StartsWith("Latchkey", StringComparison.Ordinal) && line.Contains(token[^40..], StringComparison.Ordinal));

        using var form = new HttpRequestMessage(HttpMethod.Post, "/write") { Content = new FormUrlEncodedContent([new("access_token", token)]) };
        Assert.Equal(401, (await _api.SendAsync(form)).Status);
    }

    [Fact, Spec("RFC 8725", "3.15"), Check("R12")]
    public async Task A_token_of_a_megabyte_is_not_even_read()
    {
        var answer = await _api.BearerAsync(new string('a', 1_000_000) + ".b.c");
        answer.IsRefused("LK-JWT-TOO-LONG");
    }

    [Fact, Spec("RFC 9449", "7.2"), Check("R20")]
    public async Task A_token_that_is_bound_to_something_unknown_is_no_bearer_token()
    {
        var bound = _authority.Token().Claim("cnf", new System.Text.Json.Nodes.JsonObject { ["kid"] = "some-key" });
        Assert.Equal(401, (await _api.BearerAsync(bound)).Status);
        Assert.Equal(401, (await _api.BearerAsync(_authority.Token().BoundTo("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"))).Status);
    }

    [Fact, Spec("RFC 8725", "3.8"), Check("R9")]
    public async Task The_keys_of_one_issuer_verify_nothing_of_another()
    {
        await using var other = await TestAuthority.StartAsync(options =>
        {
            options.Issuer = "https://other.test";
            options.Clock = _authority.Clock;
        });
        await using var api = await GuardedApi.StartAsync(_authority, options => options.Issuers.Add(other.Issuer), new ByHost(_authority, other));
        (await api.BearerAsync(_authority.Token())).IsAccepted();
        (await api.BearerAsync(other.Token())).IsAccepted();
        (await api.BearerAsync(_authority.Token().WrongIssuer(other.Issuer))).IsRefused("LK-JWT-KEY-UNKNOWN");
        (await api.BearerAsync(other.Token().WrongIssuer(_authority.Issuer))).IsRefused("LK-JWT-KEY-UNKNOWN");
        (await api.BearerAsync(other.Token().WrongIssuer("https://third.test"))).IsRefused("LK-JWT-ISSUER");
    }

    [Fact, Spec("RFC 9068", "4")]
    public async Task What_a_provider_can_not_do_can_be_loosened_one_by_one()
    {
        await using var api = await GuardedApi.StartAsync(_authority, options =>
        {
            options.TokenTypes.Add("JWT");
            options.RequiredClaims.Remove(ClaimNames.ClientId);
            options.Audiences.Add("the-old-name");
            options.Algorithms.Remove("RS256");
        });
        (await api.BearerAsync(_authority.Token().SignedWith("ES256").WrongType("JWT").MissingClaim("client_id").Audience("the-old-name"))).IsAccepted();
        (await api.BearerAsync(_authority.Token())).IsRefused("LK-JWT-ALGORITHM");
    }

    private sealed class ByHost(params TestAuthority[] authorities) : HttpMessageHandler
    {
        private readonly Dictionary<string, HttpMessageInvoker> _handlers =
            authorities.ToDictionary(authority => new Uri(authority.Issuer).Host, authority => new HttpMessageInvoker(authority.CreateHandler()));

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            _handlers[request.RequestUri!.Host].SendAsync(request, cancellationToken);
    }
}
