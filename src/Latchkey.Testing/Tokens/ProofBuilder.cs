using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Latchkey.Protocol;
using Latchkey.Protocol.Jose;

namespace Latchkey.Testing.Tokens;

/// <summary>
/// A DPoP proof in the making (RFC 9449 section 4.2) at the authority's time. Good unless a fault is asked for. Every method gives a new builder, every
/// <see cref="Sign"/> a proof of its own; to replay one, send it twice.
/// </summary>
public sealed class ProofBuilder
{
    private static readonly Lazy<DPoPKey> Strange = new(() => DPoPKey.Generate());

    private readonly TestAuthority _authority;
    private readonly DPoPKey _key;
    private readonly JsonObject _header;
    private readonly JsonObject _claims;
    private readonly Fault _fault;
    private readonly bool _keepsId;

    internal ProofBuilder(TestAuthority authority, DPoPKey key, string method, string url)
    {
        (_authority, _key) = (authority, key);
        _header = new JsonObject { ["typ"] = "dpop+jwt", ["alg"] = key.Algorithm, ["jwk"] = JsonNode.Parse(key.PublicKey.Span) };
        _claims = new JsonObject { ["jti"] = "", ["htm"] = method, ["htu"] = url, ["iat"] = Now };
    }

    private ProofBuilder(ProofBuilder from, Action<JsonObject, JsonObject>? change, Fault? fault = null, bool? keepsId = null)
    {
        (_authority, _key, _fault, _keepsId) = (from._authority, from._key, fault ?? from._fault, keepsId ?? from._keepsId);
        (_header, _claims) = (from._header.DeepClone().AsObject(), from._claims.DeepClone().AsObject());
        change?.Invoke(_header, _claims);
    }

    private long Now => _authority.Time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>For a request with an access token (<c>ath</c>).</summary>
    /// <param name="accessToken">The token.</param>
    public ProofBuilder For(string accessToken) => Claim("ath", Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken))));

    /// <summary>With a nonce of the server (RFC 9449 sections 8 and 9).</summary>
    /// <param name="nonce">The nonce.</param>
    public ProofBuilder Nonce(string nonce) => Claim("nonce", nonce);

    /// <summary>Sets a claim; null takes it away.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Any JSON.</param>
    public ProofBuilder Claim(string name, JsonNode? value) => new(this, (_, claims) => Put(claims, name, value), keepsId: _keepsId || name == "jti");

    /// <summary>Sets a member of the header; null takes it away.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Any JSON.</param>
    public ProofBuilder Header(string name, JsonNode? value) => new(this, (header, _) => Put(header, name, value));

    /// <summary>For another HTTP method.</summary>
    public ProofBuilder WrongMethod() => Claim("htm", (string?)_claims["htm"] == "PUT" ? "PATCH" : "PUT");

    /// <summary>For another path.</summary>
    public ProofBuilder WrongUrl() => Claim("htu", new Uri(new Uri((string)_claims["htu"]!), "/elsewhere").ToString());

    /// <summary>For another access token.</summary>
    public ProofBuilder WrongToken() => For("another-token");

    /// <summary>Of another kind of JWT.</summary>
    /// <param name="type">The <c>typ</c>.</param>
    public ProofBuilder WrongType(string type = "JWT") => Header("typ", type);

    /// <summary>Made some time ago.</summary>
    /// <param name="age">How long ago; negative for a time that is to come.</param>
    public ProofBuilder Aged(TimeSpan age) => Claim("iat", Now - (long)age.TotalSeconds);

    /// <summary>Unsigned.</summary>
    public ProofBuilder AlgNone() => new(this, (header, _) => header["alg"] = "none", Fault.NoneAlgorithm);

    /// <summary>Signed with a symmetric algorithm.</summary>
    public ProofBuilder Symmetric() => new(this, (header, _) => header["alg"] = "HS256", Fault.PublicKeyAsSecret);

    /// <summary>Signed by another key than the one in its header.</summary>
    public ProofBuilder ForgedKey() => new(this, null, Fault.OtherKeySameId);

    /// <summary>Its claims were changed after it was signed.</summary>
    public ProofBuilder TamperedSignature() => new(this, null, Fault.Tampered);

    /// <summary>A good proof of another key than the token is bound to.</summary>
    public ProofBuilder OfAnotherKey() => new(this, (header, _) => header["jwk"] = JsonNode.Parse(Strange.Value.PublicKey.Span), Fault.UnknownKey);

    /// <summary>With a private key in its header.</summary>
    public ProofBuilder WithPrivateKey() => new(this, (header, _) => header["jwk"]!["d"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));

    /// <summary>The proof.</summary>
    /// <returns>The compact serialization, for the <c>DPoP</c> header.</returns>
    public string Sign()
    {
        var claims = _claims.DeepClone().AsObject();
        if (!_keepsId) claims["jti"] = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));
        var input = $"{Encode(_header)}.{Encode(claims)}";
        if (_fault == Fault.NoneAlgorithm) return input + ".";
        if (_fault == Fault.PublicKeyAsSecret) return $"{input}.{Base64Url.EncodeToString(HMACSHA256.HashData(_key.PublicKey.Span, Encoding.ASCII.GetBytes(input)))}";
        var key = _fault is Fault.OtherKeySameId or Fault.UnknownKey ? Strange.Value : _key;
        using var signer = JwsSigner.Open(key.Algorithm, "", key.Export());
        var signature = new byte[signer.SignatureSize];
        signer.Sign(Encoding.ASCII.GetBytes(input), signature);
        if (_fault == Fault.Tampered)
        {
            claims["iat"] = Now + 1;
            input = $"{Encode(_header)}.{Encode(claims)}";
        }

        return $"{input}.{Base64Url.EncodeToString(signature)}";
    }

    /// <summary>The proof, as <see cref="Sign"/> makes it.</summary>
    /// <param name="proof">What to sign.</param>
    public static implicit operator string(ProofBuilder proof)
    {
        ArgumentNullException.ThrowIfNull(proof);
        return proof.Sign();
    }

    /// <summary>What it says, without its signature.</summary>
    public override string ToString() => $"proof {TokenSigner.Text(_claims)}";

    private static void Put(JsonObject into, string name, JsonNode? value)
    {
        if (value is null) into.Remove(name);
        else into[name] = value.DeepClone();
    }

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(TokenSigner.Text(part)));
}
