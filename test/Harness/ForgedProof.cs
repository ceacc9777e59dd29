using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Latchkey.Tests.Harness;

/// <summary>A DPoP proof made by hand, member by member, so that anything can be wrong with it. As it stands at first it is right.</summary>
public sealed class ForgedProof
{
    private readonly JsonObject _header;
    private readonly JsonObject _claims;
    private readonly ECDsa _key;

    public ForgedProof(ECDsa key, string method, string url, DateTimeOffset now, string? accessToken = null)
    {
        _key = key;
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        _header = new JsonObject
        {
            ["typ"] = "dpop+jwt",
            ["alg"] = "ES256",
            ["jwk"] = new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Base64Url.EncodeToString(point.X), ["y"] = Base64Url.EncodeToString(point.Y) },
        };
        _claims = new JsonObject { ["jti"] = RandomNumberGenerator.GetHexString(32), ["htm"] = method, ["htu"] = url, ["iat"] = now.ToUnixTimeSeconds() };
        if (accessToken is not null) _claims["ath"] = Hash(accessToken);
    }

    /// <summary>The thumbprint of its key.</summary>
    public static string Thumbprint(ECDsa key)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return Hash($$"""{"crv":"P-256","kty":"EC","x":"{{Base64Url.EncodeToString(point.X)}}","y":"{{Base64Url.EncodeToString(point.Y)}}"}""");
    }

    public static string Hash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Sets a claim, or takes it away when there is no value.</summary>
    public ForgedProof With(string claim, JsonNode? value) => Set(_claims, claim, value);

    /// <summary>Sets a member of the header, or takes it away when there is no value.</summary>
    public ForgedProof WithHeader(string member, JsonNode? value) => Set(_header, member, value);

    /// <summary>Sets a member of the key in the header, or takes it away when there is no value.</summary>
    public ForgedProof WithKey(string member, JsonNode? value) => Set((JsonObject)_header["jwk"]!, member, value);

    /// <summary>The proof, signed by its key.</summary>
    public string Sign() => Sign(data => _key.SignData(data, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));

    /// <summary>The proof, signed by whatever the test likes.</summary>
    public string Sign(Func<byte[], byte[]> sign)
    {
        var signed = $"{Encode(_header)}.{Encode(_claims)}";
        return $"{signed}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Encode(JsonObject json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));

    private ForgedProof Set(JsonObject json, string name, JsonNode? value)
    {
        if (value is null) json.Remove(name);
        else json[name] = value;
        return this;
    }
}
