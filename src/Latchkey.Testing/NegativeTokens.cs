using System.Collections;
using Latchkey.Testing.Tokens;

namespace Latchkey.Testing;

/// <summary>A token that an API must refuse.</summary>
public sealed class NegativeToken
{
    private readonly Func<TokenBuilder, string> _make;

    internal NegativeToken(string check, string name, string source, Func<TokenBuilder, string> make, int status = 401, string? error = "invalid_token") =>
        (Check, Name, Source, _make, Status, Error) = (check, name, source, make, status, error);

    /// <summary>The check that it belongs to, such as <c>R3</c>.</summary>
    public string Check { get; }

    /// <summary>What is wrong with it, in words.</summary>
    public string Name { get; }

    /// <summary>Which document says that it must be refused.</summary>
    public string Source { get; }

    /// <summary>The status that must come back.</summary>
    public int Status { get; }

    /// <summary>The error that the challenge must name (RFC 6750 section 3.1); null if it must name none.</summary>
    public string? Error { get; }

    /// <summary>Whether servers may refuse it before they read it, by its length alone.</summary>
    internal bool OverLong { get; init; }

    /// <summary>The resource that it is for, but for its fault.</summary>
    internal string Resource { get; init; } = Ready.Api;

    /// <summary>Makes the token.</summary>
    /// <param name="authority">The authority that the API trusts.</param>
    /// <param name="scope">The scopes that the endpoint wants, so that nothing else is wrong.</param>
    public string Create(TestAuthority authority, string scope = "api:read")
    {
        ArgumentNullException.ThrowIfNull(authority);
        return _make(authority.Token().For("alice").Scope(scope).Audience(Resource));
    }

    internal NegativeToken ForResource(string resource) => new(Check, Name, Source, _make, Status, Error) { Resource = resource, OverLong = OverLong };

    /// <summary>The check and what is wrong, as a test's name shows it.</summary>
    public override string ToString() => $"{Check} {Name}";
}

/// <summary>
/// Tokens that an API must refuse, each with one fault, as the source of a theory: of xUnit (<c>[MemberData]</c>), NUnit (<c>[TestCaseSource]</c>),
/// MSTest (<c>[DynamicData]</c>) or TUnit (<c>[MethodDataSource]</c>).
/// </summary>
/// <example>
/// <code>
/// public static IEnumerable&lt;object[]&gt; Bad => NegativeTokens.All("https://api.example.com").Rows;
/// [Theory, MemberData(nameof(Bad))]
/// public async Task Is_refused(NegativeToken token) => NegativeTokens.ShouldBeRefused(token, await CallAsync(token.Create(authority)));
/// </code>
/// </example>
public sealed class NegativeTokens : IReadOnlyList<NegativeToken>
{
    private readonly List<NegativeToken> _tokens;

    private NegativeTokens(List<NegativeToken> tokens) => _tokens = tokens;

    /// <inheritdoc />
    public int Count => _tokens.Count;

    /// <summary>A row for each token, as theories take them.</summary>
    public IEnumerable<object[]> Rows => _tokens.Select(token => (object[])[token]);

    /// <inheritdoc />
    public NegativeToken this[int index] => _tokens[index];

    /// <summary>All of them.</summary>
    /// <param name="resource">The API's identifier, as in <c>aud</c>.</param>
    public static NegativeTokens All(string resource)
    {
        const string Thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
        var other = resource.TrimEnd('/') + "/other";
        return new([.. ((NegativeToken[])[
            new("R2", "is garbage", "RFC 6750 3.1", _ => "garbage"),
            new("R2", "has two parts", "RFC 7515 5.2", token => string.Join('.', token.Sign().Split('.').Take(2))),
            new("R2", "has a header that is no JSON", "RFC 7515 5.2", token => "bm9KU09O" + token.Sign()[token.Sign().IndexOf('.', StringComparison.Ordinal)..]),
            new("R3", "expired an hour ago", "RFC 9068 4", token => token.Expired()),
            new("R3", "expired two minutes ago", "RFC 9068 4", token => token.Expired(TimeSpan.FromMinutes(2))),
            new("R3", "has no expiry", "RFC 9068 2.2", token => token.NoExpiry()),
            new("R3", "has an expiry that is text", "RFC 7519 4.1.4", token => token.Claim("exp", "tomorrow")),
            new("R4", "is not valid yet", "RFC 7519 4.1.5", token => token.NotYetValid()),
            new("R4", "was issued in the future", "RFC 9068 4", token => token.IssuedInTheFuture()),
            new("R5", "is unsigned (none)", "RFC 8725 3.2", token => token.AlgNone()),
            new("R5", "is unsigned (None)", "RFC 8725 3.1", token => token.AlgNone("None")),
            new("R5", "is unsigned (nOnE)", "RFC 8725 3.1", token => token.AlgNone("nOnE")),
            new("R6", "has an HMAC of the public key (PEM)", "RFC 8725 2.1", token => token.HmacWithPublicKey(PublicKeyForm.Pem)),
            new("R6", "has an HMAC of the public key (DER)", "RFC 8725 2.1", token => token.HmacWithPublicKey(PublicKeyForm.Der)),
            new("R6", "has an HMAC of the public key (modulus)", "RFC 8725 2.1", token => token.HmacWithPublicKey(PublicKeyForm.Modulus)),
            new("R6", "has an HMAC of the public key (JWK)", "RFC 8725 2.1", token => token.HmacWithPublicKey(PublicKeyForm.Jwk)),
            new("R7", "was changed after signing", "RFC 8725 3.3", token => token.TamperedSignature()),
            new("R7", "lost its signature", "RFC 8725 3.3", token => token.StrippedSignature()),
            new("R7", "is signed by another key under the same kid", "RFC 8725 3.3", token => token.ForgedKey()),
            new("R7", "is signed by an unknown key", "RFC 8725 3.3", token => token.UnknownKey()),
            new("R8", "is for another API", "RFC 9068 4", token => token.WrongAudience()),
            new("R8", "is for a resource below this one", "RFC 9068 4", token => token.Audience(other)),
            new("R8", "has no audience", "RFC 9068 2.2", token => token.MissingClaim("aud")),
            new("R9", "is of another issuer", "RFC 8725 3.8", token => token.WrongIssuer()),
            new("R9", "is of the issuer with a slash more", "RFC 8725 3.8", token => token.WrongIssuer(token.Issuer + "/")),
            new("R9", "is of the beginning of the issuer", "RFC 8725 3.8", token => token.WrongIssuer(token.Issuer[..^1])),
            new("R9", "has no issuer", "RFC 9068 2.2", token => token.MissingClaim("iss")),
            new("R10", "is an ID token", "RFC 9068 4", token => token.AsIdToken()),
            new("R10", "is a logout token", "RFC 8725 3.12", token => token.AsLogoutToken()),
            new("R10", "is of type JWT", "RFC 9068 4", token => token.WrongType("JWT")),
            new("R10", "is of type dpop+jwt", "RFC 8725 3.11", token => token.WrongType("dpop+jwt")),
            new("R10", "has no type", "RFC 9068 4", token => token.WrongType(null)),
            new("R10", "has no subject", "RFC 9068 2.2", token => token.MissingClaim("sub")),
            new("R11", "brings the key of its signature along", "RFC 8725 3.10", token => token.EmbeddedKey()),
            new("R11", "says where the key of its signature is", "RFC 8725 3.10", token => token.KeyElsewhere()),
            new("R12", "demands an unknown extension", "RFC 7515 4.1.11", token => token.Header("crit", new System.Text.Json.Nodes.JsonArray("unknown")).Header("unknown", 1)),
            new("R12", "has an unencoded payload", "RFC 7797 7", token => token.Header("crit", new System.Text.Json.Nodes.JsonArray("b64")).Header("b64", false)),
            new("R12", "is a megabyte", "RFC 8725 3.15", token => token.Claim("padding", new string('x', 1024 * 1024))) { OverLong = true },
            new("R14", "has no scope", "RFC 6750 3.1", token => token.Scope(""), 403, "insufficient_scope"),
            new("R14", "has a scope that only begins like the right one", "RFC 6750 3.1", token => token.Scope("api:readall"), 403, "insufficient_scope"),
            new("R20", "is bound to a DPoP key and comes as Bearer", "RFC 9449 7.2", token => token.BoundTo(Thumbprint)),
            new("R34", "is bound to a certificate and comes without", "RFC 8705 3", token => token.Claim("cnf", new System.Text.Json.Nodes.JsonObject { ["x5t#S256"] = Thumbprint })),
        ]).Select(token => token.ForResource(resource))]);
    }

    /// <summary>Those of some checks only.</summary>
    /// <param name="checks">Such as <c>R3</c>.</param>
    public NegativeTokens Only(params IReadOnlyCollection<string> checks) => new(_tokens.FindAll(token => checks.Contains(token.Check)));

    /// <summary>Those of all other checks.</summary>
    /// <param name="checks">Such as <c>R14</c>, for an API without scopes.</param>
    public NegativeTokens Without(params IReadOnlyCollection<string> checks) => new(_tokens.FindAll(token => !checks.Contains(token.Check)));

    /// <summary>Demands that an answer is the refusal of a token: the status, and the error in the challenge (RFC 6750 section 3).</summary>
    /// <param name="token">The token that was sent.</param>
    /// <param name="response">What came back.</param>
    /// <exception cref="AuthorityAssertionException">It is no such refusal.</exception>
    public static void ShouldBeRefused(NegativeToken token, HttpResponseMessage response)
    {
        ArgumentNullException.ThrowIfNull(token);
        ArgumentNullException.ThrowIfNull(response);
        var challenge = string.Join(", ", response.Headers.WwwAuthenticate);
        var overLong = token.OverLong && (int)response.StatusCode is 400 or 401 or 413 or 431;
        if (overLong || ((int)response.StatusCode == token.Status && (token.Error is null || challenge.Contains($"error=\"{token.Error}\"", StringComparison.Ordinal)))) return;
        throw new AuthorityAssertionException(
            $"Expected {token.Status} {token.Error} for a token that {token.Name} ({token.Check}, {token.Source}), got {(int)response.StatusCode} {(challenge.Length == 0 ? "without a challenge" : challenge)}");
    }

    /// <inheritdoc />
    public IEnumerator<NegativeToken> GetEnumerator() => _tokens.GetEnumerator();

    /// <inheritdoc />
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
