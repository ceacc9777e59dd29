using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;

namespace Latchkey.Testing.Tokens;

/// <summary>
/// An access token in the making (RFC 9068), signed with the authority's own key at the authority's time. Good unless a fault is asked for. Every method
/// gives a new builder, so that a good one can be kept and spoiled in many ways.
/// </summary>
public sealed partial class TokenBuilder
{
    private readonly TestAuthority _authority;
    private readonly JsonObject _header;
    private readonly JsonObject _claims;
    private readonly Signing _signing;

    internal TokenBuilder(TestAuthority authority)
    {
        _authority = authority;
        _header = new JsonObject { ["typ"] = JwtTypes.AccessToken };
        var now = Now;
        _claims = new JsonObject
        {
            ["iss"] = authority.Issuer,
            ["sub"] = Ready.Machine.ClientId,
            ["aud"] = Ready.Api,
            ["client_id"] = Ready.Machine.ClientId,
            ["iat"] = now,
            ["exp"] = now + (long)authority.Options.AccessTokenLifetime.TotalSeconds,
            ["jti"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16)),
        };
        _signing = new Signing(SigningAlgorithms.RS256, Fault.None);
    }

    private TokenBuilder(TestAuthority authority, JsonObject header, JsonObject claims, string algorithm) =>
        (_authority, _header, _claims, _signing) = (authority, header, claims, new Signing(algorithm, Fault.None));

    private TokenBuilder(TokenBuilder from, Action<JsonObject, JsonObject>? change, Signing? signing)
    {
        (_authority, _header, _claims, _signing) = (from._authority, from._header.DeepClone().AsObject(), from._claims.DeepClone().AsObject(), signing ?? from._signing);
        change?.Invoke(_header, _claims);
    }

    /// <summary>A token of the authority as the start of a spoiled one; it is signed again.</summary>
    internal static TokenBuilder From(TestAuthority authority, string token)
    {
        var parts = token.Split('.');
        var header = JsonNode.Parse(Base64Url.DecodeFromChars(parts[0]))!.AsObject();
        var algorithm = (string)header["alg"]!;
        header.Remove("alg");
        header.Remove("kid");
        return new(authority, header, JsonNode.Parse(Base64Url.DecodeFromChars(parts[1]))!.AsObject(), algorithm);
    }

    /// <summary>The issuer that it names.</summary>
    internal string Issuer => (string?)_claims["iss"] ?? "";

    private long Now => _authority.Time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>A person's token: <c>sub</c>, the moment of the sign-in, and <c>client_id</c> of <see cref="Ready.Web"/> until <see cref="Client"/> says otherwise.</summary>
    /// <param name="user">The name of a person of the authority, or any other <c>sub</c>.</param>
    public TokenBuilder For(string user) => Claims(claims =>
    {
        claims["sub"] = _authority.SubjectOf(user);
        claims["auth_time"] = Now;
        if ((string?)claims["client_id"] == Ready.Machine.ClientId) claims["client_id"] = Ready.Web.ClientId;
    });

    /// <summary>A client's own token: <c>sub</c> is the client.</summary>
    /// <param name="clientId">The client.</param>
    public TokenBuilder ForClient(string clientId) => Claims(claims =>
    {
        claims["sub"] = clientId;
        claims["client_id"] = clientId;
        claims.Remove("auth_time");
    });

    /// <summary>The client that it was given to.</summary>
    /// <param name="clientId">The client.</param>
    public TokenBuilder Client(string clientId) => Claim(ClaimNames.ClientId, clientId);

    /// <summary>Its scopes.</summary>
    /// <param name="scope">Separated by spaces; empty for a token without the claim.</param>
    public TokenBuilder Scope(string scope) => Claim("scope", scope.Length == 0 ? null : scope);

    /// <summary>The APIs it is for; <see cref="Ready.Api"/> unless set.</summary>
    /// <param name="audience">One as a string, several as a list (RFC 7519 section 4.1.3).</param>
    public TokenBuilder Audience(params IReadOnlyList<string> audience) =>
        Claim("aud", audience.Count == 1 ? audience[0] : new JsonArray([.. audience.Select(one => JsonValue.Create(one))]));

    /// <summary>How long it lives from now; 15 minutes unless set.</summary>
    /// <param name="time">Whole seconds.</param>
    public TokenBuilder Lifetime(TimeSpan time) => Claim("exp", Now + (long)time.TotalSeconds);

    /// <summary>When the person signed in (RFC 9470 section 3: <c>max_age</c>).</summary>
    /// <param name="age">How long ago.</param>
    public TokenBuilder SignedIn(TimeSpan age) => Claim(ClaimNames.AuthenticationTime, Now - (long)age.TotalSeconds);

    /// <summary>How the person signed in (RFC 9470 section 3: <c>acr_values</c>).</summary>
    /// <param name="acr">The authentication context.</param>
    public TokenBuilder Acr(string acr) => Claim(ClaimNames.AuthenticationContext, acr);

    /// <summary>Sets a claim; null takes it away.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Any JSON.</param>
    public TokenBuilder Claim(string name, JsonNode? value) => Claims(claims =>
    {
        if (value is null) claims.Remove(name);
        else claims[name] = value.DeepClone();
    });

    /// <summary>Sets a member of the header; null takes it away. <c>alg</c> and <c>kid</c> set here stand in the header while the key stays what it is.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Any JSON.</param>
    public TokenBuilder Header(string name, JsonNode? value) => new(this, (header, _) => header[name] = value?.DeepClone(), null);

    /// <summary>Signs with the authority's key of another algorithm: <c>RS256</c> (unless set), <c>PS256</c> or <c>ES256</c>.</summary>
    /// <param name="algorithm">The JWS algorithm.</param>
    public TokenBuilder SignedWith(string algorithm) => new(this, null, _signing with { Algorithm = algorithm });

    /// <summary>Binds it to a DPoP key (RFC 9449 section 6.1).</summary>
    /// <param name="thumbprint">The key's thumbprint (RFC 7638), as in <c>cnf.jkt</c>.</param>
    public TokenBuilder BoundTo(string thumbprint) => Claim("cnf", new JsonObject { ["jkt"] = thumbprint });

    /// <summary>Binds it to a DPoP key (RFC 9449 section 6.1).</summary>
    /// <param name="key">The key.</param>
    public TokenBuilder BoundTo(DPoPKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return BoundTo(key.Thumbprint);
    }

    /// <summary>Binds it to a client certificate (RFC 8705 section 3.1).</summary>
    /// <param name="certificate">The certificate whose SHA-256 goes into <c>cnf.x5t#S256</c>.</param>
    public TokenBuilder BoundToCertificate(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        return Claim("cnf", new JsonObject { ["x5t#S256"] = Base64Url.EncodeToString(SHA256.HashData(certificate.RawDataMemory.Span)) });
    }

    /// <summary>The token.</summary>
    /// <returns>The compact serialization (RFC 7515 section 7.1).</returns>
    public string Sign() => TokenSigner.Sign(_authority, _header, _claims, _signing);

    /// <summary>The value of an <c>Authorization</c> header with the token (RFC 6750 section 2.1).</summary>
    public AuthenticationHeaderValue Bearer() => new(TokenTypes.Bearer, Sign());

    /// <summary>A request with the token in its <c>Authorization</c> header.</summary>
    /// <param name="method">The method.</param>
    /// <param name="url">The URL; relative to the HTTP client's base address if it is.</param>
    public HttpRequestMessage Request(HttpMethod method, string url) =>
        new(method, new Uri(url, UriKind.RelativeOrAbsolute)) { Headers = { Authorization = Bearer() } };

    /// <summary>A GET with the token in its <c>Authorization</c> header.</summary>
    /// <param name="url">The URL; relative to the HTTP client's base address if it is.</param>
    public HttpRequestMessage Get(string url) => Request(HttpMethod.Get, url);

    /// <summary>The token, as <see cref="Sign"/> makes it.</summary>
    /// <param name="token">What to sign.</param>
    public static implicit operator string(TokenBuilder token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return token.Sign();
    }

    /// <summary>What it says, without the token itself.</summary>
    public override string ToString() => $"{(_signing.Fault == Fault.None ? "token" : $"token ({_signing.Fault})")} {TokenSigner.Text(_header)} {TokenSigner.Text(_claims)}";

    private TokenBuilder Claims(Action<JsonObject> change) => new(this, (_, claims) => change(claims), null);
}

/// <summary>What is wrong with a signature.</summary>
internal enum Fault
{
    None,
    UnknownKey,
    OtherKeySameId,
    OwnKeyInside,
    OwnKeyElsewhere,
    Tampered,
    Stripped,
    NoneAlgorithm,
    PublicKeyAsSecret,
}

/// <summary>How a token is signed.</summary>
/// <param name="Algorithm">The algorithm of the authority's key.</param>
/// <param name="Fault">What goes wrong.</param>
internal sealed record Signing(string Algorithm, Fault Fault)
{
    /// <summary>The value of <c>alg</c> of <see cref="Fault.NoneAlgorithm"/>, whose letters a careless reader may compare without regard to case.</summary>
    public string None { get; init; } = "none";

    /// <summary>How the public key is made bytes for <see cref="Fault.PublicKeyAsSecret"/>.</summary>
    public PublicKeyForm Form { get; init; }
}

/// <summary>The bytes of a public key that a confused verifier may take for the secret of an HMAC.</summary>
public enum PublicKeyForm
{
    /// <summary>PEM with its final line break.</summary>
    Pem,

    /// <summary>SubjectPublicKeyInfo in DER.</summary>
    Der,

    /// <summary>The modulus of an RSA key alone, the <c>n</c> of its JWK.</summary>
    Modulus,

    /// <summary>The JWK as JSON, as it stands in the JWKS.</summary>
    Jwk,
}
