using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Names;

namespace Latchkey.Protocol.Jose;

/// <summary>Somebody's public key, to encrypt to them (RFC 7516), in compact form.</summary>
public sealed class JweEncrypter
{
    private readonly JsonElement _key;
    private readonly string _algorithm;
    private readonly string? _keyId;

    private JweEncrypter(JsonElement key, string algorithm, string? keyId)
    {
        _key = key;
        _algorithm = algorithm;
        _keyId = keyId;
    }

    /// <summary>Takes a JWK to encrypt to.</summary>
    /// <param name="jwk">The key: RSA of 2048 to 8192 bits, or an elliptic one on P-256, P-384 or P-521.</param>
    /// <param name="algorithm">One of <see cref="EncryptionAlgorithms.Keys"/>.</param>
    /// <returns>Null if it is no such key, not for encryption, or not for this algorithm.</returns>
    public static JweEncrypter? Read(JsonElement jwk, string algorithm)
    {
        if (jwk.ValueKind != JsonValueKind.Object || Text(jwk, "use") is not (null or "enc")) return null;
        if (Text(jwk, "alg") is { } only && only != algorithm) return null;
        var encrypter = new JweEncrypter(jwk, algorithm, Text(jwk, "kid"));
        try
        {
            using var key = encrypter.Open();
            return key is null or RSA { KeySize: < 2048 or > 8192 } ? null : encrypter;
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>Encrypts.</summary>
    /// <param name="plain">What is encrypted; a signed JWT as ASCII where it is nested.</param>
    /// <param name="encryption">One of <see cref="EncryptionAlgorithms.Contents"/>.</param>
    /// <param name="contentType">The header's <c>cty</c>: <c>JWT</c> around a signed one (RFC 7519 section 5.2); null for none.</param>
    /// <returns>The compact serialization, ASCII.</returns>
    public string Encrypt(ReadOnlySpan<byte> plain, string encryption, string? contentType)
    {
        var size = ContentEncryption.KeySize(encryption) ?? throw new ArgumentException($"There is no encryption with {encryption}.", nameof(encryption));
        using var key = Open() ?? throw new InvalidOperationException("A key that could be opened can't be any more.");
        byte[] contentKey, wrapped;
        ECParameters? ephemeral = null;
        if (key is RSA rsa)
        {
            contentKey = RandomNumberGenerator.GetBytes(size);
            wrapped = rsa.Encrypt(contentKey, RSAEncryptionPadding.OaepSHA256);
        }
        else
        {
            var theirs = (ECDiffieHellman)key;
            using var mine = ECDiffieHellman.Create(theirs.ExportParameters(includePrivateParameters: false).Curve);
            using var publicKey = theirs.PublicKey;
            contentKey = KeyAgreement.Derive(mine, publicKey, encryption, size);
            wrapped = [];
            ephemeral = mine.ExportParameters(includePrivateParameters: false);
        }

        var header = Encoding.ASCII.GetBytes(Base64Url.EncodeToString(Header(encryption, contentType, ephemeral, key.KeySize)));
        var nonce = RandomNumberGenerator.GetBytes(ContentEncryption.NonceSize(encryption));
        var (ciphertext, tag) = ContentEncryption.Encrypt(encryption, contentKey, nonce, plain, header);
        CryptographicOperations.ZeroMemory(contentKey);
        return string.Join(
            '.', Encoding.ASCII.GetString(header), Base64Url.EncodeToString(wrapped), Base64Url.EncodeToString(nonce), Base64Url.EncodeToString(ciphertext),
            Base64Url.EncodeToString(tag));
    }

    /// <summary>Algorithm and key id.</summary>
    public override string ToString() => $"{_algorithm} key {_keyId ?? "without an id"}";

    private byte[] Header(string encryption, string? contentType, ECParameters? ephemeral, int keySize)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("alg"u8, _algorithm);
            json.WriteString("enc"u8, encryption);
            if (contentType is not null) json.WriteString("cty"u8, contentType);
            if (_keyId is not null) json.WriteString("kid"u8, _keyId);
            if (ephemeral is { } key)
            {
                json.WriteStartObject("epk"u8);
                json.WriteString("kty"u8, "EC");
                json.WriteString("crv"u8, $"P-{keySize}");
                json.WriteString("x"u8, Base64Url.EncodeToString(key.Q.X));
                json.WriteString("y"u8, Base64Url.EncodeToString(key.Q.Y));
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private AsymmetricAlgorithm? Open() => (Text(_key, "kty"), _algorithm) switch
    {
        ("RSA", EncryptionAlgorithms.RsaOaep256) when Bytes(_key, "n") is { } modulus && Bytes(_key, "e") is { } exponent =>
            RSA.Create(new RSAParameters { Modulus = modulus, Exponent = exponent }),
        ("EC", EncryptionAlgorithms.EcdhEs) => PublicKeys.Elliptic(Text(_key, "crv"), Bytes(_key, "x"), Bytes(_key, "y")),
        _ => null,
    };

    private static byte[]? Bytes(JsonElement jwk, string name) =>
        Text(jwk, name) is { } text && Base64Url.IsValid(text) && text.Length <= 2048 ? Base64Url.DecodeFromChars(text) : null;

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}

/// <summary>Elliptic public keys from the numbers of a JWK.</summary>
internal static class PublicKeys
{
    /// <summary>The key; null for a curve that is not taken or numbers of another size. The platform refuses a point that is not on its curve.</summary>
    public static ECDiffieHellman? Elliptic(string? curve, byte[]? x, byte[]? y)
    {
        var (named, size) = curve switch
        {
            "P-256" => (ECCurve.NamedCurves.nistP256, 32),
            "P-384" => (ECCurve.NamedCurves.nistP384, 48),
            "P-521" => (ECCurve.NamedCurves.nistP521, 66),
            _ => (default, 0),
        };
        return size > 0 && x?.Length == size && y?.Length == size ? ECDiffieHellman.Create(new ECParameters { Curve = named, Q = new ECPoint { X = x, Y = y } }) : null;
    }
}
