using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Latchkey.Server.Keys;

namespace Latchkey.Server.Authorize;

/// <summary>
/// All that redemption needs to know, sealed into the code itself: issuing a code writes nothing, and redeeming it is the insertion of the grant
/// whose id it carries, which succeeds once.
/// </summary>
internal sealed record AuthorizationCode
{
    /// <summary>What every code begins with, so that secret scanners find it.</summary>
    public const string Prefix = "lkc_";

    /// <summary>The grant that redeeming makes, 22 characters.</summary>
    public required string GrantId { get; init; }

    public required string ClientId { get; init; }

    public required string Subject { get; init; }

    /// <summary>The session in which the person agreed, 22 characters.</summary>
    public required string SessionId { get; init; }

    public required string Scope { get; init; }

    /// <summary>The resources that were granted, as registered.</summary>
    public required IReadOnlyList<string> Resources { get; init; }

    /// <summary>The redirect URI as it was sent; null if the request had none.</summary>
    public string? RedirectUri { get; init; }

    /// <summary>The S256 challenge; null only for a confidential client with <c>require_pkce</c> off.</summary>
    public string? CodeChallenge { get; init; }

    /// <summary>The thumbprint of the only key that may redeem it, <c>dpop_jkt</c> (RFC 9449 section 10); null if any may.</summary>
    public string? DPoPKeyThumbprint { get; init; }

    public string? Nonce { get; init; }

    /// <summary>What was granted in detail (RFC 9396), a JSON array; null for nothing.</summary>
    public string? AuthorizationDetails { get; init; }

    /// <summary>The <c>claims</c> parameter as JSON.</summary>
    public string? Claims { get; init; }

    /// <summary>Unix seconds.</summary>
    public required long AuthTime { get; init; }

    public required string Acr { get; init; }

    public required IReadOnlyList<string> Amr { get; init; }

    /// <summary>Unix milliseconds.</summary>
    public required long IssuedAt { get; init; }

    public override string ToString() => $"code of client {ClientId}";

    /// <summary>Seals the code.</summary>
    public string Seal(KeyRing keys, long now) =>
        Prefix + SealedBlob.Seal(keys, now, JsonSerializer.SerializeToUtf8Bytes(this, AuthorizationCodeJson.Default.AuthorizationCode), "code"u8);

    /// <summary>Opens a code; null for anything that this server did not make.</summary>
    public static AuthorizationCode? Open(KeyRing keys, string code) =>
        code.StartsWith(Prefix, StringComparison.Ordinal) && SealedBlob.Open(keys, code.AsSpan(Prefix.Length), "code"u8) is { } bytes
            ? JsonSerializer.Deserialize(bytes, AuthorizationCodeJson.Default.AuthorizationCode)
            : null;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AuthorizationCode))]
internal sealed partial class AuthorizationCodeJson : JsonSerializerContext;

/// <summary>Authenticated encryption (AES-256-GCM) of small things that the server hands out and takes back, under its own shared key.</summary>
internal static class SealedBlob
{
    private const int NonceSize = 12;
    private const int TagSize = 16;

    /// <summary>Seals bytes: key number, nonce, ciphertext and tag in base64url.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <param name="plain">What to seal.</param>
    /// <param name="purpose">What it is, so that one kind is never taken for another.</param>
    public static string Seal(KeyRing keys, long now, ReadOnlySpan<byte> plain, ReadOnlySpan<byte> purpose)
    {
        var key = keys.Current(KeyPurposes.AuthorizationCode, now);
        var blob = new byte[1 + NonceSize + plain.Length + TagSize];
        blob[0] = key.Number;
        RandomNumberGenerator.Fill(blob.AsSpan(1, NonceSize));
        using var aes = new AesGcm(key.Secret, TagSize);
        aes.Encrypt(blob.AsSpan(1, NonceSize), plain, blob.AsSpan(1 + NonceSize, plain.Length), blob.AsSpan(blob.Length - TagSize), purpose);
        return Base64Url.EncodeToString(blob);
    }

    /// <summary>Opens what <see cref="Seal"/> made for the same purpose; null for anything else.</summary>
    public static byte[]? Open(KeyRing keys, ReadOnlySpan<char> text, ReadOnlySpan<byte> purpose)
    {
        if (text.Length > 65536 || !Base64Url.IsValid(text)) return null;
        var blob = Base64Url.DecodeFromChars(text);
        // Base64url has spare bits in its last character: only the one spelling that was handed out counts.
        if (blob.Length < 1 + NonceSize + TagSize || !text.SequenceEqual(Base64Url.EncodeToString(blob))) return null;
        if (keys.Find(KeyPurposes.AuthorizationCode, blob[0]) is not { } key) return null;
        var plain = new byte[blob.Length - 1 - NonceSize - TagSize];
        using var aes = new AesGcm(key.Secret, TagSize);
        try
        {
            aes.Decrypt(blob.AsSpan(1, NonceSize), blob.AsSpan(1 + NonceSize, plain.Length), blob.AsSpan(blob.Length - TagSize), plain, purpose);
            return plain;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }
}
