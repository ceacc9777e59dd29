using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Jose;

namespace Latchkey.Testing.Tokens;

/// <summary>Makes compact JWTs, with a good signature or a bad one.</summary>
internal static class TokenSigner
{
    /// <summary>Where, below the issuer, the keys are that no authority knows: bait for an API that goes where a token's header sends it.</summary>
    public const string StrangeKeysPath = "/strange-keys.json";

    private static readonly JsonSerializerOptions Plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Keys that no authority knows; made once a process, when the first test wants one.
    private static readonly Lazy<JwsSigner> StrangeRsa = new(() => Strange("RS256"));
    private static readonly Lazy<JwsSigner> StrangePss = new(() => Strange("PS256"));
    private static readonly Lazy<JwsSigner> StrangeEs = new(() => Strange("ES256"));

    /// <summary>JSON as people read it.</summary>
    public static string Text(JsonObject part) => part.ToJsonString(Plain);

    public static string Sign(TestAuthority authority, JsonObject header, JsonObject claims, Signing signing)
    {
        var own = authority.Signing.Current(signing.Algorithm);
        var strange = signing.Fault is Fault.UnknownKey or Fault.OtherKeySameId or Fault.OwnKeyInside or Fault.OwnKeyElsewhere;
        var key = strange ? StrangeKey(signing.Algorithm) : own;
        var algorithm = signing.Fault switch
        {
            Fault.NoneAlgorithm => signing.None,
            Fault.PublicKeyAsSecret => "HS256",
            _ => signing.Algorithm,
        };
        if (signing.Fault == Fault.OwnKeyInside) header = With(header, "jwk", JsonNode.Parse(key.PublicKey.Span)!);
        if (signing.Fault == Fault.OwnKeyElsewhere) header = With(header, "jku", authority.Options.Endpoint(StrangeKeysPath));
        // Found by its own name where it is said to be, and by the authority's where it is inside.
        var input = Encode(Header(header, algorithm, signing.Fault is Fault.UnknownKey or Fault.OwnKeyElsewhere ? key.KeyId : own.KeyId)) + "." + Encode(claims);
        return signing.Fault switch
        {
            Fault.NoneAlgorithm or Fault.Stripped => input + ".",
            Fault.PublicKeyAsSecret => input + "." + Base64Url.EncodeToString(HMACSHA256.HashData(Secret(own, signing.Form), Encoding.ASCII.GetBytes(input))),
            Fault.Tampered => Tamper(header, claims, algorithm, own.KeyId) + "." + Signature(key, input),
            _ => input + "." + Signature(key, input),
        };
    }

    /// <summary>The keys that no authority knows, as a JWKS.</summary>
    public static string StrangeKeys() =>
        $$"""{"keys":[{{string.Join(',', ((JwsSigner[])[StrangeRsa.Value, StrangePss.Value, StrangeEs.Value]).Select(key => Encoding.UTF8.GetString(key.PublicKey.Span)))}}]}""";

    private static JsonObject With(JsonObject header, string name, JsonNode value)
    {
        var copy = header.DeepClone().AsObject();
        copy[name] = value;
        return copy;
    }

    // alg and kid first, as everybody writes them; those that the test set itself stay.
    private static JsonObject Header(JsonObject set, string algorithm, string keyId)
    {
        var header = new JsonObject { ["alg"] = algorithm };
        foreach (var (name, value) in set) header[name] = value?.DeepClone();
        if (!set.ContainsKey("kid")) header["kid"] = keyId;
        foreach (var name in set.Where(member => member.Value is null).Select(member => member.Key).ToList()) header.Remove(name);
        return header;
    }

    private static string Tamper(JsonObject header, JsonObject claims, string algorithm, string keyId)
    {
        var changed = claims.DeepClone().AsObject();
        changed["exp"] = ((long?)changed["exp"] ?? 0) + 365 * 86400L;
        return Encode(Header(header, algorithm, keyId)) + "." + Encode(changed);
    }

    private static string Signature(JwsSigner key, string input)
    {
        var signature = new byte[key.SignatureSize];
        key.Sign(Encoding.ASCII.GetBytes(input), signature);
        return Base64Url.EncodeToString(signature);
    }

    private static byte[] Secret(JwsSigner key, PublicKeyForm form)
    {
        var jwk = JsonElement.Parse(key.PublicKey.Span);
        if (form == PublicKeyForm.Jwk) return key.PublicKey.ToArray();
        using AsymmetricAlgorithm open = jwk.GetProperty("kty").GetString() == "RSA"
            ? RSA.Create(new RSAParameters { Modulus = Member(jwk, "n"), Exponent = Member(jwk, "e") })
            : ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = Member(jwk, "x"), Y = Member(jwk, "y") } });
        return form switch
        {
            PublicKeyForm.Der => open.ExportSubjectPublicKeyInfo(),
            PublicKeyForm.Modulus => Member(jwk, open is RSA ? "n" : "x"),
            _ => Encoding.ASCII.GetBytes(open.ExportSubjectPublicKeyInfoPem() + "\n"),
        };
    }

    private static byte[] Member(JsonElement jwk, string name) => Base64Url.DecodeFromChars(jwk.GetProperty(name).GetString());

    private static JwsSigner StrangeKey(string algorithm) => algorithm switch
    {
        "ES256" => StrangeEs.Value,
        "PS256" => StrangePss.Value,
        _ => StrangeRsa.Value,
    };

    private static JwsSigner Strange(string algorithm) => JwsSigner.Open(algorithm, "unknown-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)), JwsSigner.Generate(algorithm));

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Text(part)));
}
