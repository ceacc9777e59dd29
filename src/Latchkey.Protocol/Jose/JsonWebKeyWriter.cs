using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Latchkey.Protocol.Jose;

/// <summary>Writes public keys as JWKs (RFC 7517, RFC 7518 section 6). Private parts never pass through here.</summary>
public static class JsonWebKeyWriter
{
    /// <summary>The public half of a signing key as a JWK.</summary>
    /// <param name="key">An RSA key, or an elliptic one on P-256, P-384 or P-521.</param>
    /// <param name="algorithm">The one algorithm it is for.</param>
    /// <param name="keyId">Its id.</param>
    /// <param name="use"><c>sig</c> or <c>enc</c>.</param>
    /// <returns>The JWK as UTF-8 JSON.</returns>
    public static ReadOnlyMemory<byte> Describe(AsymmetricAlgorithm key, string algorithm, string keyId, string use = "sig")
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        if (key is RSA rsa)
        {
            var parameters = rsa.ExportParameters(includePrivateParameters: false);
            json.WriteString("kty", "RSA");
            json.WriteString("n", Base64Url.EncodeToString(parameters.Modulus));
            json.WriteString("e", Base64Url.EncodeToString(parameters.Exponent));
        }
        else
        {
            var parameters = key is ECDiffieHellman agreement ? agreement.ExportParameters(includePrivateParameters: false)
                : ((ECDsa)key).ExportParameters(includePrivateParameters: false);
            json.WriteString("kty", "EC");
            json.WriteString("crv", $"P-{key.KeySize}");
            json.WriteString("x", Base64Url.EncodeToString(parameters.Q.X));
            json.WriteString("y", Base64Url.EncodeToString(parameters.Q.Y));
        }

        return End(json, buffer, algorithm, keyId, use);
    }

    /// <summary>An Ed25519 key as a JWK (RFC 8037 section 2).</summary>
    /// <param name="publicKey">Its 32 bytes.</param>
    /// <param name="algorithm">The one algorithm it is for.</param>
    /// <param name="keyId">Its id.</param>
    /// <returns>The JWK as UTF-8 JSON.</returns>
    public static ReadOnlyMemory<byte> DescribeEd25519(ReadOnlySpan<byte> publicKey, string algorithm, string keyId)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteString("kty", "OKP");
        json.WriteString("crv", "Ed25519");
        json.WriteString("x", Base64Url.EncodeToString(publicKey));
        return End(json, buffer, algorithm, keyId, "sig");
    }

    /// <summary>A JWK set (RFC 7517 section 5) of JWKs that are already JSON.</summary>
    public static byte[] Set(IEnumerable<ReadOnlyMemory<byte>> keys)
    {
        var text = new StringBuilder("{\"keys\":[");
        text.AppendJoin(',', keys.Select(key => Encoding.UTF8.GetString(key.Span)));
        return Encoding.UTF8.GetBytes(text.Append("]}").ToString());
    }

    private static ReadOnlyMemory<byte> End(Utf8JsonWriter json, ArrayBufferWriter<byte> buffer, string algorithm, string keyId, string use)
    {
        json.WriteString("use", use);
        json.WriteString("alg", algorithm);
        json.WriteString("kid", keyId);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenMemory;
    }
}
